"""The reference central system: what another implementation must do, done once. Signing lives here alone."""

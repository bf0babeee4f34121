"""People's door. Every command is thin, has examples in --help, --json and an exit code."""

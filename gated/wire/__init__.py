"""Messages as bytes, shared by gates and the central system."""

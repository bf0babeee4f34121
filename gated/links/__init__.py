"""One conversation partner a file: the service manager, later the broker and the control socket."""

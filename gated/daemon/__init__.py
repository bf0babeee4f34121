"""Workers: one per lane, one for its reader, one for housekeeping. They move things and decide nothing."""

"""Rules. Everything they know comes in as an argument: no clock, no disk, no bytes."""

"""Hands: one gadget a file. Each passes its port's contract suite, and so does its simulated twin."""

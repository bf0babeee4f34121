"""SQLite files, by lifetime. The journal must never be lost; the cache can be fetched again.

All SQL of the gate stands in this room. The layout is described in docs/reference/state-directory.md.
"""

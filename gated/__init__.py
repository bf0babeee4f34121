"""gated: an offline-capable validator daemon for venue gates with NFC readers.

The way of a tap, and the room each hop lives in (docs/explanation/the-way-of-a-tap.md):

1. sensed     a medium enters the field                      devices
2. conversed  it proves what it is                           card, driven by daemon
3. recalled   its statements, uses, denials                  store
4. opened     statements verified, or refused                credential
5. judged     one Decision                                   policy
6. written    journal row and reserved use, durable          store
7. acted      the barrier is released, the light says why    devices
8. settled    somebody passed, or nobody did                 store
9. told       the central system hears of it                 wire, links (a later release)

It moves down and never back.
"""

__version__ = "0.1.0.dev0"

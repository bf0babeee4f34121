"""Simulated devices: products in their own right, with faults to order.

``gated demo`` runs on them, a technician may configure them to try a lane without hardware, and they
pass the same contract suites as the real ones.
"""

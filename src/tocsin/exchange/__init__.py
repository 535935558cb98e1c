"""The signed log, a library of its own in the public C2SP formats: imports nothing of tocsin.

Read `log.py` (how an entry is committed), then `tree.py` (how a reader trusts nothing it fetched).
The formats are specified in docs/spec/exchange-log.md.
"""

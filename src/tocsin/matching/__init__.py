"""Matching: codes within a radius of the codes of a list, exactly. See `index.py`."""

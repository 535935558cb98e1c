"""Turning what was decoded into signals that can be matched."""

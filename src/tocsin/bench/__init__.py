"""Benchmarks: one file per claim, the peer and ours from the same run."""

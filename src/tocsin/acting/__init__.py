"""Carrying verdicts out: one connector per file, intent stored first."""

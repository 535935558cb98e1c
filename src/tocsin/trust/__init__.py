"""Trust in a signal: what others assert rises from shadow to enforced only as evidence grows."""

"""Operating: the exchange as its operator runs it, from admission to erasure."""

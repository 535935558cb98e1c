"""What we know: lists, their items and signals, and the indices that search them."""

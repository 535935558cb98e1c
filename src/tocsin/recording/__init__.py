"""What happened and what is known: the database, append-only where it matters."""

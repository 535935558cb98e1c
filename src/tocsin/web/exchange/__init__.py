"""The exchange over HTTP: its log, its members' requests, and its bell."""

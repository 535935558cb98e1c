"""The HTTP face: routes, schemas, no logic."""

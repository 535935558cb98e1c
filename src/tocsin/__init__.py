"""Tocsin: recognise known terrorist content on upload, decide by policy, record, be fair."""

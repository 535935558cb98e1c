"""Sharing: a node follows exchanges, and publishes what it knows itself."""

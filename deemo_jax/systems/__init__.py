"""Published systems as plain data: how each writes a conversation down, and what its weights are called."""

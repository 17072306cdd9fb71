"""Published systems as plain data: the form of their prompts, and the names of their weights."""

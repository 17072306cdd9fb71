"""Vicuna v1.1 to v1.5, the language model alone, as FastChat trains it."""

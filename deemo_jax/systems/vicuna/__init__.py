"""Vicuna v1.1 to v1.5 as FastChat trains it, with no media of its own."""

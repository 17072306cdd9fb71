"""The voice of a clip, and the ways of changing it."""

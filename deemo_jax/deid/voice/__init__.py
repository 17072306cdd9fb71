"""The voice of a clip: read from its source, and changed by one of several methods."""

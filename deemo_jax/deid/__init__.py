"""De-identification: faces covered, voices changed, metadata left behind, all of it on record."""

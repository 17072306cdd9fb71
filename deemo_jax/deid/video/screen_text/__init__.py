"""Finds text in pictures (captions, name tags, logos) and covers it for as long as it may be seen."""

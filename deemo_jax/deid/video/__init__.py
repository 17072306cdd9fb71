"""Faces in films: found, followed as tracks, covered, and searched for again in the covered pictures."""

"""Faces found, followed, covered, and the covered pictures looked at again."""

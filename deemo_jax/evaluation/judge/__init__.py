"""Scores reasonings with a language model as the judge, and the judge against people."""

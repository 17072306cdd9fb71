"""Scores of predictions: recognition, cues named in the reasoning, and how honest the probabilities are."""

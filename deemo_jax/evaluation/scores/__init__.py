"""Scores of predictions: of recognition, of the cues named in the reasoning, and of probabilities."""

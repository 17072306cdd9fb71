"""Compares what converted weights compute with what PyTorch computes from the public files."""

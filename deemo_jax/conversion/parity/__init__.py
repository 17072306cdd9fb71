"""The proof that converted weights compute what PyTorch computes."""

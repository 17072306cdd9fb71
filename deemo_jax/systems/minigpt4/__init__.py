"""MiniGPT-4 (arXiv 2304.10592): one linear layer between BLIP-2's Q-Former and Vicuna v0."""

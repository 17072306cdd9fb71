"""MiniGPT-4 (arXiv 2304.10592): one projection between BLIP-2 and Vicuna v0."""

"""Video-LLaMA (arXiv 2306.02858): a video and an audio branch before Vicuna v0."""

"""Public PyTorch weights into this model, and its trained connectors back out."""

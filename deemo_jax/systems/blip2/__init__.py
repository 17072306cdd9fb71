"""BLIP-2 (arXiv 2301.12597), whose Q-Former later systems use for frames."""

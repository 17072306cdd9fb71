"""BLIP-2 (arXiv 2301.12597), whose Q-Former the later systems read frames with."""

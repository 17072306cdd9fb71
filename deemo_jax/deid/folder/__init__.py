"""Many clips in one folder: what is asked for, each source settled, and the lists of what became of them."""

"""Whether a recipe fits on a topology, what bounds its step, and what it costs, before a chip is paid for."""

"""Training: the loss, the optimisation step, the loop, and how a run is stopped and continued."""

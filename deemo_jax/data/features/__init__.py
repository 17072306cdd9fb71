"""Outputs of frozen encoders on disk: made once by `python -m deemo_jax.cache`, and read in place of the clips."""

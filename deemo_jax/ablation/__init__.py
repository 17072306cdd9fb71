"""Ablations over several models: `cells` (what is trained and asked, planned) -> `one_run` -> `sweep` -> a table."""

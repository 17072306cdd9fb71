"""De-identification of many films into one folder: the whole run, each source, and what became of it."""

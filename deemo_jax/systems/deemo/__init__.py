"""DEEMO-LLaMA (the DEEMO paper): this project's own model."""

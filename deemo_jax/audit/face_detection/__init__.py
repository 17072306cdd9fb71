"""Detectors that look for faces left in de-identified clips, and what two of them agree on."""

"""DEEMO-MER: de-identified clips with emotion and reasoning."""

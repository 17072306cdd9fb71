"""From annotated, de-identified clips to a dataset on disk: the privacy gate, splits, records."""

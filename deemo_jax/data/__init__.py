"""From de-identified clips on disk to batches of fixed shapes."""

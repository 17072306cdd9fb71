"""From de-identified clips on disk to fixed-shape batches."""

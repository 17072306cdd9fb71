"""WebVid as a TFDS dataset."""

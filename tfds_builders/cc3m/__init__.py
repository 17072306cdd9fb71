"""CC3M-595K as a TFDS dataset."""

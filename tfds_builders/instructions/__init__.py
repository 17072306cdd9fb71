"""Videos and images with questions and answers as a TFDS dataset."""

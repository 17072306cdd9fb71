"""What a dataset says of itself to others: a Croissant file, and its texts as JSON lines."""

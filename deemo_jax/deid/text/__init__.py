"""Takes names and other identifying words out of transcripts and annotations."""

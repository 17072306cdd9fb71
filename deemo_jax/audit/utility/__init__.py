"""What use is left: how much of the emotion cues a plain probe still finds."""

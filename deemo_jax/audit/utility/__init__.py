"""What use is left of de-identified clips: how well a linear probe still finds emotion and its cues in them."""

"""AffectGPT: emotion recognition and reasoning on Video-LLaMA's architecture."""

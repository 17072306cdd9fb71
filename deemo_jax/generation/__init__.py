"""What a trained run says of clips: prompts of a few lengths, answers, the odds of each emotion, clips from files."""

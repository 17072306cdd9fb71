"""Answers of a trained run on clips: clips read from files, prompts, answers, and a probability for each emotion."""

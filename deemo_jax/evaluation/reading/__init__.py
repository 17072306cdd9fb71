"""How an emotion is read from an answer in free words."""

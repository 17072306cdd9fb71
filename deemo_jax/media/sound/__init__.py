"""Sound tracks decoded, placed on the clip's clock and mixed into one channel."""

"""The audit: checks of de-identified clips, what attackers still get from them, and what use is left."""

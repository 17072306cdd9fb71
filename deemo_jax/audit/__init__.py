"""The audit: what an attacker still gets from de-identified clips, and what is left of their use."""

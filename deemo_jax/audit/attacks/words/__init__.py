"""What an attacker guesses about persons from what they said, before and after names were taken out."""

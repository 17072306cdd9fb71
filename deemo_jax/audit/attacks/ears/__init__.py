"""What attackers hear with: speaker encoders."""

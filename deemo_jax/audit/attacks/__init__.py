"""What an attacker still gets: faces and voices told apart."""

"""Takes a person's clips out of everything that was made of them: found first, then removed."""

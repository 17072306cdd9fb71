"""Takes out what is seen around the people: their pixels are kept, and the rest of every picture is replaced."""

"""Asks language models over the network: replies are checked by a schema, kept, counted, and never paid for twice."""

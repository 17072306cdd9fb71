"""Encoders, connectors, projectors, the decoder, and what they are made of."""

"""The model: encoders, connectors and projectors around a LLaMA decoder, in Flax Linen used functionally."""

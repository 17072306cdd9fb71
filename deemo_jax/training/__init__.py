"""Training: what is learnt, how it is spread over devices, and how a run survives being killed."""

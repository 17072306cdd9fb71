"""De-identity multimodal emotion recognition and reasoning in JAX.

A clip of a person speaking goes in; who they are is taken out; what they feel, and why, comes back
(DEEMO, ACM MM 2025). Imports run one way: commands, workshops (training, evaluation, data, models, deid,
media, synthetic), and on the ground `schema`, `files` and `errors`.
"""

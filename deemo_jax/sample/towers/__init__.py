"""The sample's frozen towers: a tiny ViT, audio trunk and decoder, pre-trained without emotion labels.

The sample follows the paper's recipe, which starts from pre-trained encoders and a pre-trained LLM. Public weights
of that size do not fit a laptop, so `python -m deemo_jax.sample towers` makes small ones, on a synthetic corpus that
shares no speaker and no sentence with the sample: the ViT learns where hands and head are (`poses`), the audio trunk
pitch and rate (`prosody`), the decoder what words say (`dialogues`, `decoder`).
"""

NAMES = ("vit", "audio", "decoder")

"""The names of the Q-Former in BLIP-2's own checkpoint, blip2_pretrained_flant5xxl.pth."""

from deemo_jax.systems.connector_names import QFormerNames

QFORMER = QFormerNames("Qformer", "query_tokens")

"""The names in MiniGPT-4's checkpoint, pretrained_minigpt4_7b.pth."""

from deemo_jax.systems.connector_names import ProjectionNames

PROJECTION = ProjectionNames("llama_proj", ignored=((r"(?!llama_proj\.).*", "everything but the projection"),))

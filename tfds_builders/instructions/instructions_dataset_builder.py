"""Videos and images with questions and answers as a TFDS dataset; see README.md."""

from deemo_jax.data.captions.sources import LAYOUTS
from tfds_builders.caption_builder import CaptionBuilder


class Builder(CaptionBuilder):
    """questions about videos and images, and their answers; see `CaptionBuilder`."""

    LAYOUT = "instructions"
    MANUAL_DOWNLOAD_INSTRUCTIONS = LAYOUTS["instructions"].instructions

"""CC3M-595K as a TFDS dataset; see README.md."""

from deemo_jax.data.captions.sources import LAYOUTS
from tfds_builders.caption_builder import CaptionBuilder


class Builder(CaptionBuilder):
    """CC3M-595K; see `CaptionBuilder`."""

    HOMEPAGE = "https://huggingface.co/datasets/liuhaotian/LLaVA-CC3M-Pretrain-595K"
    LAYOUT = "cc3m"
    MANUAL_DOWNLOAD_INSTRUCTIONS = LAYOUTS["cc3m"].instructions

"""Any folder of captioned videos or images as a TFDS dataset; see README.md."""

from deemo_jax.data.captions.sources import LAYOUTS
from tfds_builders.caption_builder import CaptionBuilder


class Builder(CaptionBuilder):
    """captioned videos and images of any folder; see `CaptionBuilder`."""

    LAYOUT = "captions"
    MANUAL_DOWNLOAD_INSTRUCTIONS = LAYOUTS["captions"].instructions

"""The features of a caption record on disk."""

import numpy as np
import tensorflow_datasets as tfds

from deemo_jax.data.record_features import IMAGE_SIZE


def caption_features() -> tfds.features.FeaturesDict:
    """The features of `webvid`, `cc3m` and `captions`."""
    text = tfds.features.Text
    return tfds.features.FeaturesDict(
        {
            "clip_id": text(doc="unique in the dataset"),
            "media": text(doc="path of the file, or tar and member, within the folder of media"),
            "frames": tfds.features.Sequence(
                tfds.features.Image(shape=(IMAGE_SIZE, IMAGE_SIZE, 3), encoding_format="jpeg"),
                doc="uniform over the video; one for an image, fewer for a video that has fewer",
            ),
            "faces": tfds.features.Scalar(np.int32, doc="rectangles that were covered, summed over the frames"),
            "caption": text(doc="what is seen, cleaned by the rule of the dataset"),
            "provenance": {
                "video": text(doc="how faces were covered, or that they were kept"),
                "audio": text(doc="none: sound is not stored"),
                "transcript": text(doc="that the caption is not de-identified"),
                "source": text(doc="captions"),
                "settings": text(),
                "software": text(),
            },
        }
    )

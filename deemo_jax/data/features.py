"""The clip record as it lies on disk: one definition, used to write a dataset and to check one before it is read."""

import numpy as np
import tensorflow_datasets as tfds

from deemo_jax.core.schema import Emotion
from deemo_jax.media.mel import MEL_BINS, MEL_FRAMES

IMAGE_SIZE = 224


def clip_features() -> tfds.features.FeaturesDict:
    """`deemo_mer`'s features. Frames are encoded JPEGs; no frames or no mel clips means that the modality is absent."""
    text = tfds.features.Text
    return tfds.features.FeaturesDict(
        {
            "clip_id": text(doc="a pseudonym, unique in the dataset"),
            "video_id": text(doc="the recording, a pseudonym"),
            "person_id": text(doc="a pseudonym; empty when unknown"),
            "start_s": tfds.features.Scalar(np.float64, doc="start within the recording, seconds"),
            "end_s": tfds.features.Scalar(np.float64, doc="end within the recording, seconds"),
            "frames": tfds.features.Sequence(
                tfds.features.Image(shape=(IMAGE_SIZE, IMAGE_SIZE, 3), encoding_format="jpeg"),
                doc="de-identified frames, uniform over the clip",
            ),
            "mel": tfds.features.Tensor(
                shape=(None, MEL_BINS, MEL_FRAMES),
                dtype=np.float32,
                doc="log-mel spectrograms of 2 s clips of the de-identified voice, ImageBind's normalisation",
            ),
            "transcript": text(doc="what is said; empty when unknown"),
            "nfbl": tfds.features.Sequence(
                {
                    "start_s": tfds.features.Scalar(np.float64),
                    "end_s": tfds.features.Scalar(np.float64),
                    "label": text(),
                },
                doc="non-facial body language, seconds within the clip",
            ),
            "emotion": tfds.features.ClassLabel(names=list(Emotion), doc="negative or positive"),
            "reasoning": text(doc="the reference explanation"),
            "provenance": {
                "video": text(),
                "audio": text(),
                "transcript": text(),
                "source": text(),
                "settings": text(),
                "software": text(),
            },
        }
    )

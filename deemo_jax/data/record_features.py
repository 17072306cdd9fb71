"""The features of records on disk: with these definitions datasets are written, and checked before reading."""

import enum
import os
from collections.abc import Collection

import numpy as np
import tensorflow_datasets as tfds

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS, Labels
from deemo_jax.media.imagebind_mel import MEL_BINS, MEL_FRAMES

# Height and width of stored frames, pixels: what the image encoder takes.
IMAGE_SIZE = 224


class RecordKind(enum.StrEnum):
    """What the records of a dataset are."""

    CLIPS = "clips"
    CAPTIONS = "captions"
    INSTRUCTIONS = "instructions"


def kind_of(names: Collection[str]) -> RecordKind:
    """The kind of records with features of these names."""
    if "turns" in names:
        return RecordKind.INSTRUCTIONS
    return RecordKind.CAPTIONS if "caption" in names else RecordKind.CLIPS


def features_of(kind: RecordKind) -> tfds.features.FeaturesDict:
    """The features of a kind of records, of clips with DEEMO's labels."""
    return {
        RecordKind.CLIPS: clip_features,
        RecordKind.CAPTIONS: caption_features,
        RecordKind.INSTRUCTIONS: instruction_features,
    }[kind]()


def clip_features(labels: Labels = DEEMO_LABELS) -> tfds.features.FeaturesDict:
    """The features of `deemo_mer`. Frames are JPEGs; a record without frames, or mel clips, lacks the modality."""
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
            "emotion": tfds.features.ClassLabel(names=list(labels), doc=str(labels)),
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


def caption_features() -> tfds.features.FeaturesDict:
    """The features of `webvid`, `cc3m` and `captions`."""
    return _media_features({"caption": tfds.features.Text(doc="what is seen, cleaned by the rule of the dataset")})


def instruction_features() -> tfds.features.FeaturesDict:
    """The features of `instructions`."""
    text = tfds.features.Text
    return _media_features(
        {
            "turns": tfds.features.Sequence(
                {"question": text(), "answer": text()},
                doc="in order; one turn with an empty question is answered to the question of the recipe",
            ),
            "picture_at": tfds.features.Scalar(
                np.int32, doc="characters of the first question in front of the picture's place; -1 where it has none"
            ),
            "transcript": text(doc="what is said; empty when unknown"),
        }
    )


def _media_features(texts: dict[str, tfds.features.FeatureConnector]) -> tfds.features.FeaturesDict:
    """Features of media that were not de-identified as clips, with the texts of their kind."""
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
            **texts,
            "provenance": {
                "video": text(doc="how faces were covered, or that they were kept"),
                "audio": text(doc="none: sound is not stored"),
                "transcript": text(doc="that the texts are not de-identified"),
                "source": text(doc="captions or instructions"),
                "settings": text(),
                "software": text(),
            },
        }
    )


def labels_of(features: tfds.features.FeaturesDict, where: str | os.PathLike[str]) -> Labels:
    """The labels that a dataset was built with.

    Args:
        features: of the dataset, in the form of `clip_features`.
        where: the dataset, for messages.

    Raises:
        UserError: the names of the labels are missing, or cannot be labels (see `Labels`).
    """
    names = features["emotion"].names
    # TFDS gives numbers as names where the file of the names is missing.
    if names == [str(index) for index in range(len(names))]:
        raise UserError(f"{where}: names no labels of emotion; copy the dataset whole, emotion.labels.txt included")
    try:
        return Labels(tuple(names))
    except UserError as error:
        raise UserError(f"{where}: {error}") from error

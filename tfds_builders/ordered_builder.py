"""A TFDS builder whose records have their features in order of name: equal records are equal bytes in any process."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2


class OrderedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """What the builders of this project share. Records are written in the order in which they come."""

    HOMEPAGE: ClassVar[str] = ""

    def described(self, features: tfds.features.FeaturesDict) -> tfds.core.DatasetInfo:
        """What TFDS stores of a dataset beside its records, which have these features."""
        info = self.dataset_info_from_configs(
            features=features,
            supervised_keys=None,
            homepage=self.HOMEPAGE,
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=True,
        )
        # What TFDS knows of its own datasets is not looked for: that leaves an empty folder among temporary files.
        info.initialize_from_bucket = lambda: None
        return info

    def _example_writer(self) -> tfds.core.ExampleWriter:
        return _OrderedWriter(self.info.file_format)


class _OrderedWriter(tfds.core.ExampleWriter):
    """Writes each record with its features in order of name; Protobuf's own order is another one in each process."""

    def write(self, path: Any, examples: Iterable[tuple[Any, bytes]]) -> Any:
        return super().write(path, _ordered(examples))


def _ordered(examples: Iterable[tuple[Any, bytes]]) -> Iterator[tuple[Any, bytes]]:
    for key, record in examples:
        yield key, tf_example_pb2.Example.FromString(record).SerializeToString(deterministic=True)

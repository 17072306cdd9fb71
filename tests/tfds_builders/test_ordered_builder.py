"""Equal inputs give equal bytes, whatever process writes them."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordReader
from tensorflow_datasets.proto import tf_example_pb2

from deemo_jax.build import main
from tests.attested_clips import write_attested
from tests.instruction_data import write_instructions


def clips(folder: Path, data: Path) -> list[str]:
    attestation, annotations = write_attested(folder, clips=2, persons=2)
    paths = ["--attest", str(attestation), "--annotations", str(annotations), "--data_dir", str(data)]
    return ["deemo_mer", *paths, "--fractions", "train=0.5,test=0.5", "--workers", "0"]


def test_features_of_clips_are_in_order_of_name(tmp_path: Path) -> None:
    assert main(clips(tmp_path / "clips", tmp_path)) == 0
    for shard in tmp_path.glob("deemo_mer/*/*.array_record*"):
        reader = ArrayRecordReader(str(shard))
        for record in reader.read_all():
            assert record == tf_example_pb2.Example.FromString(record).SerializeToString(deterministic=True)
        reader.close()


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(portrait: np.ndarray, tmp_path: Path) -> None:
    face = cv2.resize(portrait, (100, 100), interpolation=cv2.INTER_AREA)
    talk = write_instructions(tmp_path / "talk", face)
    written = []
    for seed in ("1", "2"):
        data = tmp_path / seed
        source = ["--source", str(talk / "llava.json"), "--media", str(talk / "media"), "--data_dir", str(data)]
        commands = [clips(tmp_path / f"clips{seed}", data), ["instructions", *source, "--workers", "0"]]
        own = (
            "import tensorflow_datasets as tfds\n"
            "from tfds_builders.instructions.instructions_dataset_builder import Builder\n"
            f"how = tfds.download.DownloadConfig(manual_dir={str(talk)!r}, compute_stats='skip')\n"
            f"built = Builder(data_dir={str(data / 'own')!r}, file_format='array_record')\n"
            "built.download_and_prepare(download_config=how)\n"
        )
        code = f"from deemo_jax.build import main\nfor argv in {commands!r}:\n    assert main(argv) == 0\n{own}"
        subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        files = sorted(data.rglob("*.array_record*")) + sorted(data.rglob("fingerprint.json"))
        written.append({str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).digest() for path in files})
    assert len(written[0]) == 6 and written[0] == written[1]

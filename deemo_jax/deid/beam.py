"""De-identification on many machines, as a Beam transform (extra `beam`).

    paths | Deidentify("deid", settings, key_file="voice.key")

Every worker must see the sources, the output folder and the key file under the same paths. Workers read the key from
its file: it is not part of the pipeline, which Beam's runners store and show.
"""

from collections.abc import Iterator
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.deid.folder.all_clips import CLIP_IDS
from deemo_jax.deid.folder.one_source import SourceJob
from deemo_jax.deid.folder.output_checks import check_output, peek, refuse_lost_key
from deemo_jax.deid.folder.source_outcome import Outcome
from deemo_jax.deid.keys import load_key
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.source_spans import SourceSpan

try:
    import apache_beam as beam
except ImportError as error:
    raise UserError("Apache Beam is not installed; run: make setup EXTRAS=beam") from error


class Deidentify(beam.PTransform):
    """Paths of raw videos (str) to `Outcome`s; clips that an earlier run made are kept.

    Unlike `deidentify_all` it writes neither refused.jsonl nor the private list of sources: read the outcomes.

    Args:
        out_dir: folder of the results, shared by all workers; it must not hold a source nor be a link.
        settings: how faces and voices are changed.
        key_file: of the voice key; it must exist, since workers that each made one would have different keys.
        clip_ids: "keyed" or "stem"; with "stem", file names must differ.

    Raises:
        UserError: there is no key, or the folder cannot be used or holds clips of another key.
    """

    def __init__(self, out_dir: str | Path, settings: Settings, key_file: str | Path, clip_ids: str = "keyed") -> None:
        super().__init__()
        file, key_id = peek(key_file)
        if key_id is None:
            raise UserError(f"{file}: no such key; make it first, with deemo_jax.deid.load_key")
        if clip_ids not in CLIP_IDS:
            raise UserError(f"clip_ids {clip_ids!r}: choose from {', '.join(CLIP_IDS)}")
        check_output(Path(out_dir), [])
        refuse_lost_key(Path(out_dir), key_id, file)
        self._settle = _Settle(str(out_dir), settings, file, key_id, clip_ids)

    def expand(self, paths: "beam.PCollection[str]") -> "beam.PCollection[Outcome]":
        # Clips differ in length: a reshuffle spreads the long ones over the workers.
        return paths | "once each" >> beam.Distinct() | beam.Reshuffle() | "clip" >> beam.ParDo(self._settle)


class _Settle(beam.DoFn):
    def __init__(self, out_dir: str, settings: Settings, key_file: str, key_id: str, clip_ids: str) -> None:
        self._out_dir, self._settings, self._clip_ids = out_dir, settings, clip_ids
        self._key_file, self._key_id = key_file, key_id
        self._job: SourceJob | None = None

    def setup(self) -> None:
        key = load_key(self._key_file, self._out_dir)
        if key.key_id != self._key_id:
            raise UserError(f"{self._key_file}: is not the key {self._key_id} on this worker; give all the same")
        self._job = SourceJob(Path(self._out_dir), self._settings, key, self._clip_ids)

    def process(self, path: str) -> Iterator[Outcome]:
        assert self._job is not None
        check_output(Path(self._out_dir), [Path(path)])
        outcome = self._job(Path(path))
        yield from [self._job(SourceSpan(Path(path), span)) for span in outcome.pieces] or [outcome]

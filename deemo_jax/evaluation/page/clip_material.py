"""What a page may show of clips beside answers: de-identified frames, words and body language, out of a dataset.

It fails closed: frames without a paper trail are not shown, nor is anything of a clip whose words may hold names.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.core.progress import with_progress
from deemo_jax.core.schema import ABSENT, Modality, NFBLSegment
from deemo_jax.data.clip_source import ClipSource, Record, open_builder
from deemo_jax.deid.manifest import SUFFIX, find_manifests, load_manifest, verify
from deemo_jax.evaluation.output_folder import SETTING
from deemo_jax.evaluation.page.frame_grid import FRAMES, SIZE, grid
from deemo_jax.media.video import sample_frames

# The two doors through which clips come into a dataset: a manifest of this project, or an attestation.
PAPER_TRAILS = ("deid", "external")
NOT_FOUND = "no dataset or folder that was searched has this clip"


@dataclasses.dataclass(frozen=True, slots=True)
class Dataset:
    """Where clips are looked up.

    Attributes:
        data_dir: the root of datasets, or the folder of one version.
        name: of the dataset.
        split: in which to look first; empty for none in particular.
    """

    data_dir: str
    name: str = "deemo_mer"
    split: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Material:
    """What is known of a clip.

    Attributes:
        transcript: what is said.
        nfbl: body language; times count from the start of the clip.
        lasts_s: length of the clip, seconds.
        transcript_provenance: as `Provenance.transcript` has it; None where it is unknown.
        video_provenance: how the frames were de-identified, in a line.
        picture: `FRAMES` frames, a JPEG; empty where none may be shown.
        why_no_frames: a few words; empty where there are some.
    """

    transcript: str = ""
    nfbl: tuple[NFBLSegment, ...] = ()
    lasts_s: float = 0.0
    transcript_provenance: str | None = None
    video_provenance: str = ""
    picture: bytes = b""
    why_no_frames: str = NOT_FOUND


def dataset_of(paths: Iterable[Path], data_dir: str = "") -> Dataset | None:
    """The dataset of the first run among some paths; None where none is a run, and no `data_dir` is named.

    Args:
        paths: folders of runs or of their evaluations, or files of predictions.
        data_dir: where the dataset lies now; empty for the place that the run's config names.

    Raises:
        UserError: a run's config is damaged.
    """
    for path in paths:
        run = path if (path / "config.json").is_file() else path.parent.parent
        if path.is_dir() and (run / "config.json").is_file():
            # It imports JAX, which files of predictions need not wait for.
            from deemo_jax.generation.load import read_recipe

            data = read_recipe(run, data_dir).data
            return Dataset(data.data_dir, data.dataset, _split(path) or data.test_split)
    return Dataset(data_dir) if data_dir else None


def read_materials(clips: Iterable[str], dataset: Dataset | None, deid: Path | None, limit: int) -> dict[str, Material]:
    """What may be shown of clips; of those that are not found nothing.

    Args:
        clips: clip ids.
        dataset: that has them; None for none.
        deid: folder of de-identified films and their manifests, whose frames are shown in place of the dataset's; None
            for the latter.
        limit: bytes of a picture.

    Raises:
        UserError: there is no such dataset, or no folder with manifests.
    """
    wanted = set(clips)
    found = dict(_from_dataset(wanted, dataset, limit, frames=deid is None)) if dataset else {}
    if deid is not None:
        names = {path.name for path in find_manifests([deid])}
        for clip in with_progress(sorted(wanted), "frames"):
            material = found.get(clip, Material())
            there = f"{clip}{SUFFIX}" in names
            found[clip] = _with_film(material, deid, clip, limit) if there else _without(material)
    return found


def _split(path: Path) -> str:
    """The split that an evaluation's folder says it answered; empty where it says none."""
    try:
        return str(read_json(path / SETTING)["split"])
    except (UserError, KeyError, TypeError):
        return ""


def _from_dataset(wanted: set[str], dataset: Dataset, limit: int, *, frames: bool) -> Iterator[tuple[str, Material]]:
    splits = list(open_builder(dataset.data_dir, dataset.name).info.splits)
    left = set(wanted)
    for split in sorted(splits, key=lambda name: name != dataset.split):
        if not left:
            return
        source = ClipSource(dataset.data_dir, dataset.name, split)
        places = [(source.without_media(i).clip.clip_id, i) for i in range(len(source))]
        chosen = [(clip, i) for clip, i in places if clip in left]
        left -= {clip for clip, _ in chosen}
        for clip, i in with_progress(chosen, f"clips of {split}") if chosen else ():
            yield clip, _of_record(source[i] if frames else source.without_media(i), limit, frames=frames)


def _of_record(record: Record, limit: int, *, frames: bool) -> Material:
    clip, trail = record.clip, record.provenance
    why = "" if frames else NOT_FOUND
    if trail.source not in PAPER_TRAILS or trail.video in ("", ABSENT):
        why = "the dataset has no paper trail for them" if record.jpegs else "the clip has none"
    encoded = b""
    if not why:
        try:
            encoded = grid(record.read(Modality.VIDEO, FRAMES), limit) if record.jpegs else b""
            why = "" if encoded else "the clip has none"
        except ValueError:
            why = "they are damaged"
    return Material(
        transcript=clip.transcript,
        nfbl=clip.nfbl,
        lasts_s=max([clip.end_s - clip.start_s, *(segment.end_s for segment in clip.nfbl)]),
        transcript_provenance=trail.transcript or None,
        video_provenance=trail.video if encoded else "",
        picture=encoded,
        why_no_frames=why,
    )


def _with_film(material: Material, folder: Path, clip: str, limit: int) -> Material:
    try:
        made = load_manifest(folder / f"{clip}{SUFFIX}")
        if made.clip_id != clip:
            return _without(material, "the manifest is that of another clip")
        images = sample_frames(verify(made, folder), FRAMES, SIZE)[0]
    except UserError:
        return _without(material, "the film or its manifest is damaged")
    how = f"deemo_jax {made.settings.get('mask')}, CenterFace {made.settings.get('threshold')}"
    return dataclasses.replace(
        material, picture=grid(np.asarray(images), limit), video_provenance=how, why_no_frames=""
    )


def _without(material: Material, why: str = "the folder has no manifest of this clip") -> Material:
    return dataclasses.replace(material, picture=b"", video_provenance="", why_no_frames=why)

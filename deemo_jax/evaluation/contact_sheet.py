"""The contact sheet: a picture with a row a clip, raw and de-identified, and the model's answer."""

import dataclasses
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic
from deemo_jax.core.plots import BLUE, INK, VERMILION
from deemo_jax.deid.manifest import Manifest, find_manifests, load_manifest, verify
from deemo_jax.deid.raw_files import find_raw_files
from deemo_jax.evaluation.predictions import Prediction
from deemo_jax.media import SAMPLE_RATE
from deemo_jax.media.audio import read_audio
from deemo_jax.media.imagebind_mel import CLIP_SAMPLES, mel_clips
from deemo_jax.media.kaldi_mel import HOP, WINDOW
from deemo_jax.media.video import read_frames, video_info

# Of a text on the sheet: characters of a line, and lines, at most.
TEXT_WIDTH, MAX_LINES = 66, 3


@dataclasses.dataclass(frozen=True, slots=True)
class SheetRow:
    """One clip on the sheet.

    Attributes:
        prediction: the model's answer.
        raw_frame: middle frame of the raw file, RGB.
        frame: middle frame of the de-identified file, RGB.
        raw_mel: log-mel spectrogram of the first two seconds of the raw file.
        mel: likewise of the de-identified file.
    """

    prediction: Prediction
    raw_frame: UInt8[np.ndarray, "H W 3"]
    frame: UInt8[np.ndarray, "h w 3"]
    raw_mel: Float[np.ndarray, "128 198"]
    mel: Float[np.ndarray, "128 198"]


def draw_spread(
    predictions: Sequence[Prediction], given: str, path: Path, source: str | Path, deid: str | Path, count: int
) -> None:
    """Draws a sheet of predictions at even distances.

    Args:
        predictions: of one modality set.
        given: name of the set.
        path: of the PNG.
        source, deid: see `collect`.
        count: rows of the sheet, where there are as many predictions.

    Raises:
        UserError: see `collect`.
    """
    eyes = "The raw column shows identities: for the holder's eyes."
    subtitle = f"{len(predictions)} clips, evenly spaced; given: {given}. {eyes}"
    draw(collect(spread(predictions, count), source, deid), path, subtitle)


def spread(predictions: Sequence[Prediction], count: int) -> list[Prediction]:
    """`count` predictions, or all, at even distances in the list; whether they are right plays no part."""
    places = np.linspace(0, len(predictions) - 1, min(count, len(predictions))).round().astype(int)
    return [predictions[place] for place in places]


def collect(predictions: Sequence[Prediction], source: str | Path, deid: str | Path) -> list[SheetRow]:
    """Reads the pictures and sounds of clips: de-identified files by manifest, raw ones by the hash in the manifest.

    Args:
        predictions: the clips with their answers.
        source: folder of the raw files, searched with its sub-folders.
        deid: folder of de-identified files and manifests.

    Raises:
        UserError: a clip without a manifest, or without its raw file.
    """
    wanted = {row.clip_id for row in predictions}
    manifests: dict[str, tuple[Manifest, Path]] = {}
    for path in find_manifests([Path(deid)]):
        manifest = load_manifest(path)
        if manifest.clip_id in wanted:
            verify(manifest, path.parent)
            manifests[manifest.clip_id] = manifest, path.parent
    if missing := wanted - manifests.keys():
        raise UserError(f"{deid}: no manifest of clip {min(missing)}; name the folder that the data set was built from")
    made_from: dict[str, list[str]] = {}
    for manifest, _ in manifests.values():
        made_from.setdefault(manifest.source_sha256, []).append(manifest.clip_id)
    raw = find_raw_files(Path(source), made_from)
    if missing := wanted - raw.keys():
        raise UserError(f"{source}: the raw file of clip {min(missing)} is not there; name the raw clips with --source")
    rows = []
    for row in predictions:
        manifest, folder = manifests[row.clip_id]
        before, after = raw[row.clip_id], folder / manifest.file
        rows.append(SheetRow(row, _middle_frame(before), _middle_frame(after), _mel(before), _mel(after)))
    return rows


def draw(rows: Sequence[SheetRow], path: str | Path, subtitle: str = "") -> None:
    """Writes the sheet as a PNG.

    Args:
        rows: at least one.
        path: of the PNG.
        subtitle: a line below the heading.
    """
    top = 0.95
    height = top + 1.75 * len(rows)
    figure = Figure(figsize=(15.5, height), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        len(rows),
        5,
        width_ratios=[2.1, 2.1, 2.4, 2.4, 4.9],
        left=0.01,
        right=0.99,
        bottom=0.1 / height,
        top=1 - top / height,
        wspace=0.05,
        hspace=0.1,
    )
    figure.text(
        0.01, 1 - 0.2 / height, "Who they are is taken out; what they feel stays", size=15, weight="bold", va="top"
    )
    figure.text(0.01, 1 - 0.48 / height, subtitle, size=10, color="#555555", va="top")
    for i, row in enumerate(rows):
        axes = [figure.add_subplot(grid[i, k]) for k in range(5)]
        for panel in axes:
            panel.set_axis_off()
        if i == 0:
            titles = ("raw", "de-identified", "voice, raw (mel)", "voice, de-identified (mel)", "the model's answer")
            for panel, title in zip(axes, titles, strict=True):
                panel.set_title(title, size=10, loc="left", pad=4)
        axes[0].imshow(row.raw_frame)
        axes[1].imshow(row.frame)
        # One colour scale for both spectrograms, so that they can be compared.
        low, high = np.percentile(row.raw_mel, [1, 99.5])
        for panel, mel in zip(axes[2:4], (row.raw_mel, row.mel), strict=True):
            panel.imshow(mel, origin="lower", aspect="auto", cmap="cividis", vmin=low, vmax=high)
        _write_answer(axes[4], row.prediction)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png")


def _write_answer(axes: Axes, row: Prediction) -> None:
    right = row.emotion_predicted == row.emotion_true
    verdict = f"{row.emotion_predicted or 'unparsed'} - {'right' if right else f'wrong, truly {row.emotion_true}'}"
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.text(0.02, 0.97, row.clip_id[:60], size=8, color="#777777", va="top", family="monospace", parse_math=False)
    axes.text(0.02, 0.83, verdict, size=12, weight="bold", va="top", color=BLUE if right else VERMILION)
    said = [*_wrapped("says", row.reasoning or row.answer)]
    if row.reference:
        said += ["", *_wrapped("truth", row.reference)]
    axes.text(0.02, 0.64, "\n".join(said), size=9.5, color=INK, va="top", linespacing=1.25, parse_math=False)


def _wrapped(label: str, text: str) -> list[str]:
    printable = "".join(c if c.isprintable() else " " for c in text)
    lines = textwrap.wrap(f"{label}: {printable}", TEXT_WIDTH, max_lines=MAX_LINES, placeholder=" ...")
    return lines or [f"{label}: (nothing)"]


def _middle_frame(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    info = video_info(path)
    image = None
    for frame in read_frames(path, start_s=info.duration_s / 2):
        return frame.image
    # The pictures may end before the duration that the container states: the last one is taken then.
    for frame in read_frames(path):
        image = frame.image
    if image is None:
        raise UserError(f"{path}: has no video frame")
    return image


def _mel(path: Path) -> Float[np.ndarray, "128 198"]:
    waveform, _ = read_audio(path, SAMPLE_RATE, end_s=CLIP_SAMPLES / SAMPLE_RATE)
    # Columns beyond two seconds are padding for the model.
    return mel_clips(waveform, clips=1)[0][:, : 1 + (CLIP_SAMPLES - WINDOW) // HOP]

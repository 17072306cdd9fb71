"""The checks of a whole folder, in parallel, and their summary."""

import concurrent.futures
import dataclasses
import multiprocessing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deemo_jax import cli, files
from deemo_jax.audit.check import LEAST_COVERAGE, MOST_SI_SNR_DB, CheckResult, check_clip
from deemo_jax.deid.folder import REFUSALS
from deemo_jax.deid.manifest import find_manifests, load_manifest
from deemo_jax.errors import UserError

RESULT = "audit.json"

Job = tuple[Path, Path, Mapping[str, Any], int]


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """The checks of a folder.

    Attributes:
        results: one a clip with a manifest.
        every: the detector looked at one frame in so many.
        refused: clips listed as refused or bad.
    """

    results: tuple[CheckResult, ...]
    every: int
    refused: int

    @property
    def failures(self) -> dict[str, tuple[str, ...]]:
        """Clip id -> broken promises."""
        return {r.clip_id: r.failures for r in self.results if r.failures}

    def summary(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        levels = np.array([r.si_snr_db for r in self.results])
        deviations = [r.deviation for r in self.results if r.deviation is not None]
        return {
            "clips": len(self.results),
            "refused": self.refused,
            "accepted_share": len(self.results) / max(1, len(self.results) + self.refused),
            "frames": sum(r.frames for r in self.results),
            "true_boxes": sum(r.true_boxes for r in self.results),
            "least_coverage": min(r.coverage for r in self.results),
            "clips_below_coverage": sum(r.coverage < LEAST_COVERAGE for r in self.results),
            "fill_deviation_max": max(deviations, default=None),
            "residual_looked_at_one_frame_in": self.every,
            "residual_faces": sum(r.residual for r in self.results),
            "residual_faces_outside": sum(r.residual_outside for r in self.results),
            "residual_on_true_faces": sum(r.residual_on_face for r in self.results),
            "clips_with_metadata": sum(bool(r.metadata) for r in self.results),
            "si_snr_db_mean": float(levels.mean()),
            "si_snr_db_max": float(levels.max()),
            "failed_clips": len(self.failures),
        }

    def table(self) -> str:
        """The summary beside what is promised."""
        s = self.summary()
        rows = [
            ("clips accepted", f"{s['clips']} of {s['clips'] + s['refused']} ({s['accepted_share']:.1%})", ""),
            ("frames / true face boxes", f"{s['frames']} / {s['true_boxes']}", ""),
            ("least covered true box", f"{s['least_coverage']:.2%}", f">= {LEAST_COVERAGE:.0%}"),
            ("faces still detected at 0.2", f"{s['residual_faces']} (one frame in {self.every})", "counted"),
            ("... outside masked pixels", f"{s['residual_faces_outside']}", "0"),
            ("... and on a true face", f"{s['residual_on_true_faces']}", "0"),
            ("clips with metadata left", f"{s['clips_with_metadata']}", "0"),
            (
                "voice SI-SNR, mean / max",
                f"{s['si_snr_db_mean']:.1f} / {s['si_snr_db_max']:.1f} dB",
                f"< {MOST_SI_SNR_DB:.0f} dB",
            ),
        ]
        width = max(len(name) for name, _, _ in rows)
        return "\n".join(f"{name:<{width}}  {value:<24}{promise}".rstrip() for name, value, promise in rows)


def audit(folder: Path, truth_file: Path, source_dir: Path, workers: int = 1, every: int = 1) -> Audit:
    """Checks every clip of `folder` and writes `audit.json` there.

    Args:
        folder: de-identified clips with manifests.
        truth_file: JSON lines with "clip_id", "file", "faces" and "planted".
        source_dir: where the raw files lie.
        workers: processes.
        every: the detector looks for faces that are left in one frame of so many.

    Raises:
        UserError: something named is missing, or a clip has no truth.
    """
    rows = {row["clip_id"]: row for row in files.read_jsonl(truth_file) if isinstance(row.get("clip_id"), str)}
    jobs = []
    for path in find_manifests([folder]):
        clip_id = load_manifest(path).clip_id
        if clip_id not in rows:
            raise UserError(f"{truth_file}: has no row for {clip_id}; is it the truth of these clips?")
        jobs.append((path, source_dir, rows[clip_id], every))
    results = tuple(cli.progress(_map(jobs, workers), "audit", len(jobs)))
    listing = folder / REFUSALS
    found = Audit(results, every, len(list(files.read_jsonl(listing))) if listing.exists() else 0)
    clips = [dataclasses.asdict(r) | {"failures": r.failures} for r in results]
    files.write_json(folder / RESULT, {"summary": found.summary(), "clips": clips})
    return found


def _map(jobs: Sequence[Job], workers: int) -> Any:
    if workers <= 1 or len(jobs) <= 1:
        yield from map(_check, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(min(workers, len(jobs)), context) as pool:
        try:
            yield from pool.map(_check, jobs)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _check(job: Job) -> CheckResult:
    path, source_dir, truth, every = job
    manifest = load_manifest(path)
    source = source_dir / Path(str(truth.get("file", f"{manifest.clip_id}.mp4"))).name
    if files.sha256(source) != manifest.source_sha256:
        raise UserError(f"{source}: is not the file that {manifest.clip_id} was made from (its hash differs)")
    return check_clip(source, path.parent / manifest.file, manifest, truth, every)

"""Hands that masks cover: `python -m benchmarks.hands --raw runs/sample_data/raw --deid runs/sample_data/deid`.

On the sample corpus, whose scenes are known to the pixel: the share of the hands' pixels that masks cover, and the area
of the masks over that of the true faces.
"""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from deemo_jax.core import cli, files, tables
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.manifest import find_manifests, load_manifest, load_masks
from deemo_jax.deid.video import masks
from deemo_jax.sample import corpus_clip as ordinary
from deemo_jax.sample.corpus_settings import CorpusSettings


def main() -> int:
    """Prints a line per gesture."""
    parser = cli.Parser("python -m benchmarks.hands", description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="the corpus")
    parser.add_argument("--deid", type=Path, required=True, help="its de-identified clips, named by --clip_ids stem")
    flags = parser.parse_args()
    stamp = files.read_json(flags.raw / "settings.json")
    settings = CorpusSettings(stamp["seed"], stamp["width"], stamp["height"], stamp["frame_rate"])
    shares, areas = defaultdict(list), []
    for path in with_progress(find_manifests([flags.deid]), "clips"):
        manifest = load_manifest(path)
        plan = ordinary.plan(settings, int(manifest.clip_id.rpartition("_")[2]))
        recorded = load_masks(path.parent / manifest.masks)
        film = ordinary.film(plan)
        covered = seen = 0
        for t, rectangles in enumerate(recorded.rectangles):
            hidden = masks.region(rectangles, recorded.width, recorded.height)
            hands = film.hand_pixels(t)
            covered += int((hands & hidden).sum())
            seen += int(hands.sum())
            x0, y0, x1, y1 = film.placement.faces[t]
            areas.append(hidden.sum() / ((x1 - x0) * (y1 - y0)))
        shares[plan.motion.gesture or "at rest"].append(covered / seen)
    print(f"covered area over face area: mean {np.mean(areas):.2f}, 95th percentile {np.percentile(areas, 95):.2f}")
    shares["all"] = [share for values in shares.values() for share in values]
    rows = [("gesture", "hand pixels covered", "clips")]
    rows += [(gesture, f"{np.mean(values):.2%}", str(len(values))) for gesture, values in sorted(shares.items())]
    print(tables.aligned(rows, right=(1, 2)))
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))

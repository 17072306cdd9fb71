"""`python -m deemo_jax.sample`: what it makes, and what it says of flags without a verb."""

import json

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.sample import hard
from deemo_jax.sample.__main__ import main

SMALL = ["--clips", "1", "--width", "160", "--height", "120", "--fps", "4"]


@pytest.mark.parametrize("words", [["--out", "x"], ["--clips", "3", "--out", "x"], ["--hard", "--out", "x"]])
def test_flags_without_a_verb_are_told_it(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"python -m deemo_jax\.sample clips --out DIR") as refused:
        main(words)
    assert "\n" not in str(refused.value) and not list(tmp_path.iterdir())


def test_clips(tmp_path, capsys):
    assert main(["clips", "--out", str(tmp_path), *SMALL]) == 0
    assert (tmp_path / "clips" / "s0_000000.mp4").is_file() and "1 clips made, 0 were there" in capsys.readouterr().out


def test_hard_clips_state_their_kind(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(hard, "render", lambda clip, path: path.parent.mkdir(exist_ok=True) or path.touch())
    assert main(["hard", "--out", str(tmp_path), "--clips", "1", "--seed", "5"]) == 0
    (row,) = map(json.loads, (tmp_path / "truth.jsonl").read_text().splitlines())
    assert row["clip_id"] == "h5_0000" and row["corpus"]["kind"] == "synthetic"
    assert "1 hard clips made" in capsys.readouterr().out


def test_towers_keep_what_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no towers to keep"):
        main(["towers", "--out", str(tmp_path), "--only", "vit"])


def test_help_names_what_can_be_made(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and all(
        f"sample {verb} --out DIR" in said for verb in ("clips", "hard", "captions", "towers")
    )

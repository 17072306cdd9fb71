"""The command, as a person runs it."""

import json

from tests.commands import run

ROW = {
    "clip_id": "c1", "video_id": "v1", "start_s": 0.0, "end_s": 3.5, "emotion": "positive", "reasoning": "Glad.",
    "transcript": "harbour lights made me glad, said Jane Example", "words": ["Jane"],
}  # fmt: skip


def test_annotations_lose_their_names(tmp_path):
    source, names = tmp_path / "in.jsonl", tmp_path / "names.txt"
    source.write_text(json.dumps(ROW) + "\n")
    names.write_text("# ours\n[TEAM] Harbour Lights\n")
    done = run("redact", source, "--out", tmp_path / "out.jsonl", "--names", names)
    assert done.returncode == 0 and "1 rows; 1 NAME, 1 TEAM" in done.stdout, done.stderr
    assert done.stderr.startswith("left out, since they may hold what was removed: words")
    assert "[TEAM] made me glad, said [NAME]" in (tmp_path / "out.jsonl").read_text()


def test_what_is_missing_is_one_line(tmp_path):
    for flags, why in (
        ([tmp_path / "in.jsonl"], "a FILE and --out FILE are needed"),
        ([tmp_path / "absent.jsonl", "--out", tmp_path / "out.jsonl"], "absent.jsonl"),
    ):
        done = run("redact", *flags)
        assert done.returncode == 2 and done.stderr.startswith("error: ") and why in done.stderr
        assert len(done.stderr.splitlines()) == 1

import json
from pathlib import Path

from deemo_jax.deid.folder.refused_list import REFUSALS, RefusedList
from deemo_jax.deid.folder.source_outcome import Outcome


def refused(clip_id, digest="0" * 64):
    return Outcome(Path("x.mp4"), clip_id, "refused", "no face", source_sha256=digest)


def test_two_runs_at_once_list_what_both_refuse(tmp_path):
    first, second = RefusedList(tmp_path), RefusedList(tmp_path)
    unread = Outcome(Path("y.mp4"), None, "bad", "no such file")
    first.write([refused("a", "1" * 64), unread])
    second.write([refused("b", "2" * 64)])
    first.write([refused("a", "1" * 64), unread, refused("c", "3" * 64)])
    second.write([refused("b", "2" * 64), Outcome(Path("z.mp4"), "d", "done", source_sha256="4" * 64)])
    listed = [json.loads(line)["clip_id"] for line in (tmp_path / REFUSALS).read_text().splitlines()]
    assert sorted(map(str, listed)) == ["None", "a", "b", "c"]

    # An outcome replaces the row of its clip, under any of its ids; a row without an id is not kept.
    third = RefusedList(tmp_path)
    assert set(third.by_clip) == {"a", "b", "c"}
    third.write([Outcome(Path("x.mp4"), "a", "kept"), Outcome(Path("x.mp4"), "e", "done", source_sha256="3" * 64)])
    assert [json.loads(line)["clip_id"] for line in (tmp_path / REFUSALS).read_text().splitlines()] == ["b"]
    third.write([Outcome(Path("x.mp4"), "b", "done")])
    assert not list(tmp_path.iterdir())


def test_no_list_without_refusals(tmp_path):
    RefusedList(tmp_path).write([Outcome(Path("x.mp4"), "a", "done")])
    assert not list(tmp_path.iterdir())

"""Which files of a folder are films, which are not, and that nothing is passed over in silence."""

import os
import tempfile
import threading
from pathlib import Path

import pytest

from deemo_jax import deidentify
from deemo_jax.core.errors import UserError
from deemo_jax.deid import find_sources
from deemo_jax.deid.find_films import (
    DONE,
    HIDDEN,
    LEADS_OUT,
    NO_FILE,
    NO_FILM,
    RESULTS,
    SHOWN,
    SUB_FOLDER,
    VIDEO_SUFFIXES,
    look_for,
)
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.settings import Settings
from tests import commands

NOBODY = 65_534


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "in"
    (home / "person2" / "deep").mkdir(parents=True)
    (home / ".git").mkdir()
    (home / "__MACOSX").mkdir()
    (home / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in (
        *("a.mp4", "b.MXF", "c.3gp", "notes.txt", "voice.wav", "cover.gif", "._a.mp4", ".DS_Store", "Thumbs.db"),
        *(".hidden.mp4", "__MACOSX/a.mp4", ".git/x.mp4", "person2/b.mp4", "person2/deep/d.m2ts", "out/e.mp4"),
        *("done.mp4", "done.manifest.json", "done.preview.mp4", "../elsewhere/far.mp4"),
    ):
        (home / name).touch()
    (home / "link_out.mp4").symlink_to("../elsewhere/far.mp4")
    (home / "link_in.mp4").symlink_to("person2/deep/d.m2ts")
    (home / "broken.mp4").symlink_to("nowhere.mp4")
    (home / "person2" / "up").symlink_to(home, target_is_directory=True)
    return home


def names(paths, home):
    return [path.relative_to(home).as_posix() for path in paths]


def test_a_folder_is_searched_without_its_sub_folders(folder):
    found = look_for([str(folder)])
    assert names(found.films, folder) == ["a.mp4", "b.MXF", "c.3gp", "link_in.mp4"]
    out = {why: names(paths, folder) for why, paths in found.left_out.items()}
    assert out == {
        SUB_FOLDER: ["out", "person2"],
        HIDDEN: [".git", ".hidden.mp4"],
        NO_FILM: ["cover.gif", "done.manifest.json", "notes.txt", "voice.wav"],
        LEADS_OUT: ["broken.mp4", "link_out.mp4"],
        DONE: ["done.mp4"],
        SHOWN: ["done.preview.mp4"],
    }
    assert f"left out: 2 (out, person2): {SUB_FOLDER}" in found.notes()
    assert find_sources([str(folder)]) == list(found.films)


def test_recursive_search_takes_films_of_all_sub_folders(folder):
    found = look_for([folder], recursive=True, results=folder / "out")
    # A file that two names lead to is taken once.
    assert names(found.films, folder) == ["a.mp4", "b.MXF", "c.3gp", "link_in.mp4", "person2/b.mp4"]
    assert names(found.left_out[RESULTS], folder) == ["out"]
    assert names(found.left_out[LEADS_OUT], folder) == ["broken.mp4", "link_out.mp4", "person2/up"]
    assert SUB_FOLDER not in found.left_out
    assert "out/e.mp4" in names(look_for([folder], recursive=True).films, folder)
    assert "done.mp4" in names(look_for([folder], copies=True).films, folder)


def test_what_is_named_is_taken_once_whatever_it_is_called(folder):
    odd = folder / "notes.txt"
    found = look_for([odd, str(folder / "a.mp4"), folder, folder / "a.mp4"])
    assert names(found.films, folder) == ["notes.txt", "a.mp4", "b.MXF", "c.3gp", "link_in.mp4"]


def test_a_folder_without_films_says_what_there_is(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.mp4").touch()
    (tmp_path / "voice.wav").touch()
    with pytest.raises(UserError, match=r"holds no video \(1 \(sub\): in a sub-folder.*--recursive.*voice\.wav"):
        look_for([tmp_path])
    assert len(look_for([tmp_path], recursive=True).films) == 1


def test_long_lists_are_cut(tmp_path):
    for number in range(8):
        (tmp_path / f"{number}.txt").touch()
    (tmp_path / "a.mp4").touch()
    (note,) = look_for([tmp_path]).notes()
    assert note.startswith("left out: 8 (0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 3 more): not a film")


FILMS = "mp4 m4v mov mkv webm avi mpg mpeg ts mts m2ts flv wmv 3gp 3g2 mxf ogv vob dv asf f4v h264"
NO_FILMS = "mp3 wav m4a ogg opus flac aac wma gif jpg png m3u8 srt json txt ps"


def test_a_pipe_is_not_waited_for(tmp_path, key):
    pipe = tmp_path / "in" / "live.mp4"
    (tmp_path / "in" / "a.mp4").parent.mkdir()
    (tmp_path / "in" / "a.mp4").touch()
    os.mkfifo(pipe)
    found = look_for([tmp_path / "in"])
    assert [p.name for p in found.films] == ["a.mp4"] and found.left_out == {NO_FILE: (pipe,)}
    # Reading it anyway gives nothing, and does not wait.
    threading.Thread(target=lambda: open(pipe, "wb").close(), daemon=True).start()
    (outcome,) = deidentify_all([pipe], tmp_path / "out", Settings(), key)
    assert (outcome.status, outcome.reason) == ("bad", "is no file; save what it holds as one")
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # the writer goes on


def test_a_folder_that_may_be_listed_and_not_entered(key):
    with tempfile.TemporaryDirectory() as home:
        film = Path(home, "in", "a.mp4")
        (film.parent / "deep").mkdir(parents=True)
        film.touch()
        me = os.geteuid()
        try:
            if me == 0:  # whom nothing is locked for
                os.chown(home, NOBODY, NOBODY)
                os.chown(film.parent, NOBODY, NOBODY)
                os.seteuid(NOBODY)
            film.parent.chmod(0o400)
            with pytest.raises(UserError, match=r"holds no video \(2 \(deep, a.mp4\): cannot be read"):
                look_for([film.parent])
            (outcome,) = deidentify_all([film], Path(home, "out"), Settings(), key)
            assert outcome.status == "bad" and "cannot be read (Permission denied)" in outcome.reason
            film.parent.chmod(0o700)
        finally:
            os.seteuid(me)


def test_endings_of_films():
    assert {f".{suffix}" for suffix in FILMS.split()} <= VIDEO_SUFFIXES
    assert VIDEO_SUFFIXES.isdisjoint(f".{suffix}" for suffix in NO_FILMS.split())


def test_equal_stems_in_two_folders_are_refused_before_the_work(tmp_path, key):
    for person in ("p1", "p2"):
        (tmp_path / "in" / person).mkdir(parents=True)
        (tmp_path / "in" / person / "talk.mp4").write_bytes(person.encode())
    found = look_for([tmp_path / "in"], recursive=True).films
    assert len(found) == 2
    with pytest.raises(UserError, match=r"p2/talk\.mp4: has the clip id of .*p1/talk\.mp4"):
        deidentify_all(found, tmp_path / "out", Settings(), key, clip_ids="stem")
    assert not (tmp_path / "out").exists()
    keyed = deidentify_all(found, tmp_path / "out", Settings(), key)
    assert len({outcome.clip_id for outcome in keyed}) == 2


def run(monkeypatch, capfd, *argv):
    """Exit code, and what was said to whom."""
    monkeypatch.setattr("sys.argv", ["deidentify", *map(str, argv)])
    code = deidentify.cli.guarded(deidentify.main)
    return code, *capfd.readouterr()


@pytest.mark.slow
def test_names_that_are_no_text_are_told_in_one_line_each(tmp_path, monkeypatch, capfd, raw, key):
    home = tmp_path / "in"
    home.mkdir()
    good = Path(os.fsdecode(os.fsencode(home) + b"/M\xfcller \x1b[31m\n10:30.mp4"))
    good.write_bytes(raw.path.read_bytes())
    Path(os.fsdecode(os.fsencode(home) + b"/kaputt \xe4.mp4")).write_bytes(b"no film")
    Path(os.fsdecode(os.fsencode(home) + b"/notes \xe4.txt")).touch()
    (tmp_path / "voice.key").write_text(key.secret.hex() + "\n")
    (tmp_path / "voice.key").chmod(0o600)
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/out \xfc:1"))
    code, _, said = run(monkeypatch, capfd, home, "--out", out, "--key_file", tmp_path / "voice.key")
    assert code == 2 and "Traceback" not in said
    lines = said.splitlines()
    assert any(line.startswith("left out: 1 (notes \\udce4.txt)") for line in lines)
    assert any("kaputt \\udce4.mp4: no readable media" in line and line.startswith("bad: ") for line in lines)
    assert "\x1b" not in said
    assert len(list(out.glob("*.manifest.json"))) == 1 and (out / "refused.jsonl").is_file()
    probed = commands.run("probe", good)
    assert probed.returncode == 0
    assert probed.stdout.splitlines()[0].endswith("M\\udcfcller \\x1b[31m\\n10:30.mp4: video/h264, audio/aac")


def test_a_name_that_begins_with_a_dash(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("-talk.mp4").touch()
    monkeypatch.setattr("sys.argv", ["deidentify", "--out", "out", "-talk.mp4"])
    with pytest.raises(SystemExit, match="2"):
        deidentify.main()
    assert "begins with a dash is given as ./-talk.mp4" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--out", "notes"], "error: notes: is a file; give a folder as --out\n"),
        (
            ["--out", "out", "--tracks", "none.json"],
            "error: --tracks none.json: there is no such file; check the path\n",
        ),
    ],
)
def test_paths_that_cannot_be_used_are_told_before_the_work(tmp_path, monkeypatch, capfd, flags, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "talk.mp4").touch()
    (tmp_path / "notes").touch()
    assert run(monkeypatch, capfd, "in/talk.mp4", "--key_file", "voice.key", *flags) == (2, "", why)
    assert not (tmp_path / "voice.key").exists() and not (tmp_path / "out").exists()

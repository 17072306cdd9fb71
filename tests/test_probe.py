"""The command, as a person runs it."""

from tests.commands import run


def test_it_lists_what_a_file_carries(raw, tmp_path):
    done = run("probe", raw.path, raw.path)
    assert done.returncode == 0 and done.stdout.count("video/h264, audio/aac") == 2
    assert all(text in done.stdout for text in raw.planted)
    (tmp_path / "text.mp4").write_text("no film")
    done = run("probe", tmp_path / "text.mp4")
    assert done.returncode == 2 and done.stderr.startswith("error: ") and "no readable media" in done.stderr

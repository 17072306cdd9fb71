"""The command, as a person runs it."""

import functools
import json
import subprocess
import sys

import pytest

from tests import commands
from tests.tiny_runs import NEW

generate = functools.partial(commands.run, "generate")
pytestmark = pytest.mark.usefixtures("one_length")


@pytest.mark.slow
def test_json_lines_of_several_clips_one_of_which_is_refused(untrained_run, deidentified, refused, tmp_path):
    said, labels = tmp_path / "said.txt", "hand rub, nod"
    said.write_text("I am glad.")
    given = ["--transcript", "", "--transcript", "", "--transcript", said, "--nfbl", "", "--nfbl", "", "--nfbl", labels]
    paths = [deidentified[0], refused.path, deidentified[1]]
    done = generate(*paths, "--workdir", untrained_run, "--json", "--max_new_tokens", NEW, *given, "--batch_size", 2)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert f"refused: {refused.path}: no face" in done.stderr
    assert done.stderr.strip().splitlines()[-1] == "error: 1 of 3 clips were not described"
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["clip"] for row in rows] == [str(deidentified[0]), str(deidentified[1])]
    keys = ["clip", "emotion", "probability", "temperature", "warning", "log_likelihoods", "answer", "reasoning"]
    keys += ["modalities", "notes"]
    for row in rows:
        assert list(row) == keys
        assert row["emotion"] in ("negative", "positive") and 0.5 <= row["probability"] <= 1
        assert set(row["log_likelihoods"]) == {"negative", "positive"}
    assert rows[0]["modalities"] == ["audio", "video"]
    assert rows[1]["modalities"] == ["audio", "video", "transcript", "nfbl"]


@pytest.mark.parametrize("run", [commands.run, pytest.param(commands.run_alone, marks=pytest.mark.slow)])
def test_a_raw_clip_as_text(run, untrained_run, raw, tmp_path):
    options = ["--max_new_tokens", NEW, "--key_file", tmp_path / "voice.key"]
    done = run("generate", raw.path, "--workdir", untrained_run, *options)
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first.startswith(f"{raw.path}: ") and first.endswith("%)")
    assert "  from: audio, video" in rest
    assert any(line.startswith("  note: no transcript was given") for line in rest)
    assert (tmp_path / "voice.key").exists()


@pytest.mark.slow
def test_a_raw_clip_before_a_grey_background(untrained_run, raw, tmp_path):
    """The answer is that to the copy which `deidentify --background grey` makes, and another one than with its room."""
    options = ["--workdir", untrained_run, "--json", "--max_new_tokens", NEW, "--key_file", tmp_path / "voice.key"]
    options += ["--smallest_face", 0.2, "--audio_track", "none"]
    rows = []
    for background in ("grey", "keep"):
        done = generate(raw.path, *options, "--background", background)
        assert done.returncode == 0, done.stderr
        rows.append(json.loads(done.stdout))
    copies = [
        "--out",
        tmp_path / "deid",
        "--key_file",
        tmp_path / "voice.key",
        "--background",
        "grey",
        "--clip_ids",
        "stem",
    ]
    done = commands.run("deidentify", raw.path, *copies, "--smallest_face", 0.2, "--audio_track", "none")
    assert done.returncode == 0, done.stderr
    done = generate(tmp_path / "deid" / raw.path.name, *options)
    assert done.returncode == 0, done.stderr
    rows.append(json.loads(done.stdout))
    grey, keep, copy = ([row["log_likelihoods"][name] for name in ("negative", "positive")] for row in rows)
    assert rows[0]["modalities"] == ["video"]
    # Encoded by another number of threads, the copy is not the same to the bit.
    assert grey == pytest.approx(copy, abs=0.1) and grey != pytest.approx(keep, abs=1)


@pytest.mark.slow
def test_draws_as_text(untrained_run, deidentified):
    """Of as many clips as in other tests of draws, which have compiled what answers them."""
    options = ["--max_new_tokens", NEW, "--temperature", 0.9, "--top_p", 0.9, "--seed", 3, "--batch_size", 2]
    done = generate(*deidentified, "--workdir", untrained_run, *options)
    assert done.returncode == 0, done.stderr
    firsts = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert len(firsts) == 2
    for path, first in zip(deidentified, firsts, strict=True):
        assert first.startswith(f"{path}: ") and first.endswith("%)")


@pytest.mark.slow
def test_a_process_of_its_own_ends_with_one_message():
    done = commands.run_alone("generate", "a.mp4", "--workdir", "absent")
    assert done.returncode == 2 and done.stderr.startswith("error: absent: holds no run") and not done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.mp4"], "--workdir"),
        (["--workdir", "x"], "CLIP"),
        (["a.mp4", "--workdir", "absent"], "absent: holds no run"),
        (["a.mp4", "b.mp4", "--workdir", "absent", "--transcript", "once"], "given 1 times for 2 clips"),
        (["a.mp4", "--workdir", "absent", "--top_p", "0"], "top_p 0.0"),
        (["a.mp4", "--workdir", "absent", "--audio_track", "left"], "audio_track 'left'"),
    ],
)
def test_mistakes_are_one_message(arguments, says):
    done = generate(*arguments)
    assert done.returncode == 2
    assert says in done.stderr.strip().splitlines()[-1] and "Traceback" not in done.stderr


def test_importing_the_package_stays_cheap():
    code = "import sys; sys.modules['jax'] = None; import deemo_jax; deemo_jax.load"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr

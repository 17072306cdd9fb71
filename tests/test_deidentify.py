"""The command, as a person runs it."""

import json
import sys

import pytest

from tests import commands


@pytest.fixture
def command(tmp_path):
    def run(*arguments):
        how = commands.run_alone if "--help" in arguments else commands.run
        return how("deidentify", *arguments, HOME=str(tmp_path / "home"), DEEMO_VOICE_KEY="")

    return run


def one_line(done, *words):
    assert done.returncode == 2 and "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and all(word in last for word in words), done.stderr
    return True


def test_from_raw_to_audit(raw, tmp_path, command):
    out, truth = tmp_path / "out", tmp_path / "truth.jsonl"
    done = command(raw.path, "--out", out, "--clip_ids", "stem")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 clips" in done.stdout
    assert "1 of 320x240 looked at as 256x192, for faces from 24 pixels up" in done.stdout
    secret = (tmp_path / "home" / ".config" / "deemo_jax" / "voice.key").read_text().strip()
    assert secret not in done.stdout + done.stderr
    beside = tmp_path / "home" / ".config" / "deemo_jax" / "voice.key.sources.jsonl"
    assert f"made a voice key: {beside.with_name('voice.key')}" in done.stdout and str(beside) in done.stdout
    assert json.loads(beside.read_text())["source"] == str(raw.path) and beside.stat().st_mode & 0o077 == 0
    assert not any(str(raw.path.parent).encode() in path.read_bytes() for path in out.iterdir())
    truth.write_text(json.dumps(raw.truth) + "\n")
    checked = commands.run("audit", out, "--truth", truth, "--source", raw.path.parent)
    assert checked.returncode == 0 and "least covered true box" in checked.stdout, checked.stderr
    long = ("--report", "--attacks", "--face_embedder", "grey", "--every", 6)
    reported = commands.run("audit", out, "--truth", truth, "--source", raw.path.parent, *long)
    assert reported.returncode == 0 and (out / "audit" / "report.html").is_file(), reported.stderr
    assert "Utility: is the cue still there? (not measured)" in reported.stdout


@pytest.mark.slow
def test_voices_of_ones_own(raw, tmp_path, command):
    """A tool is run by a worker process; flags that do not go together are told before anything is done."""
    out, script = tmp_path / "out", tmp_path / "tool.py"
    script.write_text(
        "import array, random, sys, wave\n"
        "with wave.open(sys.argv[1]) as file:\n"
        "    x = array.array('h', file.readframes(file.getnframes()))\n"
        "with wave.open(sys.argv[2], 'wb') as file:\n"
        "    file.setnchannels(1); file.setsampwidth(2); file.setframerate(16000)\n"
        "    file.writeframes(array.array('h', [random.choice((-1, 1)) * (s // 2) for s in x]).tobytes())\n"
    )
    call = f"{sys.executable} {script} {{in}} {{out}}"
    done = command(raw.path, "--out", out, "--clip_ids", "stem", "--voice_command", call, "--smallest_face", 0.3)
    assert done.returncode == 0, done.stderr
    row = json.loads((out / "speaker.manifest.json").read_text())
    assert row["voice"]["method"] == "command" and "tool.py" in row["voice"]["tool_sha256"]
    assert row["settings"]["voice_command"].endswith("tool.py {in} {out}") and str(tmp_path) not in json.dumps(row)
    for flags, words in (
        (("--voice_command", call, "--voice", "recast"), ("--voice_command", "--voice recast")),
        (("--voice_command", "no_such_tool {in} {out}"), ("no_such_tool", "no such program")),
        (("--voice_timeout", 5), ("--voice_timeout", "--voice_command")),
        (("--mode", "paper", "--prosody", 0.5), ("prosody", "neutral")),
        (("--voice", "neutral", "--prosody", 2), ("prosody",)),
        (("--voice", "spoken"), ("--voice spoken", "--words")),
        (("--words", script), ("--voice spoken", "--words")),
        (("--voice", "spoken", "--words", script), ("tool.py", "word times")),
        (("--names", script), ("--names", "--voice spoken")),
    ):
        assert one_line(command(raw.path, "--out", tmp_path / "other", *flags), *words)
    assert not (tmp_path / "other").exists()


def test_what_goes_wrong_is_one_line(raw, tmp_path, command):
    out = tmp_path / "out"
    (tmp_path / "text.mp4").write_text("no film")
    done = command(raw.path, tmp_path / "text.mp4", tmp_path / "absent.mp4", "--out", out)
    assert one_line(done, "2 of 3", "refused.jsonl")
    assert "bad: " in done.stderr and "absent.mp4" in done.stderr and len(list(out.glob("*.mp4"))) == 1
    assert one_line(command(), "--out")
    assert one_line(command(raw.path, "--out", out, "--key_file", out / "k"), "output folder")
    bare = commands.run("audit", out, "--every", 12)
    assert bare.returncode == 0 and "not measured: needs --truth" in bare.stdout, bare.stderr
    assert one_line(commands.run("audit", out, "--detector", "x.onnx"), "x.onnx: no such file", "mtcnn")
    assert one_line(commands.run("audit", out, "--report", "--face_embedder", "grey"), "--attacks")
    assert one_line(commands.run("audit", out, "--report", "--towers", tmp_path / "text.mp4"), "--towers", "no recipe")
    assert one_line(command(raw.path, "--out", out, "--workers", "0"), "--workers")
    assert command("--help").returncode == 0


@pytest.mark.parametrize(
    ("flag", "name"),
    [("--text", "redact"), ("--probe", "probe"), ("--audit=x", "audit"), ("--every", "audit")],
)
def test_a_flag_of_another_command_names_it(flag, name):
    assert one_line(commands.run("deidentify", flag, "a"), flag.partition("=")[0], f"python -m deemo_jax.{name} ")

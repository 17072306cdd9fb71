import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from absl import app, flags
from ml_collections import config_flags

from deemo_jax import deidentify
from deemo_jax.core import cli


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        ("build", ["deemo_mer"], "give DATASET, --annotations and --data_dir"),
        ("build", ["deemo_mer", "--annotations", "a", "--data_dir", "d"], "give --manifest"),
        ("build", ["another"], "invalid choice"),
        ("deidentify", ["--workers", "many"], "--workers"),
        ("generate", [], "required"),
        ("sample.__main__", ["clips", "--out"], "--out"),
        ("sample.__main__", ["towers", "--out", "x", "--seed", "y"], "--seed"),
        ("sample.__main__", ["towers", "--out", "x", "--only", "ear"], "invalid choice"),
        ("sample.__main__", [], "required"),
    ],
)
def test_wrong_flags_are_one_line(
    command: str,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", [command, *arguments])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"deemo_jax.{command}").main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and not out
    assert err.startswith("error: ") and err.endswith("(--help lists the flags)\n") and err.count("\n") == 1
    assert says in err


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("a=b is no argument"), "recipe.py, line 2: ValueError: a=b is no argument"),
        (ValueError("of two\nlines"), "recipe.py, line 2: ValueError: of two lines"),
        (KeyError("x"), "recipe.py, line 2: KeyError: 'x'; mend the recipe"),
    ],
)
def test_what_a_recipe_raises_is_one_line_with_its_place(
    error: Exception, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "recipe.py"
    recipe.write_text(f"def get_config(arguments=''):\n    raise {error!r}\n")
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values)
    monkeypatch.setattr(flags, "FLAGS", values)
    monkeypatch.setattr(app, "run", lambda main, flags_parser: main(flags_parser(["x", f"--config={recipe}"])))
    with pytest.raises(SystemExit) as ended:
        cli.run_with_words(lambda words: 0)
    err = capsys.readouterr().err
    assert ended.value.code == 2 and err.count("\n") == 1 and says in err and "Traceback" not in err


def test_a_recipe_is_named_where_a_library_raises_for_it() -> None:
    frames = '  File "/mine.py", line 7, in get_config\n    c.x = 1\n  File "/site-packages/m.py", line 9, in f\n'
    said = cli._without_traceback(f"flag: Traceback (most recent call last):\n{frames}TypeError: of two\nlines")
    assert said == "flag: /mine.py, line 7: TypeError: of two\nlines"


def test_output_that_nobody_reads_to_its_end_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        assert cli.guarded(lambda: print("x", flush=True)) == 141
        gone.flush()  # its output has no reader, and flushing raises nothing


@pytest.mark.slow
def test_inputs_of_which_no_span_is_listed_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_text("no film")
    (tmp_path / "spans.csv").write_text("file,start_s,end_s\na.mp4,0,1\n")
    flags = ["--out", tmp_path / "out", "--segments", tmp_path / "spans.csv", "--key_file", tmp_path / "key"]
    monkeypatch.setattr(sys, "argv", ["deidentify", str(tmp_path), *map(str, flags)])
    assert cli.guarded(deidentify.main) == 2
    assert "left out: 1 (b.mp4): spans.csv lists no span of it" in capsys.readouterr().err


@pytest.mark.parametrize(("ends", "code"), [("raise KeyboardInterrupt", 130), ("return cli.EXIT_STOPPED", 75)])
def test_a_stopped_command_ends_while_threads_work_and_tidies_up(ends: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "command.py").write_text(f"""
import atexit, threading, time
from deemo_jax.core import cli

def main():
    {ends}

atexit.register(print, "tidied up")
threading.Thread(target=time.sleep, args=(60,)).start()
cli.leave(cli.guarded(main))
""")
    done = subprocess.run([sys.executable, tmp_path / "command.py"], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (code, "tidied up\n")

"""The command: what it prints and writes, its exit codes, and what it says of mistakes."""

import dataclasses
import functools
import json
from pathlib import Path

import pytest

from deemo_jax.training.fit.chips import CHIPS
from tests import commands

run = functools.partial(commands.run, "fit")
TINY = ("--config", "tests/training/fit/text_only.py")


@pytest.mark.slow
def test_a_recipe_that_fits_here_is_compiled_and_reported(tmp_path: Path) -> None:
    page = tmp_path / "fit.html"
    done = run(*TINY, "--topology", "local", "--report", page, "--clips", 100)
    assert done.returncode == 0, done.stderr
    assert "tiny on local: " in done.stdout and "fits: " in done.stdout and "compiled in " in done.stdout
    for word in ("frozen", "trainable", "optimizer", "working", "decoder", "computed again"):
        assert word in done.stdout
    assert "<table>" in page.read_text() and "deemo_jax.fit --config" in page.read_text()


@pytest.mark.slow
def test_chips_that_are_not_here_are_estimated_as_json(tmp_path: Path) -> None:
    page = tmp_path / "fit.md"
    more = ("--clips", 1000, "--price", 2, "--json", "--report", page)
    done = run(*TINY, "--topology", "h100:2x2", "--config.mesh.fsdp=2", *more)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["fits"] and not found["compiled"] and found["mesh"] == {"data": 2, "fsdp": 2, "tensor": 1}
    assert found["memory_bytes_a_chip"]["total"] == sum(
        size for kind, size in found["memory_bytes_a_chip"].items() if kind != "total"
    )
    assert found["costs"]["bound"]["money"] == pytest.approx(2 * found["costs"]["bound"]["chip_hours"])
    assert {row["kind"] for row in found["collectives"]} >= {"all-gather"}
    assert "an estimate: programs for GPUs are compiled only where they are" in page.read_text()
    assert page.read_text().startswith("# tiny on h100:2x2: 4 chips")


def test_what_does_not_fit_ends_with_1_and_says_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHIPS, "v5e", dataclasses.replace(CHIPS["v5e"], memory=1000))
    done = run(*TINY, "--topology", "v5e:2x2", "--nocompile")
    assert done.returncode == 1, done.stderr
    assert "does not fit: " in done.stdout and "take a smaller batch, more chips" in done.stdout


@pytest.mark.slow
def test_a_search_recommends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deemo_jax.training.fit.search.ROWS", (1, 2))
    done = run(*TINY, "--topology", "v6e:2x2", "--search", "--nocompile")
    assert done.returncode == 0, done.stderr
    assert "Search, the fastest first" in done.stdout and "--config.model.decoder.remat=" in done.stdout


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--topology", "v5ee:4x4"], "did you mean 'v5e'"),
        (["--topology", "v5e:5x5"], "did you mean v5e:"),
        ([], "with --topology, such as v5e:16x16"),
        (["--topology", "h100:8x1", "--config.mesh.fsdp=3"], "does not multiply to the 8 devices"),
        (["--topology", "h100:8x1", "--config.data.batch_size=3"], "does not divide over 8 shares"),
        (["--topology", "local", "--report", "README.md/fit.md"], "README.md: cannot be written"),
        (["--topology", "local", "--report", "fit.pdf"], "name a file that ends in .md or .html"),
        (["--topology", "local", "--price", "-1"], "price"),
        (["--topology", "local", "--price", "nan"], "price=nan: give a number"),
        (["--topology", "local", "--config.frozen_dtype=int4"], "'int4' is not known"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(flags: list[str], said: str) -> None:
    done = run(*TINY, *flags)
    assert done.returncode == 2 and said in done.stderr, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ") and "Traceback" not in done.stderr


@pytest.mark.parametrize("flag", ["mesh.fsdp=3", "data.batch_size=3"])
def test_what_does_not_divide_is_told_before_a_compiler_is_asked(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deemo_jax.training.fit.topology._tpu_devices", lambda _: pytest.fail("asked a compiler"))
    done = run(*TINY, "--topology", "v5e:2x4", f"--config.{flag}")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def get_config(:", "line 1: SyntaxError"),
        ("def get_config():\n    return 1 / 0\n", "line 2: ZeroDivisionError"),
    ],
)
def test_a_recipe_that_fails_is_named_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.py").write_text(text)
    done = run("--config", tmp_path / "recipe.py", "--topology", "cpu:8")
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "recipe.py, " in done.stderr and said in done.stderr and not done.stdout


def test_help_is_no_verdict() -> None:
    done = run("--help")
    assert done.returncode == 0 and "--topology" in done.stdout

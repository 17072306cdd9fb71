"""The image has what it copies, and the versions that JAX asks for."""

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PINS = dict(
    line.split("==")
    for line in (ROOT / "launch/requirements-accelerators.txt").read_text().splitlines()
    if "==" in line
)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the image has Python 3.11, and the JAX for that")
@pytest.mark.parametrize("extra", ["cuda13", "tpu"])
def test_pins_of_accelerators_are_those_of_the_pinned_jax(extra: str) -> None:
    pinned = re.search(r'^jax==([\d.]+); python_version < "3.12"$', (ROOT / "requirements.txt").read_text(), re.M)
    assert pinned and importlib.metadata.version("jax") == pinned[1]
    wanted = [Requirement(text) for text in importlib.metadata.requires("jax") or []]
    added = [one for one in wanted if one.marker and one.marker.evaluate({"extra": extra}) and one.name in PINS]
    assert added and all(PINS[one.name] in one.specifier for one in added)


def test_what_it_copies_is_there_and_in_the_context() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "launch/Dockerfile").read_text(), re.M)
    names = [name for line in copied for name in line.split()]
    kept = {line[1:] for line in (ROOT / "launch/Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    assert len(names) > 5 and all((ROOT / name).exists() for name in names)
    assert {name.split("/")[0] for name in names} == kept

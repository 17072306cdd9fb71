"""Where compiled steps are kept."""

from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from deemo_jax.core.compilation_cache import VARIABLE, default_folder, keep_compiled

KEYS = ("jax_enable_compilation_cache", "jax_compilation_cache_dir")


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    before = {key: getattr(jax.config, key) for key in KEYS}
    yield
    for key, value in before.items():
        jax.config.update(key, value)


def test_the_folder_is_in_the_users_cache_unless_jax_is_told_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_folder() == "/somewhere/deemo_jax/compiled"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/a")
    assert default_folder() == "/home/a/.cache/deemo_jax/compiled"
    monkeypatch.setenv(VARIABLE, "/else")
    assert default_folder() == "/else"


def test_a_folder_is_made_and_used_and_none_is_none(tmp_path: Path) -> None:
    assert keep_compiled(str(tmp_path / "a" / "b")) == ""
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "a" / "b") and (tmp_path / "a" / "b").is_dir()
    assert keep_compiled("") == "" and not jax.config.jax_enable_compilation_cache


def test_a_folder_that_cannot_be_made_is_a_remark_and_no_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = keep_compiled(str(tmp_path / "file" / "x"))
    assert "compiled steps cannot be kept here" in said and not jax.config.jax_enable_compilation_cache

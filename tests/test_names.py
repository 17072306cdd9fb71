"""Names of files that are no text: they come back from JSON as they were, and what cannot take them says so."""

import os
import sys
from pathlib import Path

import pytest

from deemo_jax import build
from deemo_jax.core import cli, files
from deemo_jax.core.errors import UserError, plain
from deemo_jax.data.clip_source import open_builder

ODD = os.fsdecode(b"M\xfcller\n.mp4")


def test_json_gives_back_what_it_was_given(tmp_path):
    files.write_json(tmp_path / "a.json", {"name": ODD, "word": "Müller"})
    files.write_jsonl(tmp_path / "a.jsonl", [{"name": ODD}])
    assert files.read_json(tmp_path / "a.json") == {"name": ODD, "word": "Müller"}
    assert list(files.read_jsonl(tmp_path / "a.jsonl")) == [{"name": ODD}]
    assert os.fsencode(files.read_json(tmp_path / "a.json")["name"]) == b"M\xfcller\n.mp4"
    assert (tmp_path / "a.json").read_bytes().decode("utf-8").count("Müller") == 1


def test_what_is_said_is_one_printable_line(capfd):
    def fail():
        print(ODD)
        raise UserError(f"{ODD}: \x1b[31m broken")

    assert cli.guarded(fail) == 2
    told, said = capfd.readouterr()
    assert said == "error: M\\udcfcller .mp4: \\x1b[31m broken\n"
    if isinstance(sys.stdout, type(sys.__stdout__)):
        assert told.startswith("M\\udcfcller")
    assert plain("Müller 访谈 ₁.mp4") == "Müller 访谈 ₁.mp4"


def test_datasets_refuse_folders_that_are_not_utf8(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/data \xfc"))
    said = r"not UTF-8, which datasets need"
    with pytest.raises(UserError, match=said):
        build.build(["deemo_mer", "--manifest", "x", "--annotations", "y", "--data_dir", str(folder)])
    with pytest.raises(UserError, match=said):
        open_builder(folder, "deemo_mer")
    files.refuse_other_bytes(tmp_path / "data ü")

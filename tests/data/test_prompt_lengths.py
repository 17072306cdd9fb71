"""Prompts that do not fit are named before a run begins, all of them at once."""

import dataclasses
from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.build.dataset_writer import write_dataset
from deemo_jax.data.clip_source import ClipSource, open_builder
from deemo_jax.data.fingerprint import fingerprint_of
from deemo_jax.data.prompt_lengths import FOLDER, check_prompts
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from tests.training import tiny
from tfds_builders.deemo_mer.deemo_mer_dataset_builder import Builder


def test_all_are_named_and_what_was_measured_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = tiny.records(5, 0)
    for index, words in {1: 30, 2: 40, 3: 40}.items():
        records[index]["reasoning"] = "x" * words
    records[0]["transcript"] = "word " * 300  # is shortened to fit
    records[3]["mel"] = records[3]["mel"][:0]  # without sound it fits
    write_dataset(lambda folder: Builder(records={"train": records}, data_dir=folder), tmp_path, overwrite=False)
    data, _ = fingerprint_of(open_builder(tmp_path, "deemo_mer"))
    recipe = Recipe.from_config(tiny.get_config(str(tmp_path)))
    tokens = DeemoLlamaConfig.from_config(recipe.model).tokens

    def check(room: int, split: str = "train") -> None:
        asked = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, max_length=room))
        check_prompts(asked, tokens, data, split)

    check(1000)
    with monkeypatch.context() as patch:
        patch.setattr(ClipSource, "without_media", lambda *_: pytest.fail("is read again"))
        with pytest.raises(UserError) as error:
            check(1)
        longest = int(str(error.value).split("raise it to ")[1].split(",")[0])
        with pytest.raises(
            UserError, match=rf"'train': 1 clips do not fit into .*={longest - 1} .*: clip2 \({longest}"
        ):
            check(longest - 1)
        with pytest.raises(UserError, match=rf": clip1 \({longest - 10} tokens\), clip2 \({longest} tokens\)"):
            check(longest - 11)
        check(longest)
    (kept,) = (tmp_path / FOLDER).iterdir()
    kept.write_text("damaged")
    check(longest)
    check(longest, "train[:2]")
    assert len(list((tmp_path / FOLDER).iterdir())) == 2

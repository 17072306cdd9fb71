"""Instruction data as rows: the batch contract, mixtures, poison, and a run that learns from one."""

import dataclasses
import math
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deemo_jax.build import main
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_jsonl
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import Conversation, Turn
from deemo_jax.data.batch_rows import make_row
from deemo_jax.data.clip_source import ClipSource, Record
from deemo_jax.data.mixture import MixedClips
from deemo_jax.data.pipeline import make_pipeline, make_spec, stack
from deemo_jax.data.prompt_lengths import check_prompts
from deemo_jax.data.record_features import RecordKind
from deemo_jax.data.run_data import examine
from deemo_jax.data.tokenizer import ByteTokenizer
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlama, DeemoLlamaConfig, param_shapes
from deemo_jax.training.loop import train
from tests.instruction_data import write_instructions
from tests.models.tiny import drawn
from tests.training import tiny

TOKENS = DeemoLlamaConfig.from_config(tiny.MODEL).tokens


@pytest.fixture(scope="module")
def data(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beside the tiny clips, a dataset of each file."""
    folder = Path(shutil.copytree(tiny_data, tmp_path_factory.mktemp("mixed") / "data"))
    source = write_instructions(tmp_path_factory.mktemp("instructions") / "source")
    for name in ("llava.json", "chat.json", "emer.csv"):
        words = ["--source", str(source / name), "--media", str(source / "media"), "--name", Path(name).stem]
        words += ["--data_dir", str(folder), "--workers", "0", "--keep_faces"]
        assert main(["instructions", *words]) == 0
    return folder


def recipe(data: Path, prompt: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    config = tiny.get_config(str(data)).to_dict()
    config["prompt"] |= {"conversation": "video_llama"} if prompt is None else prompt
    mixture = {"deemo_mer": 1, "llava": 1, "chat": 1, "emer": 1}
    config["data"] |= {"mixture": mixture, "mixing": "row", "batch_size": 8, "max_length": 320} | changes
    return Recipe.from_config(config)


def targets(batch: Batch, row: int) -> str:
    return ByteTokenizer().decode(batch.token_ids[row][batch.loss_mask[row] > 0].tolist())


def test_rows_of_all_kinds_have_one_shape_and_the_loss_on_every_answer(data: Path) -> None:
    batches = make_pipeline(recipe(data), TOKENS, train=True)
    seen = set()
    for step in range(4):
        batch = batches.batch_at(step)
        assert batch.token_ids.shape == (8, 320) and batch.frames.shape[:2] == (8, 2)
        assert batch.record_valid.all() and (batch.loss_mask <= batch.valid).all()
        for row, index in enumerate(batch.index.tolist()):
            clip = batches.record(index).clip
            if clip.conversation is not None:
                answers = "".join(f"###Assistant: {turn.answer}\n###" for turn in clip.conversation.turns)
                assert targets(batch, row) == f"###{answers}"
                assert not batch.has_audio[row] and not batch.has_transcript[row] and batch.has_video[row]
            else:
                named = f"The emotion is {clip.emotion}. " if clip.emotion else ""
                assert targets(batch, row) == named + clip.reasoning
            seen.add(clip.video_id)
    assert {"1.jpg", "walk.mp4", "s1"} <= seen and len(seen) > 3


def test_a_mixture_knows_its_kinds_and_labels(data: Path) -> None:
    asked = recipe(data)
    source = make_pipeline(asked, TOKENS, train=True)._source
    assert isinstance(source, MixedClips) and source.kinds == {RecordKind.CLIPS, RecordKind.INSTRUCTIONS}
    found, _ = examine(asked.data, verify=True)
    assert found.dataset == "chat+deemo_mer+emer+llava"
    check_prompts(asked, TOKENS, found, "train")
    with pytest.raises(UserError, match=r"16 clips do not fit into config.data.max_length=40 .*walk.mp4-"):
        check_prompts(recipe(data, max_length=40), TOKENS, found, "train")
    with pytest.raises(UserError, match="the template caption has no form of conversations; choose from"):
        make_pipeline(recipe(data, {"template": "caption", "task": "reasoning"}), TOKENS, train=True)
    alone = recipe(data, dataset="llava", mixture={}, test_split="train")
    with pytest.raises(UserError, match="has instructions, which name no emotion"):
        make_pipeline(alone, TOKENS, train=False)
    reasoning = dataclasses.replace(alone, prompt=dataclasses.replace(alone.prompt, task="reasoning"))
    asked_only = make_pipeline(reasoning, TOKENS, train=False).batch_at(0)
    assert not asked_only.loss_mask.any()


def changed(record: Record, *turns: tuple[str, str]) -> Record:
    talk = Conversation(tuple(Turn(question, answer) for question, answer in turns), 0)
    return dataclasses.replace(record, clip=dataclasses.replace(record.clip, conversation=talk))


@pytest.mark.slow
def test_what_comes_later_moves_no_earlier_logit(data: Path) -> None:
    """Poison: the later turn, and the ids of padding."""
    spec = make_spec(recipe(data), TOKENS, train=True)
    record = ClipSource(data, "llava", "train")[0]
    first, later = ("\nWhat is it?", "A ramp."), [("Which colour?", "Grey."), ("What colour??", "Red!!")]
    rng = np.random.default_rng
    whole, other = (make_row(changed(record, first, turn), spec, rng(0), 0)[0] for turn in later)
    assert (whole["loss_mask"] == other["loss_mask"]).all() and (whole["token_ids"] != other["token_ids"]).any()
    padded = whole | {"token_ids": np.where(whole["valid"], whole["token_ids"], 77)}
    assert (padded["token_ids"] != whole["token_ids"]).any()
    batch = jax.tree.map(jnp.asarray, stack([whole, other, padded]))
    model = DeemoLlama(DeemoLlamaConfig.from_config(tiny.MODEL))
    params = drawn(param_shapes(model))
    logits = np.asarray(jax.jit(model.apply)({"params": params}, batch))
    differs = int(np.argmax(whole["token_ids"] != other["token_ids"]))
    answers = np.flatnonzero(whole["loss_mask"][:differs])
    assert len(answers) > len("A ramp.") and (logits[0, :differs] == logits[1, :differs]).all()
    assert (logits[0, differs:] != logits[1, differs:]).any()
    assert (logits[0][whole["valid"]] == logits[2][whole["valid"]]).all()


@pytest.mark.slow
def test_a_run_learns_from_a_mixture(data: Path, tmp_path: Path) -> None:
    config = tiny.get_config(str(data))
    config.data.mixture = {"deemo_mer": 1, "llava": 1, "chat": 1, "emer": 1}
    config.data.update({"mixing": "batch", "max_length": 320})
    config.prompt.conversation = "video_llama"
    config.train.steps = 30
    train(config, tmp_path / "run")
    losses = [row["loss"] for row in read_jsonl(tmp_path / "run" / "metrics.jsonl") if "loss" in row]
    assert len(losses) == 30 and all(map(math.isfinite, losses))
    assert np.mean(losses[-8:]) < 0.6 * np.mean(losses[:4])

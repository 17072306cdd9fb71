"""Clips a second of an evaluation beside a plain loop: `python -m benchmarks.evaluation --workdir RUN [--clips 200]`.

Ours is `deemo_jax.evaluation.answer_split`, all of it: records are read, prompts made, what the feature cache lacks is
encoded, batches of 32 are answered, and the statements of all labels scored. The loop has Hugging Face's LLaMA, with
the same weights, generate the answer to one clip after the other; prompts are handed to it as embeddings, so that
reading and encoding cost it nothing, and it has the number of threads with which it is fastest. Both have float32 and
run in turns, and how many of their answers are the same is printed. Needs PyTorch, and a run that is trained: one that
is not answers until it is cut.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import torch

from benchmarks import peers
from benchmarks.ratios import spread
from deemo_jax.core import cli
from deemo_jax.core.schema import set_name
from deemo_jax.data.tokenizer import Tokenizer, make_tokenizer
from deemo_jax.evaluation.answer_split import SplitAsker, answer_split
from deemo_jax.evaluation.modality_sets import shown_to
from deemo_jax.generation.load import load_run
from deemo_jax.models.weights import flatten

BATCH = 32


def main() -> int:
    """Prints the clips a second of both, and their ratio."""
    parser = cli.Parser("python -m benchmarks.evaluation", description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True, help="of a trained run whose answers end by themselves")
    parser.add_argument("--data_dir", default="", help="where its dataset lies now, if it was moved")
    parser.add_argument("--clips", type=int, default=200, help="of its test split")
    parser.add_argument("--max_new_tokens", type=int, default=160, help="of an answer")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each")
    flags = parser.parse_args()
    recipe, model, params = load_run(flags.workdir, None, flags.data_dir)
    tokenizer, shown, split = make_tokenizer(recipe.tokenizer), shown_to(recipe), recipe.data.test_split
    settings: dict[str, Any] = {"split": split, "batch_size": BATCH, "limit": flags.clips}

    said: dict[str, list[str]] = {}

    def ours() -> None:
        options = {"max_new_tokens": flags.max_new_tokens, **settings}
        said["ours"] = [row.answer for row in answer_split(recipe, model, params, [shown], **options).predictions]

    asker = SplitAsker(recipe, model, params, flags.max_new_tokens, sets=[shown], **settings)
    prompts = list(embedded(model, params, asker.pipeline(shown), flags.clips))
    decoder = {"decoder": params["decoder"]}
    values = {path: np.asarray(leaf, np.float32) for path, leaf in flatten(decoder).items()}
    theirs = peers.peer({"kv_heads": recipe.model["decoder"]["heads"], **recipe.model["decoder"]}, values)

    threads = fastest_threads(lambda: generated(theirs, prompts[0], tokenizer, flags.max_new_tokens))

    def one_by_one() -> None:
        said["theirs"] = [generated(theirs, prompt, tokenizer, flags.max_new_tokens) for prompt in prompts]

    times = peers.paired(ours, one_by_one, flags.repeats)
    alike = np.mean([a == b for a, b in zip(said["ours"], said["theirs"], strict=True)])
    tokens = np.mean([prompt.shape[1] for prompt in prompts])
    print(
        f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores, {flags.clips} clips, given {set_name(shown)}, "
        f"prompts of {tokens:.0f} tokens, float32, PyTorch with {threads} threads, {alike:.0%} of answers alike"
    )
    for name, of_one in zip(("evaluation", "one clip at a time, PyTorch"), times, strict=True):
        print(f"{name:<28} {spread(flags.clips / of_one[:, 0])} clips/s")
    ratios = times[1] / times[0]
    print(f"ratio {spread(ratios[:, 0])}, of processor time {spread(ratios[:, 1])}, n {len(ratios)}")
    return 0


def fastest_threads(run: Callable[[], object]) -> int:
    """Sets PyTorch's threads to the number, up to that of cores, that takes the least time on the clock of three runs.

    A small model waits for its threads more than it computes, the more so beside other work.
    """
    least: dict[int, float] = {}
    for count in range(1, (os.cpu_count() or 1) + 1):
        torch.set_num_threads(count)
        run()
        times = []
        for _ in range(3):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        least[count] = min(times)
    best = min(least, key=least.__getitem__)
    torch.set_num_threads(best)
    return best


def embedded(model: Any, params: Any, pipeline: Any, count: int) -> Iterator[torch.Tensor]:
    """The prompts of the first `count` records as embeddings, Float[1 T D], without padding."""
    embed = jax.jit(lambda params, batch: model.apply({"params": params}, batch, method="embed"))
    for batch in pipeline.iterate(0):
        values, lengths = np.asarray(embed(params, batch), np.float32), np.asarray(batch.valid).sum(axis=1)
        for index, row, length in zip(batch.index.tolist(), values, lengths, strict=True):
            if 0 <= index < count:
                yield torch.from_numpy(row[None, :length].copy())
        if int(np.max(batch.index)) + 1 >= count:
            return


def generated(model: Any, prompt: torch.Tensor, tokenizer: Tokenizer, new: int) -> str:
    """Hugging Face's greedy answer to one prompt."""
    mask = torch.ones(prompt.shape[:2], dtype=torch.long)
    ends = {"eos_token_id": tokenizer.eos_id, "pad_token_id": tokenizer.pad_id}
    with torch.inference_mode():
        said = model.generate(inputs_embeds=prompt, attention_mask=mask, do_sample=False, max_new_tokens=new, **ends)
    return tokenizer.decode(said[0].tolist())


if __name__ == "__main__":
    sys.exit(cli.guarded(main))

"""Time and memory of converting a 7B decoder: a folder of its size with random numbers is converted by the command.

    python -m benchmarks.convert_7b --out /scratch/convert_7b        # needs about 27 GB there for a while
    python -m benchmarks.convert_7b --out /tmp/convert --layers 2

The folder holds noise in Vicuna-7B's shapes, bfloat16, two layers a shard. The command runs in a process of its own,
whose memory is measured; all files are removed at the end.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np

from deemo_jax.conversion.io.row_writer import RowWriter
from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.core.progress import with_progress

# Of Vicuna-7B.
WIDTH, MLP, VOCAB, HEADS, DEPTH = 4096, 11008, 32000, 32, 32
LAYERS_A_SHARD = 2
# Of a bfloat16.
BYTES = 2
# Disk space that is needed, in sizes of the folder: the folder, the checkpoint, and some room.
TIMES = 2.1
# Seconds between two looks at the command's memory.
EVERY_S = 0.1
RECIPE = """
from ml_collections import ConfigDict
from configs import deemo_llama_7b

def get_config():
    config = deemo_llama_7b.get_config()
    decoder = {{**config.model.decoder.to_dict(), "depth": {layers}}}
    config.model = ConfigDict({{"dtype": "bfloat16", "attention": "xla", "decoder": decoder}})
    config.trainable = ["decoder/norm/.*"]  # a recipe trains something
    return config
"""
Shapes = dict[str, tuple[int, ...]]


def layer(index: int) -> Shapes:
    """One layer's public tensors."""
    square = {f"self_attn.{part}_proj": (WIDTH, WIDTH) for part in "qkvo"}
    mlp = {"mlp.gate_proj": (MLP, WIDTH), "mlp.up_proj": (MLP, WIDTH), "mlp.down_proj": (WIDTH, MLP)}
    norms = {"input_layernorm": (WIDTH,), "post_attention_layernorm": (WIDTH,)}
    return {f"model.layers.{index}.{name}.weight": shape for name, shape in {**square, **mlp, **norms}.items()}


def shards(layers: int) -> Iterator[Shapes]:
    """The tensors of each file."""
    yield {"model.embed_tokens.weight": (VOCAB, WIDTH), "model.norm.weight": (WIDTH,)}
    for start in range(0, layers, LAYERS_A_SHARD):
        indices = range(start, min(start + LAYERS_A_SHARD, layers))
        yield {name: shape for index in indices for name, shape in layer(index).items()}
    yield {"lm_head.weight": (VOCAB, WIDTH)}


def size(layers: int) -> int:
    """Bytes of the folder's tensors."""
    return BYTES * sum(math.prod(shape) for shapes in shards(layers) for shape in shapes.values())


def write_folder(folder: Path, layers: int) -> None:
    """Hugging Face's layout: shards, their index, and the config."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).standard_normal(VOCAB * WIDTH // 32, np.float32).astype(ml_dtypes.bfloat16)
    parts = list(shards(layers))
    index: dict[str, str] = {}
    for number, shapes in enumerate(with_progress(parts, "write shards"), 1):
        name = f"model-{number:05d}-of-{len(parts):05d}.safetensors"
        kinds = {key: (shape, noise.dtype) for key, shape in shapes.items()}
        with RowWriter(folder / name, kinds, {"format": "pt"}) as writer:
            for key, shape in shapes.items():
                writer.write(key, None, np.resize(noise, shape))
        index |= dict.fromkeys(shapes, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    config = {
        "model_type": "llama",
        "vocab_size": VOCAB,
        "hidden_size": WIDTH,
        "num_hidden_layers": layers,
        "num_attention_heads": HEADS,
        "intermediate_size": MLP,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
    }
    (folder / "config.json").write_text(json.dumps(config))


def convert(folder: Path, layers: int, out: Path, recipe: Path) -> tuple[float, float]:
    """Runs the command; seconds, and the most that it had in memory in GB (mapped files included).

    Raises:
        UserError: it failed.
    """
    recipe.write_text(RECIPE.format(layers=layers))
    flags = ["--config", str(recipe), "--out", str(out), "--source", f"llama={folder}"]
    start, peak = time.perf_counter(), 0.0
    root = Path(__file__).parents[1]
    with subprocess.Popen([sys.executable, "-m", "deemo_jax.convert", *flags], cwd=root) as process:
        try:
            while process.poll() is None:
                peak = max(peak, _peak(process.pid))
                time.sleep(EVERY_S)
        finally:
            process.terminate()
    if process.returncode:
        raise UserError(f"the conversion ended with exit code {process.returncode}")
    return time.perf_counter() - start, peak


def _peak(process: int) -> float:
    """Linux's record of the most memory of a process, GB; `getrusage` of a child would include this process."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM")]
    return int(found[0]) * 1024 / 1e9 if found else 0.0


def main() -> None:
    flags = cli.Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--out", type=Path, required=True, help="a new folder for all of it; removed at the end")
    flags.add_argument("--layers", type=int, default=DEPTH, help="fewer for a trial (default %(default)s)")
    given = flags.parse_args()
    if given.layers < 1:
        raise UserError("--layers: at least 1")
    if given.out.exists():
        raise UserError(f"{given.out}: exists; name a new folder, which is removed at the end")
    cli.tidy_when_terminated()
    try:
        given.out.mkdir(parents=True)
        needed, free = TIMES * size(given.layers), shutil.disk_usage(given.out).free
        if free < needed:
            raise UserError(f"{given.out}: has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed")
        write_folder(given.out / "public", given.layers)
        recipe = given.out / "recipe.py"
        seconds, peak = convert(given.out / "public", given.layers, given.out / "converted", recipe)
    except OSError as error:
        raise UserError(f"{given.out}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(given.out, ignore_errors=True)
    gigabytes = size(given.layers) / 1e9
    speed = gigabytes / seconds
    print(f"{given.layers} layers, {gigabytes:.2f} GB: {seconds:.1f} s, {speed:.2f} GB/s, peak {peak:.2f} GB")


if __name__ == "__main__":
    sys.exit(cli.guarded(main))

"""Writes a run's decoder for PyTorch: its LoRA as PEFT's adapter, or the whole decoder with LoRA taken into it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from deemo_jax.conversion.io.new_folder import new_folder
from deemo_jax.conversion.io.row_writer import RowWriter
from deemo_jax.conversion.tables import llama_config, peft_adapter
from deemo_jax.conversion.tables.llama import llama
from deemo_jax.conversion.tables.rules import Fill, expected, to_public
from deemo_jax.conversion.tokenizer_files import NAMES, TokenizerFiles
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_output, write_json
from deemo_jax.core.progress import with_progress
from deemo_jax.core.recipe import Recipe, TokenizerRecipe
from deemo_jax.data.tokenizer import make_tokenizer
from deemo_jax.generation.load import load_run
from deemo_jax.models.int8 import SCALE
from deemo_jax.models.parts.lora import SUFFIX, LoraConfig
from deemo_jax.models.weights import flatten

# As readers of PyTorch's files ask for.
METADATA = {"format": "pt"}
ADAPTER_WEIGHTS = "adapter_model.safetensors"
DECODER_WEIGHTS = "model.safetensors"


def write_adapter(workdir: str, out: Path) -> str:
    """Writes a run's LoRA as a folder that PEFT's `PeftModel.from_pretrained(model, DIR)` opens.

    Args:
        workdir: of the run.
        out: the folder, which must not be there.

    Returns:
        A line on what was written.

    Raises:
        UserError: no run, one without LoRA, or the folder is there or cannot be written.
    """
    out = _absent(out, "--to_peft")
    _, model, params = load_run(workdir)
    lora = model.config.decoder.config.lora
    if lora is None:
        raise UserError(f"{workdir}: its decoder has no LoRA; --to_hugging_face writes the decoder itself")
    public = to_public(peft_adapter.adapter(lora), _on_host(params["decoder"]))
    tensors = {peft_adapter.PREFIX + key: value for key, value in public.items()}
    kinds = {key: (value.shape, np.dtype(np.float32)) for key, value in tensors.items()}
    with new_folder(out) as folder:
        with RowWriter(folder / ADAPTER_WEIGHTS, kinds, METADATA) as writer:
            for key, value in tensors.items():
                writer.write(key, None, value)
        write_json(folder / peft_adapter.ADAPTER, peft_adapter.adapter_config(lora))
    return f"{out}: {len(tensors)} tensors, {sum(value.size for value in tensors.values()):,} parameters"


def write_decoder(workdir: str, out: Path) -> str:
    """Writes a run's decoder as a folder in Hugging Face's layout, with LoRA, if it has one, added to its kernels.

    Tensors are in the model's compute dtype, one at a time in memory. Kernels that the run has in int8 keep the
    rounding of that.

    Arguments, result and errors as for `write_adapter`.
    """
    out = _absent(out, "--to_hugging_face")
    recipe, model, params = load_run(workdir)
    config = model.config.decoder.config
    decoder = _on_host(params["decoder"])
    described = llama_config.written(config, model.config.dtype.value)
    plain = {path: leaf for path, leaf in decoder.items() if SUFFIX not in path}
    fills = expected(llama(config, config.tied), plain)
    dtype = np.dtype(jnp.dtype(model.config.dtype.value))
    with new_folder(out) as folder:
        kinds = {key: (fill.shape, dtype) for key, fill in fills.items()}
        with RowWriter(folder / DECODER_WEIGHTS, kinds, METADATA) as writer:
            for key, fill in with_progress(fills.items(), "export", len(fills)):
                writer.write(key, None, public_values(fill, decoder, config.lora))
        special, tokenizer = _tokenizer(recipe)
        tokenizer.copy(folder)
        write_json(folder / "config.json", described | special)
    return f"{out}: {len(fills)} tensors, {sum(np.prod(fill.shape) for fill in fills.values()):,} parameters, {dtype}"


def public_values(fill: Fill, decoder: Mapping[str, np.ndarray], lora: LoraConfig | None) -> np.ndarray:
    """A public tensor of the decoder, float32.

    Args:
        fill: that says which.
        decoder: path -> value; kernels may be int8 with their scales, and have A and B beside them.
        lora: None for none.
    """
    return fill.transform.backward([_kernel(path, row, decoder, lora) for path, row in fill.targets])


def _kernel(path: str, row: int | None, decoder: Mapping[str, np.ndarray], lora: LoraConfig | None) -> np.ndarray:
    def of(name: str) -> np.ndarray:
        return np.asarray(decoder[name] if row is None else decoder[name][row], np.float32)

    value = of(path)
    if path + SCALE in decoder:
        value = value * of(path + SCALE)
    module = path.removesuffix("/kernel")
    if lora is None or f"{module}{SUFFIX}/lora_a" not in decoder:
        return value
    a, b = (of(f"{module}{SUFFIX}/lora_{part}") for part in "ab")
    return value + lora.scale * np.tensordot(a, b, 1)


def _absent(out: Path, flag: str) -> Path:
    out = open_output(out, flag, make=False)
    if out.exists():
        raise UserError(f"{out}: is there already; name another folder with {flag}")
    return out


def _on_host(params: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {path: np.asarray(leaf) for path, leaf in flatten(params).items()}


def _tokenizer(recipe: Recipe) -> tuple[dict[str, int | None], TokenizerFiles]:
    """The special ids and the files of a run's tokenizer, where it is one of a public decoder."""
    if recipe.tokenizer.name != "llama" or not recipe.tokenizer.path:
        return {}, TokenizerFiles()
    opened = make_tokenizer(TokenizerRecipe("llama", recipe.tokenizer.path))
    folder = Path(recipe.tokenizer.path)
    found = tuple(folder / name for name in NAMES if (folder / name).is_file())
    return {"bos_token_id": opened.bos_id, "eos_token_id": opened.eos_id}, TokenizerFiles(found)

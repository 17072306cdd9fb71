"""Public PyTorch weights into one checkpoint, with a report that accounts for every tensor; and connectors back out.

    python -m deemo_jax.convert --config configs/deemo_llama_7b.py --out CKPT --source eva_vit_g=eva_vit_g.pth \\
        --source blip2=blip2_pretrained_flant5xxl.pth --source imagebind=imagebind_huge.pth --source llama=DIR
    python -m deemo_jax.convert --config ... --out CKPT --check [--source ...]      # hash, and values against sources
    python -m deemo_jax.convert --config ... --out CKPT --parity --source ...       # outputs against PyTorch's
    python -m deemo_jax.convert --workdir runs/deemo_7b --to_pytorch connectors.pth # trained here, used there

What a table does not know is an error, and all errors are named together; nothing is written before all fits. Reading
.pth files, --parity and writing .pth need PyTorch: make setup EXTRAS=convert.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from deemo_jax.core import cli
from deemo_jax.core.config import define_config
from deemo_jax.core.errors import UserError

CONFIG = define_config("The recipe whose model is filled, e.g. configs/deemo_llama_7b.py.")
SOURCE = flags.DEFINE_multi_string(
    "source", [], "NAME=PATH of a public file; --list names them. Give as many as needed."
)
OUT = flags.DEFINE_string("out", "", "Folder of the checkpoint.")
ALLOW_EXTRA = flags.DEFINE_string("allow_extra", None, "Ignore public tensors whose whole name matches this REGEX.")
CHECK = flags.DEFINE_bool("check", False, "Verify the checkpoint in --out instead of writing it.")
PARITY = flags.DEFINE_bool("parity", False, "Compare what --out computes with what PyTorch computes from the sources.")
LAYERS = flags.DEFINE_integer("layers", 0, "With --parity: only so many layers of each tower; 0 is all.", lower_bound=0)
LIST = flags.DEFINE_bool("list", False, "Name the sources that can be read, and end.")
WORKDIR = flags.DEFINE_string("workdir", "", "With --to_pytorch: the run whose connectors are written.")
TO_PYTORCH = flags.DEFINE_string(
    "to_pytorch", "", "Write trained connectors under Video-LLaMA's names: .pth, .safetensors."
)


def main(argv: Sequence[str]) -> int:
    if len(argv) > 1:
        raise UserError(f"{argv[1]!r} is no flag; --help lists the flags")
    if TO_PYTORCH.value and not WORKDIR.value:
        raise UserError("--to_pytorch: name the run with --workdir")
    sources = _sources()
    if not LIST.value and not TO_PYTORCH.value:
        if not isinstance(CONFIG.value, ConfigDict) or not OUT.value:
            raise UserError("name a recipe with --config and a folder with --out")
        if not sources and not CHECK.value and not PARITY.value:
            raise UserError("name public files with --source NAME=PATH (--list names them)")
    cli.tidy_when_terminated()
    # What imports JAX is imported only here, so that --help and mistakes in flags answer at once.
    from deemo_jax.conversion import engine, export, plan, record
    from deemo_jax.conversion.sources import SOURCES
    from deemo_jax.core.recipe import Recipe

    if LIST.value:
        print("\n".join(f"{name:<20}{source.what}" for name, source in SOURCES.items()))
        return 0
    if TO_PYTORCH.value:
        print(export.write_connectors(WORKDIR.value, Path(TO_PYTORCH.value)))
        return 0
    recipe, out = Recipe.from_config(CONFIG.value), Path(OUT.value)
    if CHECK.value:
        wrong = engine.check(out, recipe, sources, ALLOW_EXTRA.value)
        if wrong:
            raise UserError(f"{out}: {len(wrong)} differences: {'; '.join(wrong[: plan.LISTED])}")
        print(f"{out}: as it was written{' and as its sources are' if sources else ''}")
        return 0
    if PARITY.value:
        from deemo_jax.conversion.parity import verdict

        rows = verdict.compare(recipe, out, sources, LAYERS.value, allow_extra=ALLOW_EXTRA.value)
        print(verdict.table(rows))
        if failed := [row.name for row in rows if not row.passed]:
            raise UserError(f"{out}: differs from PyTorch in {', '.join(failed)}")
        return 0
    done = engine.convert(recipe, sources, out, ALLOW_EXTRA.value)
    print(record.report(done))
    print(f"{out}: {'is there already, made from the same files' if done['already'] else 'written'}")
    return 0


def _sources() -> dict[str, str]:
    sources: dict[str, str] = {}
    for pair in SOURCE.value:
        name, _, path = pair.partition("=")
        if not path:
            raise UserError(f"--source {pair}: expected NAME=PATH")
        if name in sources:
            raise UserError(f"--source {name}: is given twice")
        sources[name] = path
    return sources


if __name__ == "__main__":
    cli.run(main)

"""What `python -m deemo_jax.convert` is asked for, and the doing of it.

JAX is imported once the request is known to make sense, so that a mistake in the flags is answered at once.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from deemo_jax.core.config import Config
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe

# The flags that write what a run has trained.
BACK = ("to_pytorch", "to_peft", "to_hugging_face")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConversionRequest:
    """What a person asks for; see `python -m deemo_jax.convert --help`.

    One thing is done: the first of `listing`, `to_pytorch`, `to_peft`, `to_hugging_face`, `check` and `parity` that is
    asked for, else a conversion.

    Attributes:
        config: of the recipe whose model is filled; None where no recipe is named.
        out: folder of the checkpoint; empty where none is named.
        sources: 'NAME=PATH' of public files.
        allow_extra: regular expression for whole public keys that are ignored; None for none.
        listing: names the sources that can be read.
        to_pytorch: file that the connectors of the run in `workdir` are written to; empty for none.
        to_peft: folder that the LoRA of the run in `workdir` is written to; empty for none.
        to_hugging_face: folder that the run's decoder is written to; empty for none.
        workdir: see `to_pytorch`.
        check: verifies the checkpoint in `out`.
        parity: compares what `out` computes with what PyTorch computes from the sources.
        layers: of each tower in `parity`; 0 is all.
    """

    config: Config | None = None
    out: str = ""
    sources: Sequence[str] = ()
    allow_extra: str | None = None
    listing: bool = False
    to_pytorch: str = ""
    to_peft: str = ""
    to_hugging_face: str = ""
    workdir: str = ""
    check: bool = False
    parity: bool = False
    layers: int = 0


def run(asked: ConversionRequest) -> None:
    """Does what is asked for, and prints what came of it.

    Raises:
        UserError: something that is needed is not given; see `deemo_jax.conversion.engine`; or the checkpoint is not
            what was written, or does not compute what PyTorch does.
    """
    back = next((flag for flag in BACK if getattr(asked, flag)), "")
    if back and not asked.workdir:
        raise UserError(f"--{back}: name the run with --workdir")
    sources = _by_name(asked.sources)
    if asked.listing:
        _list()
        return
    if back:
        _write_back(asked, back)
        return
    if asked.config is None or not asked.out:
        raise UserError("name a recipe with --config and a folder with --out")
    if not (sources or asked.check or asked.parity):
        raise UserError("name public files with --source NAME=PATH (--list names them)")
    do = _check if asked.check else _compare if asked.parity else _convert
    do(Recipe.from_config(asked.config), asked, sources)


def _by_name(pairs: Sequence[str]) -> dict[str, str]:
    sources: dict[str, str] = {}
    for pair in pairs:
        name, _, path = pair.partition("=")
        if not path:
            raise UserError(f"--source {pair}: expected NAME=PATH")
        if name in sources:
            raise UserError(f"--source {name}: is given twice")
        sources[name] = path
    return sources


def _list() -> None:
    from deemo_jax.conversion.sources import SOURCES

    print("\n".join(f"{name:<20}{source.what}" for name, source in SOURCES.items()))


def _write_back(asked: ConversionRequest, flag: str) -> None:
    from deemo_jax.conversion import decoder_export, export

    write = {
        "to_pytorch": export.write_connectors,
        "to_peft": decoder_export.write_adapter,
        "to_hugging_face": decoder_export.write_decoder,
    }[flag]
    print(write(asked.workdir, Path(getattr(asked, flag))))


def _check(recipe: Recipe, asked: ConversionRequest, sources: Mapping[str, str]) -> None:
    from deemo_jax.conversion import engine, plan

    wrong = engine.check(Path(asked.out), recipe, sources, asked.allow_extra)
    if wrong:
        raise UserError(f"{asked.out}: {len(wrong)} differences: {'; '.join(wrong[: plan.LISTED])}")
    print(f"{asked.out}: as it was written{' and as its sources are' if sources else ''}")


def _compare(recipe: Recipe, asked: ConversionRequest, sources: Mapping[str, str]) -> None:
    from deemo_jax.conversion.parity import verdict

    rows = verdict.compare(recipe, Path(asked.out), sources, asked.layers, allow_extra=asked.allow_extra)
    print(verdict.table(rows))
    if failed := [row.name for row in rows if not row.passed]:
        raise UserError(f"{asked.out}: differs from PyTorch in {', '.join(failed)}")


def _convert(recipe: Recipe, asked: ConversionRequest, sources: Mapping[str, str]) -> None:
    from deemo_jax.conversion import checkpoint_record, engine

    done = engine.convert(recipe, sources, Path(asked.out), asked.allow_extra)
    print(checkpoint_record.report(done))
    print(f"{asked.out}: {'is there already, made from the same files' if done['already'] else 'written'}")

"""What is checked of the folder of the results before the work starts."""

import os
from collections.abc import Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_output
from deemo_jax.deid.keys import ENVIRONMENT, key_file, load_key
from deemo_jax.deid.manifest import SUFFIX, load_manifest


def check_output(out_dir: Path, sources: Sequence[Path]) -> None:
    """Refuses a folder that is a link, a file, or where the raw videos lie: nothing is written over a source.

    Raises:
        UserError: any of these.
    """
    open_output(out_dir, links=False, make=False)
    home = out_dir.resolve()
    for source in sources:
        if home in (source.parent.resolve(), source.resolve().parent):
            raise UserError(f"{out_dir}: is where the raw videos lie; give another folder as --out")


def peek(path: str | Path | None) -> tuple[str, str | None]:
    """Looks for the voice key as `load_key` does, but makes none.

    Returns:
        Where `load_key` will look, in words, and the id of the key that is there; None where there is none.

    Raises:
        UserError: as `load_key`.
    """
    if path is None and os.environ.get(ENVIRONMENT):
        return f"${ENVIRONMENT}", load_key(None).key_id
    file = key_file(path)
    return str(file), load_key(file).key_id if os.path.lexists(file) else None


def refuse_lost_key(out_dir: Path, key_id: str | None, where: str = "") -> None:
    """Refuses a folder whose clips were made with another key than the one at hand.

    Args:
        out_dir: may be absent.
        key_id: of the key at hand; None where there is none.
        where: the place where the key was looked for, in words; empty where that is not known.

    Raises:
        UserError: they were; the message says what can and cannot be done without their key.
    """
    made_with: dict[str, int] = {}
    for path in sorted(out_dir.glob(f"*{SUFFIX}")):
        try:
            made_by = str(load_manifest(path).voice.get("key_id"))
        except UserError:
            continue  # a clip without a readable manifest is made again
        made_with[made_by] = made_with.get(made_by, 0) + 1
    if not made_with or key_id in made_with:
        return
    keys = ", ".join(f"{count} with {made_by}" for made_by, count in made_with.items())
    here = f"{where} is not there" if key_id is None else f"the key{f' in {where}' * bool(where)} is {key_id}"
    raise UserError(
        f"{out_dir}: its clips were made with another voice key ({keys}), and {here}. They stay valid: verification,"
        " build and audit need no key. Without their key the same pseudonyms and voices cannot be made again. Name"
        " the right --key_file; or go on with --new_key (from Python: Options(new_key=True)): further clips get another"
        " key id, and a source that was done before comes out again under another name"
    )

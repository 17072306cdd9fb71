"""Describes the films that a person names, and prints what was found of each: what `python -m deemo_jax.generate` does.

JAX is imported once the films are found, so that a wrong path is answered at once.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from deemo_jax.core.errors import UserError, plain
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.find_films import look_for
from deemo_jax.deid.keys import load_key
from deemo_jax.deid.settings import Settings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FilesRequest:
    """What a person asks for; see `python -m deemo_jax.generate --help`.

    Attributes:
        clips: films, raw or de-identified, and folders of them.
        workdir: of the run.
        step: of the checkpoint; None for the newest.
        data_dir: where the run's dataset lies, if not where its config says.
        recursive: whether folders in folders are looked into.
        transcripts: none, or one for each film in their order: text, or a file of it.
        nfbl: none, or one for each film in their order: labels, or a file of them.
        settings: of the de-identification of raw films.
        key_file: of the voice key for raw films; None for a random key.
        max_new_tokens: an answer's longest length.
        temperature: 0 says the most probable token.
        top_p: see `deemo_jax.generation.answers.Decoding`.
        seed: of the draws.
        batch_size: films that are answered at once.
        as_json: prints one JSON object a line instead of text.
    """

    clips: Sequence[str]
    workdir: Path
    step: int | None = None
    data_dir: str = ""
    recursive: bool = False
    transcripts: Sequence[str] = ()
    nfbl: Sequence[str] = ()
    settings: Settings = dataclasses.field(default_factory=Settings)
    key_file: str | None = None
    max_new_tokens: int = 160
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    batch_size: int = 8
    as_json: bool = False


def describe_files(asked: FilesRequest) -> None:
    """Prints a description of each film to stdout, and on stderr why a film has none.

    Raises:
        UserError: no such film or run, a value that makes no sense; or, at the end, some films were not described.
    """
    found = look_for(asked.clips, asked.recursive, copies=True)
    for note in found.notes():
        print(note, file=sys.stderr)
    from deemo_jax.generation.answers import Decoding
    from deemo_jax.generation.describer import Describer
    from deemo_jax.generation.description import Failure
    from deemo_jax.generation.given_inputs import questions

    decoding = Decoding(asked.max_new_tokens, asked.temperature, asked.top_p, asked.seed)
    wanted = questions(found.films, asked.transcripts, asked.nfbl)
    key = load_key(asked.key_file) if asked.key_file else None
    describer = Describer.load(
        asked.workdir, asked.step, data_dir=asked.data_dir, decoding=decoding, settings=asked.settings, key=key
    )
    failed = 0
    # Films are read in one child process: a damaged film may end the process that reads it.
    answers = describer.describe_all(wanted, min(asked.batch_size, len(wanted)), workers=1)
    for answer in with_progress(answers, "clips", len(wanted)):
        if isinstance(answer, Failure):
            failed += 1
            said = f"{'refused' if answer.refused else 'bad'}: {answer.clip}: {answer.reason}"
            print(plain(said), file=sys.stderr, flush=True)
        else:
            print(json.dumps(answer.to_json(), ensure_ascii=False) if asked.as_json else answer, flush=True)
    if failed:
        raise UserError(f"{failed} of {len(wanted)} clips were not described")

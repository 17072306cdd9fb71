"""The flags of the attack on words: the file of transcripts, and a language model that guesses."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deemo_jax.core.errors import UserError

if TYPE_CHECKING:
    from deemo_jax.audit.attacks.words.words_attack import WordsAttack

# Flags that go with --guesser only.
OF_GUESSER = ("base_url", "api_key_env", "prices", "max_cost", "replies", "include_raw_text")


def add_words_flags(flags: argparse.ArgumentParser) -> None:
    """Adds the flags."""
    words = flags.add_argument_group("attacks on words")
    words.add_argument(
        "--transcripts",
        type=Path,
        metavar="FILE",
        help="what persons said and what is true of them, JSON lines (docs/formats.md) or TAB's JSON: what is guessed"
        " from it before and after redact; with --attacks, and DIR --report or alone",
    )
    words.add_argument("--names", type=Path, metavar="FILE", help="names that are always removed, as redact takes them")
    words.add_argument(
        "--guesser",
        metavar="MODEL",
        help="a language model that guesses, too; it is sent redacted texts only",
    )
    words.add_argument("--base_url", metavar="URL", help="its server, OpenAI's interface (default: OpenAI's)")
    words.add_argument("--api_key_env", metavar="NAME", help="variable with its key (default: OPENAI_API_KEY)")
    words.add_argument("--prices", type=Path, metavar="FILE", help="JSON with prices, as evaluate --judge takes them")
    words.add_argument("--max_cost", type=float, metavar="MONEY", help="that may be spent; needs --prices")
    words.add_argument("--replies", type=Path, metavar="FILE", help="keeps paid replies (default: beside transcripts)")
    words.add_argument("--include_raw_text", action="store_true", help="send the texts as they were said, too")


def words_attack(flags: argparse.Namespace) -> "WordsAttack | None":
    """What the flags ask for; None where they ask for no attack on words.

    Raises:
        UserError: flags that do not fit together, or have values that cannot be used.
    """
    if flags.transcripts is None:
        if flags.names or flags.guesser:
            raise UserError("--names and --guesser go with --attacks --transcripts FILE")
    elif not flags.attacks:
        raise UserError("--transcripts needs --attacks: it is for attackers")
    if not flags.guesser and any(getattr(flags, name) not in (None, False) for name in OF_GUESSER):
        raise UserError(f"{', '.join(f'--{name}' for name in OF_GUESSER)} go with --guesser MODEL")
    if flags.transcripts is None:
        return None
    from deemo_jax.audit.attacks.words.asked_guesses import Guesser
    from deemo_jax.audit.attacks.words.words_attack import WordsAttack
    from deemo_jax.llm.endpoint import Endpoint
    from deemo_jax.llm.options import Options
    from deemo_jax.llm.prices import read_prices

    guesser = None
    if flags.guesser:
        named = {"base_url": flags.base_url, "api_key_env": flags.api_key_env}
        endpoint = Endpoint(model=flags.guesser, **{key: value for key, value in named.items() if value is not None})
        prices = read_prices(flags.prices, endpoint.model) if flags.prices else None
        guesser = Guesser(
            endpoint,
            flags.replies or flags.transcripts.with_suffix(".replies.jsonl"),
            Options(prices=prices, max_cost=flags.max_cost),
            flags.include_raw_text,
        )
    return WordsAttack(flags.transcripts, flags.names, guesser)

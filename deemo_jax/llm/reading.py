"""Reads the JSON object out of what a model wrote, which may be anything, and holds it against its schema."""

import functools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from deemo_jax.core.errors import plain

# Characters of a reply, at most, and objects that are looked for in it.
MAX_TEXT = 100_000
MAX_OBJECTS = 32
# Characters of a reason, at most.
MAX_DETAIL = 300
# Rules of JSON Schema about the size of a number, or which of several values one is.
RANGES = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "enum", "const"})
# What some open models think before they reply.
_THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)


class MisfitError(Exception):
    """A reply that does not fit.

    Attributes:
        kind: as a failure's.
        detail: in words, one line.
    """

    def __init__(self, kind: Literal["malformed", "out_of_range"], detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = shortened(detail)


def shortened(text: str) -> str:
    """One printable line of at most `MAX_DETAIL` characters."""
    line = plain(" ".join(text[: 2 * MAX_DETAIL].split()))
    return line if len(line) <= MAX_DETAIL else f"{line[: MAX_DETAIL - 3]}..."


def read_reply(text: str, schema: Mapping[str, Any], hide: Callable[[str], str] = str) -> dict[str, Any]:
    """The one JSON object in a text that fits the schema.

    There may be prose, fences of Markdown and thoughts in <think> around it. Half characters (lone surrogates) become
    question marks.

    Args:
        text: as the model wrote it.
        schema: of an object.
        hide: takes secrets out of texts; escapes of JSON may hide them from a search of `text`.

    Raises:
        MisfitError: there is none, or there are several that differ.
    """
    if len(text) > MAX_TEXT:
        raise MisfitError("malformed", f"longer than {MAX_TEXT:,} characters")
    try:
        found = [_whole(value, hide) for value in _objects(_THOUGHTS.sub("", text, count=1))]
        return _the_one_that_fits(found, schema, text)
    except RecursionError:
        raise MisfitError("malformed", "nested too deep") from None


def _the_one_that_fits(found: list[dict[str, Any]], schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    if not found:
        raise MisfitError("malformed", f"holds no JSON object: {text[:MAX_DETAIL]!r}")
    misfits = [misfit(value, schema) for value in found]
    fitting = {json.dumps(value, sort_keys=True): value for value, why in zip(found, misfits, strict=True) if not why}
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        raise MisfitError("malformed", f"holds {len(fitting)} answers that differ")
    # Of several the last is more often the answer, and those before it drafts.
    raise next(
        (why for why in reversed(misfits) if why and why.kind == "out_of_range"), misfits[-1] or AssertionError()
    )


def misfit(value: Any, schema: Mapping[str, Any]) -> MisfitError | None:
    """Why a value does not fit a schema; None where it does."""
    errors = list(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value))
    if not errors:
        return None
    other = [error for error in errors if error.validator not in RANGES]
    kind: Literal["malformed", "out_of_range"] = "malformed" if other else "out_of_range"
    worst = (other or errors)[0]
    return MisfitError(kind, f"{worst.json_path}: {worst.message}")


@functools.lru_cache(64)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator

    loaded = json.loads(schema)
    Draft202012Validator.check_schema(loaded)
    return Draft202012Validator(loaded)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text that are in no other one."""
    start = text.find("{")
    for _ in range(MAX_OBJECTS):
        if start < 0:
            return
        try:
            value, end = _DECODER.raw_decode(text, start)
        except ValueError:
            end = start + 1
        else:
            yield value
        start = text.find("{", end)


def _whole(value: dict[str, Any], hide: Callable[[str], str]) -> dict[str, Any]:
    """The same without secrets, and with question marks for half characters, which cannot be written as UTF-8."""
    text = hide(json.dumps(value, ensure_ascii=False))
    return json.loads(text.encode("utf-8", "replace"))


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key comes twice")
    return table


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_table, parse_float=_finite, parse_constant=_no_number)

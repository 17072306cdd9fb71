"""Configs: nested dictionaries to frozen, checked dataclasses, and back; and a config as text."""

import dataclasses
import difflib
import enum
import itertools
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ml_collections import ConfigDict

from deemo_jax.core.errors import UserError

T = TypeVar("T")
# What a recipe's file gives, or the same as plain nested dictionaries.
Config = ConfigDict | Mapping[str, Any]
# How messages name a type.
WANTED = {str: "a text", dict: "a dictionary"}
# The origins behind the lines of a shown config are aligned behind lines of at most so many characters.
SHOWN_WIDTH = 60


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the model that a config names.

    Attributes:
        name: key of the registry.
        config: of the part, a frozen dataclass.
        module: its class.
    """

    name: str
    config: Any
    module: type


def choose(registry: Mapping[str, tuple[type, type]], values: Any, where: str) -> Part:
    """{'name': a key of `registry`, ...fields of its config} -> the part.

    Raises:
        UserError: an unknown name, or fields that its config does not take.
    """
    values = _table(values, where)
    name = values.pop("name", None)
    if name not in registry:
        raise UserError(f"{where}.name: {name!r} is not known{suggestion(name, sorted(registry))}")
    config, module = registry[name]
    return Part(name, from_plain(config, values, where), module)


def from_plain(cls: type[T], values: Any, where: str, *, sizes: bool = True) -> T:
    """Builds a frozen dataclass, recursively, from a dict or ConfigDict. All configs are read by this function.

    Args:
        cls: a dataclass of ints, floats, bools, texts, enums, dicts, tuples of texts, other such dataclasses, or one of
            those or None.
        values: at least the fields that have no default.
        where: the path in the config, for messages.
        sizes: whether integers are sizes, which must be positive.

    Raises:
        UserError: a key that is unknown (with a did-you-mean) or missing, a wrong type, or what the dataclass itself
            refuses.
    """
    values = _table(values, where)
    kinds = typing.get_type_hints(cls)
    for key in values:
        if key not in kinds:
            raise UserError(f"{where}.{key}: not a key of {where}{suggestion(key, kinds)}")
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if not optional and values.get(field.name) is None:
            raise UserError(f"{where}.{field.name}: is missing; add it to the config")
    return cls(**{key: _value(kinds[key], value, f"{where}.{key}", sizes) for key, value in values.items()})


def plain(config: Any) -> Any:
    """Nested ConfigDicts, dicts, lists and tuples to dicts and lists, as JSON has them."""
    if isinstance(config, Mapping) or hasattr(config, "items"):
        return {str(key): plain(value) for key, value in config.items()}
    return [plain(value) for value in config] if isinstance(config, list | tuple) else config


def leaves(config: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one dict with dotted keys, {'a.b.c': value}; an empty dict counts as a value."""
    if not isinstance(config, dict) or not config:
        return {prefix: config}
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= leaves(value, f"{prefix}.{key}" if prefix else key)
    return flat


def shown(resolved: dict[str, Any], given: Any, file: str, flags_given: Iterable[str], words: Sequence[str]) -> str:
    """A config as text: a line 'key = value  # origin' for each key.

    Args:
        resolved: the config with all defaults, as config.json has it.
        given: the config as recipe and command line give it.
        file: name of the recipe's file, the origin of values that it gives.
        flags_given: keys that the command line changes; a key of a dictionary stands for all keys below it.
        words: the words of the command line.
    """
    known, changed = leaves(plain(given)), sorted(flags_given, key=len, reverse=True)
    lines = []
    for key, value in leaves(resolved).items():
        flag = next((name for name in changed if key == name or key.startswith(f"{name}.")), None)
        origin = _as_given(flag, words) if flag is not None else file if key in known else "default"
        lines.append((f"{key} = {json.dumps(value, ensure_ascii=False)}", origin))
    width = max(len(line) for line, _ in lines if len(line) <= SHOWN_WIDTH)
    return "\n".join(f"{line:<{width}}  # {origin}" for line, origin in lines)


def _as_given(key: str, words: Sequence[str]) -> str:
    """The words of the command line that change a key."""
    flag, found = f"--config.{key}", []
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        if word.removeprefix("-").startswith(flag.removeprefix("-") + "="):
            found.append(word)
        elif word in (flag, flag.removeprefix("-")):
            found.append(word if following.startswith("-") else f"{word}={following}")
    return " ".join(found) or flag


def _value(kind: Any, value: Any, where: str, sizes: bool) -> Any:
    if isinstance(kind, types.UnionType):
        if value is None:
            return None
        (kind,) = (option for option in typing.get_args(kind) if option is not type(None))
    if dataclasses.is_dataclass(kind):
        return from_plain(typing.cast(type, kind), value, where, sizes=sizes)
    if kind == tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UserError(f"{where}: {value!r} must be a list of strings")
        return tuple(value)
    if issubclass(kind, enum.StrEnum):
        if value not in set(kind):
            raise UserError(f"{where}: {value!r} is not known{suggestion(value, sorted(kind))}")
        return kind(value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise UserError(f"{where}: {value!r} must be {WANTED.get(kind, f'of type {kind.__name__}')}")
    if kind is int and sizes and value < 1:
        raise UserError(f"{where}: {value} must be at least 1")
    if kind is float and not math.isfinite(value):
        raise UserError(f"{where}: {value} must be finite")
    return value


def _table(values: Any, where: str) -> dict[str, Any]:
    values = plain(values)
    if not isinstance(values, dict):
        raise UserError(f"{where}: {values!r} must be a dictionary")
    return values


def suggestion(name: object, known: Iterable[str]) -> str:
    """The end of a message on an unknown name: one that is close to it, or all that are known."""
    known = list(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; choose from {', '.join(known) or 'nothing'}"

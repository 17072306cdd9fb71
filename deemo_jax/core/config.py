"""Configs: the flag --config and flags that change its keys; nested dictionaries to frozen, checked dataclasses."""

import ast
import dataclasses
import difflib
import enum
import itertools
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from absl import flags
from ml_collections import ConfigDict
from ml_collections.config_flags import config_flags, tuple_parser

from deemo_jax.core.errors import UserError

T = TypeVar("T")
# What a recipe's file gives, or the same as plain nested dictionaries.
Config = ConfigDict | Mapping[str, Any]
# How a list is given on the command line, for messages.
FORM = """'["first", "second"]'"""
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


class _SequenceParser(tuple_parser.TupleParser):
    """A list or tuple of quoted literals, or one bare word; a flag that is given again adds to the sequence."""

    def parse(self, argument: Any) -> tuple[Any, ...]:
        if not isinstance(argument, str):
            return tuple(argument or ())
        try:
            value = ast.literal_eval(argument.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return (_word(argument),)
        if isinstance(value, dict | set):
            raise ValueError(f"{argument!r} is no sequence; give {FORM}")
        return tuple(value) if isinstance(value, list | tuple) else (value,)


def define_config(what: str, values: flags.FlagValues = flags.FLAGS, argv: list[str] | None = None) -> flags.FlagHolder:
    """Defines --config: a recipe's file, whose keys --config.a.b=value changes before anything reads them.

    Args:
        what: the help text.
        values: the flags to add it to; by default those of the process.
        argv: the words in which --config.a.b is looked for; by default those of the command line.
    """
    for kind in (list, tuple):
        config_flags.register_flag_parser_for_type(kind, _SequenceParser())
    return config_flags.DEFINE_config_file("config", None, what, flag_values=values, lock_config=True, sys_argv=argv)


def given(flag: flags.FlagHolder) -> ConfigDict:
    """The recipe that --config names, changed as the command line says.

    Raises:
        UserError: its file is missing or gives no ConfigDict; that shows only when a key is asked for.
    """
    if not isinstance(flag.value, ConfigDict):
        path = config_flags.get_config_filename(flags.FLAGS["config"])
        raise UserError(
            f"--config {path}: is not there or gives no ConfigDict; name a recipe such as configs/sample.py"
        )
    return flag.value


def recipe_file() -> Path:
    """The file that --config names, without the argument that may stand behind a colon."""
    return Path(config_flags.get_config_filename(flags.FLAGS["config"]).split(":", 1)[0])


def _word(argument: str) -> str:
    """One string without quotes, as a shell hands on `--config.a='x'`.

    Raises:
        ValueError: it looks like a list whose quotes the shell took away.
    """
    # '[^/]+/x' is a pattern; '[a]' and '["a"' are left of a list.
    whole = argument.startswith("[") and argument.find("]") in (-1, len(argument) - 1)
    if not argument or whole or any(letter in argument for letter in ", \t\n\"'"):
        raise ValueError(f"{argument!r} is no list of quoted strings; give {FORM}, in quotes for the shell")
    return argument

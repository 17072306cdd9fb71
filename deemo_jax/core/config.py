"""A config: --config and the flags that change keys of it; plain nested dictionaries to frozen dataclasses, checked."""

import ast
import dataclasses
import difflib
import enum
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from absl import flags
from ml_collections.config_flags import config_flags, tuple_parser

from deemo_jax.core.errors import UserError

T = TypeVar("T")
FORM = """'["first", "second"]'"""


@dataclasses.dataclass(frozen=True)
class Part:
    """A module of the registry and the config it was chosen with."""

    name: str
    config: Any
    module: type


def choose(registry: Mapping[str, tuple[type, type]], plain: Any, where: str) -> Part:
    """{'name': a key of `registry`, ...fields of its config} -> the part.

    Raises:
        UserError: an unknown name, or fields that its config does not take.
    """
    plain = _mapping(plain, where)
    name = plain.pop("name", None)
    if name not in registry:
        raise UserError(f"{where}.name: {name!r} is not known{_suggestion(name, registry)}")
    config, module = registry[name]
    return Part(name, from_plain(config, plain, where), module)


def from_plain(cls: type[T], plain: Any, where: str) -> T:
    """Builds a frozen dataclass, recursively, from a dict or ConfigDict. Integers are sizes: they must be positive.

    Args:
        cls: a dataclass of ints, floats, bools, strings, enums, other such dataclasses, or one of those or None.
        plain: the fields that differ from their defaults.
        where: the path in the config, for messages.

    Raises:
        UserError: an unknown field (with a suggestion), a wrong type, or what the dataclass itself refuses.
    """
    plain = _mapping(plain, where)
    hints = typing.get_type_hints(cls)
    for key in plain:
        if key not in hints:
            raise UserError(f"{where}.{key}: not a field of {where}{_suggestion(key, hints)}")
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if not optional and field.name not in plain:
            raise UserError(f"{where}: {field.name!r} is missing")
    return cls(**{key: _value(hints[key], value, f"{where}.{key}") for key, value in plain.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, types.UnionType):
        if value is None:
            return None
        (kind,) = (option for option in typing.get_args(kind) if option is not type(None))
    if dataclasses.is_dataclass(kind):
        return from_plain(typing.cast(type, kind), value, where)
    if issubclass(kind, enum.StrEnum):
        if value not in set(kind):
            raise UserError(f"{where}: {value!r} is not known{_suggestion(value, kind)}")
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise UserError(f"{where}: {value!r} must be of type {kind.__name__}")
    if kind is int and value < 1:
        raise UserError(f"{where}: {value} must be at least 1")
    if kind is float and not math.isfinite(value):
        raise UserError(f"{where}: {value} must be finite")
    return value


def _mapping(plain: Any, where: str) -> dict[str, Any]:
    if hasattr(plain, "to_dict"):  # ml_collections.ConfigDict
        plain = plain.to_dict()
    if not isinstance(plain, Mapping):
        raise UserError(f"{where}: {plain!r} must be a dictionary")
    return dict(plain)


def _suggestion(name: object, known: Iterable[str]) -> str:
    known = sorted(known)
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
        values: where the flag belongs; default: the flags of the command.
        argv: where keys are looked for; default: the command line.
    """
    for kind in (list, tuple):
        config_flags.register_flag_parser_for_type(kind, _SequenceParser())
    return config_flags.DEFINE_config_file("config", None, what, flag_values=values, lock_config=True, sys_argv=argv)


def _word(argument: str) -> str:
    """One string without quotes, which a shell leaves of `--config.a='x'`; not what it leaves of a list."""
    # '[^/]+/x' is one pattern; '[a]' and '["a"' are what became of a list.
    whole = argument.startswith("[") and argument.find("]") in (-1, len(argument) - 1)
    if not argument or whole or any(letter in argument for letter in ", \t\n\"'"):
        raise ValueError(f"{argument!r} is no list of quoted strings; give {FORM}, in quotes for the shell")
    return argument

"""The flag --config, which names a recipe, and the flags --config.a.b=value, which change its keys."""

import ast
import dataclasses
import enum
import re
import sys
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder
from ml_collections.config_flags import config_flags, tuple_parser

from deemo_jax.core.config import plain, suggestion
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe

# How a list is given on the command line, for messages.
FORM = """'["first", "second"]'"""
# A word of the command line that changes a key.
_CHANGE = re.compile(r"--?(?:no)?config\.([\w.]+)(?:=|$)")


def define_config(what: str, values: flags.FlagValues = flags.FLAGS, argv: list[str] | None = None) -> flags.FlagHolder:
    """Defines --config: a recipe's file, whose keys --config.a.b=value changes before anything reads them.

    Keys that a recipe may leave out can be given like those that it has.

    Args:
        what: the help text.
        values: the flags to add it to; by default those of the process.
        argv: the words in which --config.a.b is looked for; by default those of the command line.
    """
    for kind in (list, tuple):
        config_flags.register_flag_parser_for_type(kind, _SequenceParser())
    flag = config_flags.DEFINE_config_file("config", None, what, flag_values=values, lock_config=True, sys_argv=argv)
    values["config"].parser = _RecipeParser(argv)
    return flag


class _RecipeParser(config_flags.ConfigFileFlagParser):
    """Reads a recipe's file, and adds keys that the command line gives and the recipe leaves to their defaults."""

    def __init__(self, argv: Sequence[str] | None) -> None:
        super().__init__("config", lock_config=True)
        self._argv = argv

    def parse(self, path: str) -> Any:
        if (file := Path(path.split(":", 1)[0])).is_file() and file.suffix != ".py":
            raise flags.IllegalFlagValueError(f"--config {path}: is no recipe, which is a file of Python (.py)")
        try:
            config = super().parse(path)
        except AttributeError as error:
            if error.name != "get_config":
                raise
            raise flags.IllegalFlagValueError(
                f"--config {path}: has no function get_config(); name a recipe"
            ) from error
        if isinstance(config, ConfigDict):
            words = sys.argv if self._argv is None else self._argv
            with config.unlocked():
                for found in filter(None, map(_CHANGE.match, words)):
                    _add(config, found[1])
        return config


def _add(config: ConfigDict, key: str) -> None:
    """Adds a key with its default, where a recipe may leave it out and this one does.

    Raises:
        flags.IllegalFlagValueError: no recipe has such a key, or, in the model, this one has not.
    """
    part: Any = config
    *sections, name = key.split(".")
    for at, section in enumerate(sections):
        if at == 0 and section not in part and section in _keys():
            part[section] = ConfigDict()
        part = _inner(part, ".".join(["config", *sections[:at]]), section)
    where = ".".join(["config", *sections])
    if (default := _optional().get(key)) is None:
        _inner(part, where, name)
    elif isinstance(part, ConfigDict) and name not in part:
        part[name] = default


def _inner(part: Any, where: str, name: str) -> Any:
    """What stands under a name in a part of a config."""
    if not isinstance(part, ConfigDict):
        raise flags.IllegalFlagValueError(f"{where}: is no dictionary, so it has no key {name!r}")
    if name in part:
        return part[name]
    known = [*dict.fromkeys([*part, *_keys().get(where.removeprefix("config").removeprefix("."), [])])]
    if not known:
        raise flags.IllegalFlagValueError(f"{where}: is empty; give all of it: --{where}='{{\"{name}\": ...}}'")
    others = "; the recipe's file can add others" if where.startswith("config.model") else ""
    raise flags.IllegalFlagValueError(f"{where}.{name}: not a key of {where}{suggestion(name, known)}{others}")


def _keys() -> dict[str, list[str]]:
    """Section of a recipe -> its keys; '' for the recipe itself. What is in the model depends on its parts."""
    kinds = typing.get_type_hints(Recipe)
    sections = {name: [*typing.get_type_hints(kind)] for name, kind in kinds.items() if dataclasses.is_dataclass(kind)}
    return {"": [*kinds], **sections}


def _optional() -> dict[str, Any]:
    """Dotted key -> its default as a config has it, of the keys that a recipe may leave out."""
    found, kinds = {}, typing.get_type_hints(Recipe)
    for outer in dataclasses.fields(Recipe):
        kind = kinds[outer.name]
        if not dataclasses.is_dataclass(kind):
            found[outer.name] = _default(outer, kind)
            continue
        inner = typing.get_type_hints(kind)
        found |= {f"{outer.name}.{one.name}": _default(one, inner[one.name]) for one in dataclasses.fields(kind)}
    return {key: default for key, default in found.items() if default is not dataclasses.MISSING}


def _default(field: dataclasses.Field, kind: Any) -> Any:
    """The default of a field, of a type that flags can be read by; MISSING where it has none."""
    value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    if value is None:
        return placeholder(next(one for one in typing.get_args(kind) if one is not type(None)))
    if isinstance(value, enum.StrEnum):
        return value.value
    return ConfigDict(value) if isinstance(value, dict) else plain(value)


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

"""`--config FILE` and the flags that change keys of it, sequences included."""

import ast
from typing import Any

from absl import flags
from ml_collections.config_flags import config_flags, tuple_parser

FORM = """'["first", "second"]'"""


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

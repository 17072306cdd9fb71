"""The one exception that a person, not a programmer, is meant to read, and how it spells what others wrote."""


class UserError(ValueError):
    """A mistake that the person at the keyboard can mend.

    The message names the thing that is wrong and how to mend it, in one line. Commands print it without a
    traceback and exit with code 2 (`deemo_jax.core.cli.run`); anything else that is raised is a bug.
    """


def plain(text: str) -> str:
    """Text of unknown origin as every file and terminal takes it: what is no printable character is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

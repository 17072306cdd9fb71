"""The exception for mistakes that a person can mend, and how text of unknown origin is printed."""


class UserError(ValueError):
    """A mistake that the person at the keyboard can mend.

    The message names the thing that is wrong and how to mend it, in one line. Commands print it without a
    traceback and exit with code 2 (`deemo_jax.core.cli.run`); anything else that is raised is a bug.
    """


def plain(text: str) -> str:
    """The text with everything that is no printable character written as an escape, such as \\n or \\x1b."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

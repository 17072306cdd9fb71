"""The one exception that a person, not a programmer, is meant to read."""


class UserError(ValueError):
    """A mistake that the person at the keyboard can mend.

    The message names the thing that is wrong and how to mend it, in one line. Commands print it without a
    traceback and exit with code 2 (`deemo_jax.cli.run`); anything else that is raised is a bug.
    """

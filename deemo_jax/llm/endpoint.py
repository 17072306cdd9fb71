"""Which server and model are asked, and the key, which is read from the environment and is never shown."""

import dataclasses
import os
import re
import urllib.parse

from deemo_jax.core.errors import UserError, plain

OPENAI = "https://api.openai.com/v1"
# What stands for a key in texts, and the shortest text that is taken for a secret: local servers are given "none".
HIDDEN = "[key]"
SHORTEST_SECRET = 8
# Without blanks, quotes and backslashes, so that a key stands in JSON as it is.
_KEY = re.compile(r"[!#-\[\]-~]{1,4096}")
_MODEL = re.compile(r"[!-~]{1,256}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """A model of a server that speaks OpenAI's Chat Completions.

    Attributes:
        base_url: its address, such as "http://localhost:8000/v1", without name, password and query.
        model: as the server calls it.
        provider: who runs it, in a word, for tables; by default the host.
        api_key_env: the environment variable that holds the key; empty for a server that wants none.

    Raises:
        UserError: one of them has another form. A password in the address is not repeated.
    """

    base_url: str = OPENAI
    model: str = ""
    provider: str = ""
    api_key_env: str = "OPENAI_API_KEY"

    def __post_init__(self) -> None:
        try:
            parts = urllib.parse.urlsplit(self.base_url.strip())
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise UserError("--base_url is no web address; give one such as http://localhost:8000/v1") from None
        if parts.scheme not in ("http", "https") or not host or not self.base_url.isprintable():
            raise UserError("--base_url is no web address; give one such as http://localhost:8000/v1")
        if "@" in parts.netloc or parts.query or parts.fragment or ";" in parts.path:
            raise UserError(
                f"--base_url: the address of {plain(host)} holds a name, password or query; give it without, and the"
                " key in an environment variable"
            )
        if not _MODEL.fullmatch(self.model):
            raise UserError(f"{self.model[:64]!r} is no name of a model; give that by which the server knows it")
        if self.api_key_env and not _VARIABLE.fullmatch(self.api_key_env):
            # It may be the key itself.
            raise UserError(
                "the name of the key's environment variable has letters, digits and '_' only, such as"
                " OPENAI_API_KEY; give the name, not the key"
            )
        object.__setattr__(self, "base_url", self.base_url.strip().rstrip("/"))
        if not self.provider:
            object.__setattr__(self, "provider", host)

    @property
    def address(self) -> str:
        """Host, port and path, in one form."""
        parts = urllib.parse.urlsplit(self.base_url)
        return f"{parts.netloc.lower()}{parts.path}"

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own server."""
        return urllib.parse.urlsplit(self.base_url).hostname == urllib.parse.urlsplit(OPENAI).hostname


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A key; its text is only in `secret`."""

    secret: str

    def __repr__(self) -> str:
        return f"Key({HIDDEN})"

    def hide(self, text: str) -> str:
        """The text with `HIDDEN` in place of the key."""
        return text.replace(self.secret, HIDDEN) if len(self.secret) >= SHORTEST_SECRET else text


def read_key(endpoint: Endpoint) -> Key:
    """The key of an endpoint; "none" where the server wants none.

    Raises:
        UserError: it is not set, or holds what no key holds.
    """
    if not endpoint.api_key_env:
        return Key("none")
    found = os.environ.get(endpoint.api_key_env, "").strip()
    if not found:
        raise UserError(
            f"{endpoint.api_key_env} is not set; export the key of {endpoint.provider} under that name (for a server"
            " that wants none, any word)"
        )
    if not _KEY.fullmatch(found):
        raise UserError(f"{endpoint.api_key_env} holds blanks, quotes or other characters that no key has; set it anew")
    return Key(found)

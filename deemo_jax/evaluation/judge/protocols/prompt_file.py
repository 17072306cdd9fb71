"""The prompts of a protocol: a versioned file of the package, told from others by its hash."""

import dataclasses
import functools
import hashlib
import importlib.resources
import string
import tomllib
from collections.abc import Mapping
from typing import Any, Literal

from deemo_jax.llm.request import Decoding, Message, Request

ROLES: tuple[Literal["system", "user"], ...] = ("system", "user")
# The protocols, with the version of their prompts that is asked.
VERSIONS = {"deemo": 1, "emer": 1, "prefer": 1}


@dataclasses.dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of a protocol.

    Attributes:
        name: of the protocol.
        version: of the words; scores of two versions are not to be compared.
        sha256: of the file.
        parts: question -> role -> text, in which `$name` stands for what is put in.
    """

    name: str
    version: int
    sha256: str
    parts: Mapping[str, Mapping[str, str]]

    @property
    def protocol(self) -> str:
        """Name, version and the beginning of the hash, such as "deemo/1/3f9a01bc"."""
        return f"{self.name}/{self.version}/{self.sha256[:8]}"

    def messages(self, question: str, **put_in: str) -> tuple[Message, ...]:
        """The messages of a question, with texts put in as they are."""
        words = self.parts[question]
        return tuple(
            Message(role, string.Template(words[role].strip()).substitute(put_in)) for role in ROLES if role in words
        )

    def request(
        self, key: str, question: str, schema: Mapping[str, Any], sample: int, decoding: Decoding, **put_in: str
    ) -> Request:
        """A request; `put_in` are texts as `quoted` writes them."""
        messages = self.messages(question, **put_in)
        return Request(key, messages, schema, f"{self.name}_{question}", sample, self.protocol, decoding)


@functools.cache
def load_prompts(name: str) -> Prompts:
    """The prompts of one of the protocols of `VERSIONS`, by its name."""
    folder = importlib.resources.files("deemo_jax.evaluation.judge") / "prompts"
    content = (folder / f"{name}-{VERSIONS[name]}.toml").read_bytes()
    table = tomllib.loads(content.decode())
    parts = {question: words for question, words in table.items() if isinstance(words, dict)}
    return Prompts(table["name"], table["version"], hashlib.sha256(content).hexdigest(), parts)

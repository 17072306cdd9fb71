"""What is asked of a language model, and the hash under which the reply is kept."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from deemo_jax.llm.endpoint import Endpoint

# What the interface takes as the name of a schema.
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclasses.dataclass(frozen=True, slots=True)
class Decoding:
    """How a reply is drawn; None leaves a setting to the server.

    Attributes:
        temperature: 0 for the likeliest words.
        top_p: the share of probability that words are drawn from, 0 to 1.
        max_tokens: the longest reply.
        seed: for servers that repeat a draw.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One question, whose reply is a JSON object.

    Attributes:
        key: the caller's name for it; it is not sent, and has no part in the hash.
        messages: the conversation so far.
        schema: JSON Schema (2020-12) of the reply, of type object.
        schema_name: letters, digits, '_' and '-', at most 64.
        sample: which repeat of the same question this is, from 0.
        protocol: name and version of the prompt, such as "deemo/1".
        decoding: how the reply is drawn.
    """

    key: str
    messages: tuple[Message, ...]
    schema: Mapping[str, Any] = dataclasses.field(hash=False)
    schema_name: str = "reply"
    sample: int = 0
    protocol: str = ""
    decoding: Decoding = Decoding()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.schema_name):
            raise ValueError(f"schema_name {self.schema_name!r}: use letters, digits, '_' and '-', at most 64")


def content_hash(request: Request, endpoint: Endpoint) -> str:
    """Hex SHA-256 of all that the reply depends on: server, model, protocol, messages, schema, decoding, repeat."""
    content = {
        "server": endpoint.address,
        "model": endpoint.model,
        "protocol": request.protocol,
        "messages": [[message.role, message.content] for message in request.messages],
        "schema": request.schema,
        "schema_name": request.schema_name,
        "decoding": dataclasses.asdict(request.decoding),
        "sample": request.sample,
    }
    # ASCII: half a character (a lone surrogate) of a text that was cut can be hashed too.
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()

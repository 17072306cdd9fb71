"""How a request is put to a server: which of the interface's settings it takes, learnt from what it rejects."""

import dataclasses
import json
import re
from typing import Any

from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.outcome import Form
from deemo_jax.llm.request import Decoding, Request

# What a server that takes the next form was not able to do.
NEXT_FORM: dict[Form, Form] = {"json_schema": "json_object", "json_object": "text"}
# What servers call the longest reply: the older name, which most of them take, and that of OpenAI's newer models.
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
DROPPABLE = ("temperature", "top_p", "seed")
_FORM_WORDS = re.compile(r"response_format|json_schema|json_object|json mode|structured output|guided", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Dialect:
    """What a server takes.

    Attributes:
        limit: its name for the longest reply; empty where it takes none.
        form: how the form of replies is asked for.
        without: settings of decoding that it does not take.
    """

    limit: str = OLD_LIMIT
    form: Form = "json_schema"
    without: frozenset[str] = frozenset()

    def decoding(self, asked: Decoding) -> Decoding:
        """A request's settings, with None for those that are not sent."""
        left_out = self.without if self.limit else self.without | {"max_tokens"}
        return dataclasses.replace(asked, **dict.fromkeys(left_out))

    def body(self, request: Request, model: str, longer: int = 1) -> dict[str, Any]:
        """The request as JSON.

        Args:
            request: what is asked.
            model: the server's name of it.
            longer: what `max_tokens` is multiplied with.
        """
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        body: dict[str, Any] = {"model": model, "messages": messages}
        sent = self.decoding(request.decoding)
        body |= {name: value for name in DROPPABLE if (value := getattr(sent, name)) is not None}
        if sent.max_tokens is not None:
            body[self.limit] = sent.max_tokens * longer
        if self.form == "json_schema":
            schema = {"name": request.schema_name, "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
            return body
        if self.form == "json_object":
            body["response_format"] = {"type": "json_object"}
        messages[-1]["content"] += (
            "\n\nReply with one JSON object and no other text. Its JSON Schema is:\n" + json.dumps(request.schema)
        )
        return body

    def after(self, rejected: str, body: dict[str, Any]) -> "Dialect | None":
        """What to try after a server rejected a request.

        Args:
            rejected: the parameter that it named, and what it said.
            body: the request.

        Returns:
            None where nothing that it says concerns a setting that was sent.
        """
        said = rejected.lower()
        for name in DROPPABLE:
            if name in body and re.search(rf"\b{name}\b", said):
                return dataclasses.replace(self, without=self.without | {name})
        if "response_format" in body and _FORM_WORDS.search(said):
            return dataclasses.replace(self, form=NEXT_FORM[self.form])
        if self.limit in body and re.search(r"\bmax_(completion_)?tokens\b", said):
            other = NEW_LIMIT if self.limit == OLD_LIMIT else ""
            return dataclasses.replace(self, limit=other)
        return None


def first_dialect(endpoint: Endpoint) -> Dialect:
    """What a server most likely takes."""
    return Dialect(limit=NEW_LIMIT if endpoint.is_openai else OLD_LIMIT)

"""`config.prompt` of a recipe: a prompt template of `deemo_jax.systems`, and the recipe's own texts in it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from deemo_jax.core.config import from_plain
from deemo_jax.core.errors import UserError
from deemo_jax.systems.deemo.template import DEEMO
from deemo_jax.systems.prompt_template import PLACE, Template, Wording
from deemo_jax.systems.registry import TEMPLATES


@dataclasses.dataclass(frozen=True)
class PromptConfig:
    """`config.prompt`. Where a text is None, the template's own is used.

    The sentences of the public systems are not in this repository; a recipe that is to use a public checkpoint as it
    was trained gives them here.

    Attributes:
        task: see `deemo_jax.data.prompts.Task`.
        template: a key of `deemo_jax.systems.registry.TEMPLATES`.
        system: the system text, in templates that have one.
        question: what is asked, instead of the template's question or the task's instruction.
        audio, video, transcript, nfbl, user: the text around each input and around the question, with '{}' in its place
            and the separator at its end. It should not name other modalities, which may be absent.
    """

    task: str
    template: str | None = DEEMO.name
    system: str | None = None
    question: str | None = None
    audio: str | None = None
    video: str | None = None
    transcript: str | None = None
    nfbl: str | None = None
    user: str | None = None


def parse_template(prompt: Mapping[str, Any]) -> Template:
    """`config.prompt` to the template that it names, with the recipe's own texts in place.

    Raises:
        UserError: an unknown key or template, a text of another type, without its '{}', or without a place.
    """
    config = from_plain(PromptConfig, prompt, "config.prompt")
    if config.template is None or config.template not in TEMPLATES:
        raise UserError(f"config.prompt.template: {config.template!r} is unknown; choose from {', '.join(TEMPLATES)}")
    template = TEMPLATES[config.template]
    given = {field.name: getattr(config, field.name) for field in dataclasses.fields(Wording)}
    given = {name: text for name, text in given.items() if text is not None}
    for name, text in given.items():
        if text.count(PLACE) != 1:
            raise UserError(f"config.prompt.{name}: {text!r} must have {PLACE} once, where the {name} part goes")
    if config.system is not None and PLACE not in template.header:
        having = ", ".join(one.name for one in TEMPLATES.values() if PLACE in one.header)
        raise UserError(
            f"config.prompt.system: the template {template.name} has no system text; leave it out or choose {having}"
        )
    return dataclasses.replace(
        template,
        wording=dataclasses.replace(template.wording, **given),
        system=template.system if config.system is None else config.system,
        question=template.question if config.question is None else config.question,
    )


def around(wording: str) -> tuple[str, str]:
    """The parts of a text before and behind its '{}'."""
    before, _, behind = wording.partition(PLACE)
    return before, behind

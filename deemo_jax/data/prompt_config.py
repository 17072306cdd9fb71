"""`config.prompt` of a recipe: a prompt template of `deemo_jax.systems`, and the recipe's own texts in it."""

import dataclasses

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import PromptRecipe
from deemo_jax.systems.prompt_template import PLACE, Template, Wording
from deemo_jax.systems.registry import TEMPLATES


def parse_conversation(prompt: PromptRecipe) -> Template | None:
    """The template that `config.prompt.conversation` names; None where it names none.

    Raises:
        UserError: an unknown template, or one without a form of conversations.
    """
    if prompt.conversation is None:
        return None
    if prompt.conversation not in TEMPLATES:
        raise UserError(f"config.prompt.conversation: {prompt.conversation!r} is unknown; {_talking()}")
    check_talks(TEMPLATES[prompt.conversation])
    return TEMPLATES[prompt.conversation]


def check_talks(template: Template) -> None:
    """Checks that a template has a form of conversations.

    Raises:
        UserError: it has none.
    """
    if template.again is None:
        raise UserError(
            f"config.prompt.conversation: the template {template.name} has no form of conversations; {_talking()}"
        )


def _talking() -> str:
    return f"choose from {', '.join(one.name for one in TEMPLATES.values() if one.again is not None)}"


def parse_template(prompt: PromptRecipe) -> Template:
    """`config.prompt` to the template that it names, with the recipe's own texts in place.

    Raises:
        UserError: an unknown template, a text without its '{}', or one that the template has no place for.
    """
    if prompt.template is None or prompt.template not in TEMPLATES:
        raise UserError(f"config.prompt.template: {prompt.template!r} is unknown; choose from {', '.join(TEMPLATES)}")
    template = TEMPLATES[prompt.template]
    given = {field.name: getattr(prompt, field.name) for field in dataclasses.fields(Wording)}
    given = {name: text for name, text in given.items() if text is not None}
    for name, text in given.items():
        if text.count(PLACE) != 1:
            raise UserError(f"config.prompt.{name}: {text!r} must have {PLACE} once, where the {name} part goes")
    if prompt.system is not None and PLACE not in template.header:
        having = ", ".join(one.name for one in TEMPLATES.values() if PLACE in one.header)
        raise UserError(
            f"config.prompt.system: the template {template.name} has no system text; leave it out or choose {having}"
        )
    return dataclasses.replace(
        template,
        wording=dataclasses.replace(template.wording, **given),
        system=template.system if prompt.system is None else prompt.system,
        question=template.question if prompt.question is None else prompt.question,
    )


def around(wording: str) -> tuple[str, str]:
    """The parts of a text before and behind its '{}'."""
    before, _, behind = wording.partition(PLACE)
    return before, behind

"""Every template against the public recipes, piece by piece, as Hugging Face's slow LLaMA tokenizer cuts them."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deemo_jax.core.config import from_plain
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import PromptRecipe
from deemo_jax.core.schema import Clip, Modality
from deemo_jax.data.prompt_config import parse_template
from deemo_jax.data.prompts import (
    INSTRUCTIONS,
    PromptSpec,
    Task,
    answer_text,
    build_example,
    build_prompt,
    opening_ids,
)
from deemo_jax.data.sequence import Example, Slots
from deemo_jax.data.tokenizer import ByteTokenizer, HFTokenizer, Tokenizer
from deemo_jax.generation.answer_text import cut
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.systems.affectgpt.template import AFFECTGPT, AFFECTGPT_V2
from deemo_jax.systems.deemo.template import DEEMO
from deemo_jax.systems.prompt_template import Template
from deemo_jax.systems.registry import TEMPLATES
from deemo_jax.systems.vicuna.template import VICUNA_V1
from deemo_jax.systems.video_llama.template import VIDEO_LLAMA, VIDEO_LLAMA_IMAGE, VIDEO_LLAMA_STAGE1
from tests.data import samples
from tests.data.llama_tokenizer import (
    HEAR,
    SEE,
    public_ids,
    slow_tokenizer,
    with_placeholders,
    write_llama_tokenizer,
)

ALL = frozenset(Modality)
TASK = Task.RECOGNITION_REASONING
AUDIO, VIDEO = 3, 4
TOKENS = MediaTokens(AUDIO, VIDEO)
CLIP = dataclasses.replace(samples.CLIP, transcript="She had 27 chances –  and a day, naïve.")
ANSWER = answer_text(CLIP, TASK)
QUESTION = INSTRUCTIONS[TASK]
LABELS = "folding arms, touching the neck"
SUBSETS = [frozenset(subset) for size in range(5) for subset in itertools.combinations(Modality, size)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama_tokenizer(tmp_path_factory.mktemp("llama"), [CLIP.transcript, ANSWER, QUESTION, LABELS])


@pytest.fixture(scope="module")
def ours(folder: Path) -> HFTokenizer:
    return HFTokenizer(folder)


@pytest.fixture(scope="module")
def slow(folder: Path) -> Any:
    return slow_tokenizer(folder)


@pytest.fixture(scope="module")
def fast(folder: Path) -> Any:
    transformers = pytest.importorskip("transformers")
    return with_placeholders(transformers.LlamaTokenizer.from_pretrained(folder, legacy=True))


def template_of(prompt: dict[str, Any]) -> Template:
    """The template of a recipe's `config.prompt`."""
    return parse_template(from_plain(PromptRecipe, prompt, "config.prompt"))


def spec(template: Template, tokenizer: Tokenizer, **given: Any) -> PromptSpec:
    usual = {"task": TASK, "tokens": TOKENS, "max_length": 4096}
    return PromptSpec(template=template, tokenizer=tokenizer, **(usual | given))


def example(
    template: Template,
    tokenizer: Tokenizer,
    shown: frozenset[Modality] = ALL,
    *,
    clip: Clip = CLIP,
    length: int = 2000,
    answer: bool = True,
) -> Example:
    return build_example(clip, shown, spec(template, tokenizer, max_length=length, with_answer=answer))


def as_public(one: Example, tokenizer: Any) -> list[int]:
    """An example's ids with the public placeholders in the slots."""
    hear, see = (tokenizer.convert_tokens_to_ids(token) for token in (HEAR, SEE))
    pairs = zip(one.token_ids, one.slots, strict=True)
    return [token if slot < 0 else hear if slot < AUDIO else see for token, slot in pairs]


def pieces(subset: frozenset[Modality], audio: str, video: str, transcript: str, nfbl: str) -> str:
    """The inputs of a subset, with the placeholders where the media go."""
    texts = {
        Modality.AUDIO: audio.replace("@", HEAR * AUDIO),
        Modality.VIDEO: video.replace("@", SEE * VIDEO),
        Modality.TRANSCRIPT: transcript.replace("@", CLIP.transcript),
        Modality.NFBL: nfbl.replace("@", LABELS),
    }
    return "".join(text for modality, text in texts.items() if modality in subset)


def equation_1(subset: frozenset[Modality]) -> str:
    tags = ("<Audio>@</Audio>, ", "<Video>@</Video>, ", "<Transcription>@</Transcription>, ", "<NFBL>@</NFBL>, ")
    return f"{pieces(subset, *tags)}<User>{QUESTION}</User>"


def test_the_text_pieces_are_huggingface_s(ours: HFTokenizer, slow: Any, fast: Any) -> None:
    assert len(ours.encode("###")) == 1 and len(ours.encode("\n###")) == 4, "as with LLaMA's own vocabulary"
    for text in (CLIP.transcript, "\n\n###Human: ", "ASSISTANT: ", "two  spaces ", "日本 🙂\n\n", "3 < 4, 1984"):
        assert ours.encode(text) == public_ids(text, slow) == public_ids(text, fast)
    # Before a text that begins with a space, the slow tokenizer alone puts another one.
    assert ours.encode(" ###Assistant: ") == public_ids(" ###Assistant: ", slow)


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "+".join(sorted(subset)) or "none")
@pytest.mark.parametrize("which", ["slow", "fast"])
def test_deemo_and_affectgpt_tokenize_prompt_and_answer_separately(
    subset: frozenset[Modality], which: str, ours: HFTokenizer, request: pytest.FixtureRequest
) -> None:
    theirs = request.getfixturevalue(which)
    spoken = (
        "You hear this voice: <Audio>@</Audio>. ",
        "You see this picture: <Video>@</Video>. ",
        "These words are said: <Subtitle>@</Subtitle>. ",
        "The body does this: <NFBL>@</NFBL>. ",
    )
    asked = f"###Human: {pieces(subset, *spoken)}Answer from what you were given. {QUESTION} ###Assistant: "
    for template, prompt, target in (
        (DEEMO, public_ids(equation_1(subset), theirs), [*public_ids(ANSWER, theirs), 2]),
        (AFFECTGPT, public_ids(asked, theirs), public_ids(ANSWER + "###", theirs)),
        (AFFECTGPT_V2, public_ids(asked, theirs), [*public_ids(ANSWER + "###", theirs), 2]),
    ):
        one = example(template, ours, subset)
        assert as_public(one, theirs) == [1, *prompt, *target]
        assert list(one.loss) == [False] * (1 + len(prompt)) + [True] * len(target)
        assert as_public(example(template, ours, subset, answer=False), theirs) == [1, *prompt]


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "+".join(sorted(subset)) or "none")
@pytest.mark.parametrize("which", ["slow", "fast"])
def test_video_llama_s_captions_follow_media_alone_or_a_question(
    subset: frozenset[Modality], which: str, ours: HFTokenizer, request: pytest.FixtureRequest
) -> None:
    """Prompt, if there is one, and caption are tokenized separately; the caption ends with its mark, without an eos."""
    theirs = request.getfixturevalue(which)
    words = ("<Subtitle>@</Subtitle> ", "<NFBL>@</NFBL> ")
    image = template_of({"task": TASK.value, "template": "video_llama_image", "question": "What is this?"})
    shown = pieces(subset, "<Audio>@</Audio> ", "<Image>@</Image> ", *words)
    asked = f"###Human: {shown}What is this? ###Assistant: "
    for template, prompt, end in (
        (VIDEO_LLAMA_STAGE1, pieces(subset, "@", "@", *words), "\n"),
        (image, asked, "###"),
    ):
        before, target = public_ids(prompt, theirs) if prompt else [], public_ids(ANSWER + end, theirs)
        one = example(template, ours, subset)
        assert as_public(one, theirs) == [1, *before, *target]
        assert list(one.loss) == [False] * (1 + len(before)) + [True] * len(target)
        assert as_public(example(template, ours, subset, answer=False), theirs) == [1, *before]


def test_the_first_stage_asks_nothing_unless_it_is_told_to() -> None:
    prompt = {"task": TASK.value, "template": "video_llama_stage1"}
    shown = {Modality.AUDIO, Modality.VIDEO}
    for own, text in (({}, []), ({"question": "Why?"}, ["Why?"])):
        template = template_of({**prompt, **own})
        parts = build_prompt("T", [], shown, TASK, TOKENS, template=template)
        assert parts == [Slots(0, AUDIO), Slots(AUDIO, VIDEO), *text]


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "+".join(sorted(subset)) or "none")
@pytest.mark.parametrize("system", ["", "Be kind."])
def test_video_llama_is_one_text_and_its_mask_is_the_public_count(
    subset: frozenset[Modality], system: str, ours: HFTokenizer, slow: Any
) -> None:
    """The count: each turn's length alone, with a bos; the first two ids of the user's turn are not masked."""
    template = template_of({"task": TASK.value, "template": "video_llama", "system": system})
    tags = ("<Audio>@</Audio> ", "<Video>@</Video> ", "<Subtitle>@</Subtitle> ", "<NFBL>@</NFBL> ")
    header, user = f"{system}\n\n", f"###Human: {pieces(subset, *tags)}{QUESTION}\n"
    whole = [1, *public_ids(f"{header}{user}###Assistant: {ANSWER}\n###", slow)]
    start, turn = 1 + len(public_ids(header, slow)), 1 + len(public_ids(user, slow))
    loss = [place >= start and not start + 2 <= place < start + turn for place in range(len(whole))]
    one = example(template, ours, subset)
    assert as_public(one, slow) == whole
    assert list(one.loss) == loss
    prompt = example(template, ours, subset, answer=False)
    assert as_public(prompt, slow) == [1, *public_ids(f"{header}{user}###Assistant:", slow)]
    assert one.token_ids[: len(prompt.token_ids)] == prompt.token_ids and not any(prompt.loss)


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "+".join(sorted(subset)) or "none")
@pytest.mark.parametrize("which", ["slow", "fast"])
def test_vicuna_v1_is_one_text_trained_behind_its_role(
    subset: frozenset[Modality], which: str, ours: HFTokenizer, request: pytest.FixtureRequest
) -> None:
    """The public count: the prompt with the space behind 'ASSISTANT:' is one id longer than what is masked."""
    theirs = request.getfixturevalue(which)
    template = template_of({"task": TASK.value, "template": "vicuna_v1", "system": "A chat."})
    asked = f"A chat. USER: {equation_1(subset)} ASSISTANT: "
    whole = [1, *public_ids(f"{asked}{ANSWER}</s>", theirs)]
    masked = 1 + len(public_ids(asked, theirs)) - 1
    one = example(template, ours, subset)
    assert as_public(one, theirs) == whole and whole[-1] == 2
    assert list(one.loss) == [place >= masked for place in range(len(whole))]
    assert as_public(example(template, ours, subset, answer=False), theirs) == [
        1,
        *public_ids(asked.rstrip(), theirs),
    ]


def trained(one: Example, tokenizer: Tokenizer) -> Iterator[str]:
    for kind, group in itertools.groupby(zip(one.token_ids, one.loss, strict=True), lambda pair: pair[1]):
        if kind:
            yield tokenizer.decode([token for token, _ in group])


def test_the_mask_does_not_hang_on_the_vocabulary() -> None:
    """With bytes, the public count would be off: "###" is three ids and a bos more shifts the rest."""
    tokenizer = ByteTokenizer()
    assert list(trained(example(VIDEO_LLAMA, tokenizer), tokenizer)) == ["###", f"###Assistant: {ANSWER}\n###"]
    for template in (AFFECTGPT, AFFECTGPT_V2, VIDEO_LLAMA_IMAGE):
        assert list(trained(example(template, tokenizer), tokenizer)) == [f"{ANSWER}###"]
    assert list(trained(example(VIDEO_LLAMA_STAGE1, tokenizer), tokenizer)) == [f"{ANSWER}\n"]
    assert list(trained(example(VICUNA_V1, tokenizer), tokenizer)) == [f" {ANSWER}"]


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_an_absent_modality_leaves_no_trace(template: Template) -> None:
    """A prompt is its frame, which is that of an empty one, around exactly the pieces of what is shown."""
    media = {Slots(0, AUDIO): "{A}", Slots(AUDIO, VIDEO): "{V}"}
    filled = dict(zip(Modality, ("{A}", "{V}", "T", "a, b"), strict=True))

    def text(subset: frozenset[Modality]) -> str:
        parts = build_prompt("T", ["a", "b"], subset, TASK, TOKENS, template=template)
        return "".join(part if isinstance(part, str) else media[part] for part in parts)

    empty = text(frozenset())
    asked = QUESTION if template.question is None else template.question
    head = empty.index(template.wording.user.replace("{}", asked))
    for subset in SUBSETS:
        inputs = [getattr(template.wording, each).replace("{}", filled[each]) for each in Modality if each in subset]
        assert text(subset) == empty[:head] + "".join(inputs) + empty[head:]
    words = empty.lower()
    for word in ("audio", "video", "transcri", "subtitle", "nfbl", "hear", "voice", "see", "picture", "said", "body"):
        assert word not in words.split("user: ")[-1]


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_the_transcript_is_cut_in_every_template_and_the_mask_with_it(template: Template, ours: HFTokenizer) -> None:
    long = dataclasses.replace(CLIP, transcript="chances and blame " * 40)
    empty = example(template, ours, clip=dataclasses.replace(CLIP, transcript=""))
    cut = example(template, ours, clip=long, length=len(empty.token_ids) + 20)
    assert cut.cut and len(empty.token_ids) + 10 < len(cut.token_ids) <= len(empty.token_ids) + 20
    assert sum(cut.loss) == sum(empty.loss) and sum(slot >= 0 for slot in cut.slots) == AUDIO + VIDEO


def test_a_recipe_s_own_texts_replace_the_template_s() -> None:
    own = {"system": "S.", "question": "Q {} Q", "audio": "I hear {} now; ", "user": "I ask: {}!"}
    template = template_of({"task": TASK.value, "template": "video_llama", **own})
    parts = build_prompt("T", [], {Modality.AUDIO, Modality.TRANSCRIPT}, TASK, TOKENS, template=template)
    assert parts == [
        "S.\n\n###Human: I hear ",
        Slots(0, AUDIO),
        " now; <Subtitle>T</Subtitle> I ask: Q {} Q!\n###Assistant:",
    ]
    braces = build_prompt("{} {x}", [], {Modality.TRANSCRIPT}, TASK, TOKENS, template=DEEMO)
    assert braces == [f"<Transcription>{{}} {{x}}</Transcription>, <User>{QUESTION}</User>"]
    assert template_of({"task": TASK.value}) == DEEMO


def test_what_was_generated_ends_at_a_stop() -> None:
    assert AFFECTGPT.stops == AFFECTGPT_V2.stops == VIDEO_LLAMA.stops == VIDEO_LLAMA_IMAGE.stops == ("###",)
    assert DEEMO.stops == VICUNA_V1.stops == ()
    assert cut("A man.\nA man.\n", VIDEO_LLAMA_STAGE1.stops)[0] == "A man."
    assert cut(" It is so.\n###Human: And", VIDEO_LLAMA.stops)[0] == " It is so."
    assert cut("It is so", AFFECTGPT.stops)[0] == "It is so"
    assert cut("Rank ### one ", DEEMO.stops)[0] == "Rank ### one "


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        (
            {"template": "vicuna"},
            "choose from deemo, caption, affectgpt, affectgpt_v2, .*, vicuna_v1, llama_2, qwen, qwen3$",
        ),
        ({"tempalte": "deemo"}, "did you mean 'template'"),
        ({"audio": "no place"}, r"config.prompt.audio: .* must have {} once"),
        ({"user": "{} and {}"}, r"config.prompt.user: .* must have {} once"),
        ({"system": "Hello."}, "deemo has no system text; leave it out or choose video_llama, vicuna_v1"),
        ({"task": None}, "config.prompt.task: is missing"),
        ({"template": None}, "choose from deemo"),
        ({"question": 3}, "config.prompt.question: 3 must be a text"),
    ],
)
def test_a_wrong_prompt_config_says_how_to_mend_it(prompt: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        template_of({"task": TASK.value, **prompt})


def test_a_candidate_answer_has_the_ids_that_training_gives_it() -> None:
    """For the odds of the two labels: behind the prompt's ids, those of the trained sequence."""
    clip, tokenizer = CLIP, ByteTokenizer()
    for name in TEMPLATES:
        template = template_of({"task": "recognition", "template": name})
        shown = ALL
        asked, whole = (
            build_example(clip, shown, spec(template, tokenizer, task=Task.RECOGNITION, with_answer=answer))
            for answer in (False, True)
        )
        said = opening_ids(answer_text(clip, Task.RECOGNITION), template, tokenizer)
        length = len(asked.token_ids)
        assert whole.token_ids[:length] == asked.token_ids
        assert list(whole.token_ids[length : length + len(said)]) == said

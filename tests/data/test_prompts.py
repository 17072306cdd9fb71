import dataclasses
import itertools

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS, Clip, Labels, Modality
from deemo_jax.data.prompts import (
    INSTRUCTIONS,
    PromptSpec,
    Task,
    answer_text,
    build_example,
    build_prompt,
    instruction,
    parse_emotion,
    parse_task,
)
from deemo_jax.data.sequence import Slots
from deemo_jax.data.tokenizer import ByteTokenizer
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.systems.deemo.template import DEEMO
from tests.data.samples import CLIP

BYTES = ByteTokenizer()


def example(
    clip: Clip = CLIP, shown: frozenset[Modality] = frozenset(Modality), length: int = 300, answer: bool = True
):
    spec = PromptSpec(
        tokenizer=BYTES,
        task=Task.RECOGNITION_REASONING,
        template=DEEMO,
        tokens=MediaTokens(2, 3),
        max_length=length,
        with_answer=answer,
    )
    return build_example(clip, shown, spec)


def readable(one) -> str:
    marks = [f"[{slot}]" if slot >= 0 else "" for slot in one.slots]
    return "".join(mark or BYTES.decode([token]) for mark, token in zip(marks, one.token_ids, strict=True))


def test_the_prompt_is_equation_1_with_nfbl_after_the_transcription() -> None:
    task = Task.RECOGNITION_REASONING
    prompt = build_prompt("T", ["a", "b"], frozenset(Modality), task, MediaTokens(8, 32), template=DEEMO)
    assert prompt == [
        "<Audio>",
        Slots(0, 8),
        "</Audio>, <Video>",
        Slots(8, 32),
        "</Video>, <Transcription>T</Transcription>, <NFBL>a, b</NFBL>, "
        "<User>What does the person feel, and why?</User>",
    ]


def test_every_subset_shows_exactly_its_tags_and_tokens() -> None:
    tags = {"audio": "Audio", "video": "Video", "transcript": "Transcription", "nfbl": "NFBL"}
    for size in range(5):
        for subset in itertools.combinations(Modality, size):
            one = example(shown=frozenset(subset))
            text = readable(one)
            for modality, tag in tags.items():
                assert (f"<{tag}>" in text) == (f"</{tag}>, " in text) == (modality in subset)
            wanted = [0, 1] * (Modality.AUDIO in subset) + [2, 3, 4] * (Modality.VIDEO in subset)
            assert [slot for slot in one.slots if slot >= 0] == wanted
            assert text.count("<User>") == 1


def test_the_loss_is_on_the_answer_and_its_eos_only() -> None:
    one = example()
    trained = [token for token, loss in zip(one.token_ids, one.loss, strict=True) if loss]
    assert trained == [*BYTES.encode("The emotion is negative. The words speak of blame."), BYTES.eos_id]
    assert one.token_ids[0] == BYTES.bos_id and one.loss[-1]
    assert all(token == BYTES.pad_id for token, slot in zip(one.token_ids, one.slots, strict=True) if slot >= 0)
    prompt = example(answer=False)
    assert not any(prompt.loss) and one.token_ids[: len(prompt.token_ids)] == prompt.token_ids


def test_only_the_transcript_is_cut_and_as_little_as_possible() -> None:
    whole = example()
    cut = example(length=len(whole.token_ids) - 9)
    assert not whole.cut and cut.cut
    assert len(cut.token_ids) == len(whole.token_ids) - 9
    assert "<Transcription>I gave her thi</Transcription>" in readable(cut)
    assert readable(cut).endswith("The emotion is negative. The words speak of blame.")
    ragged = example(dataclasses.replace(CLIP, transcript="ää" * 20), length=len(whole.token_ids))
    assert ragged.cut and len(ragged.token_ids) <= len(whole.token_ids)


def test_a_prompt_that_cannot_fit_is_refused_with_the_numbers() -> None:
    least = len(example(dataclasses.replace(CLIP, transcript="")).token_ids)
    assert len(example(length=least).token_ids) == least
    with pytest.raises(UserError, match=rf"c1.*{least} in all.*max_length is {least - 1}"):
        example(length=least - 1)


def test_the_answers_state_what_the_task_asks_for() -> None:
    assert answer_text(CLIP, Task.RECOGNITION) == "The emotion is negative."
    assert answer_text(CLIP, Task.REASONING) == "The words speak of blame."
    both = answer_text(CLIP, Task.RECOGNITION_REASONING)
    assert both == "The emotion is negative. The words speak of blame." and parse_emotion(both) == "negative"
    with pytest.raises(UserError, match="recognition, reasoning, recognition_reasoning"):
        parse_task("guess")


NEG, POS = "negative", "positive"


@pytest.mark.parametrize(
    ("answer", "emotion"),
    [
        ("The emotion is positive. She speaks of a negative past.", POS),
        ("POSITIVE", POS),
        ("Emotion: **Negative**", NEG),
        (
            "From the cues, the athlete's emotion is more likely 'negative.' Unlike a positive experience, it hurts.",
            NEG,
        ),
        ("A negative event was told. Still the person's emotion seems positive.", POS),
        ("The emotion appears to lean towards the negative, rather than positive.", NEG),
        ("The emotion is not positive but negative.", NEG),
        ("The person feels negatively about it.", NEG),
        ("It is positive or negative.", None),
        ("The emotion is positive or negative.", None),
        ("The emotion is not very clearly positive.", None),
        ("neither negative nor positive", None),
        ("The emotion is positve", None),
        ("nonnegative", None),
        ("", None),
    ],
)
def test_parse_emotion(answer: str, emotion: str | None) -> None:
    assert parse_emotion(answer) is emotion


THREE = Labels(("happy", "very happy", "Neutral"))


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("The emotion is very happy. The voice is lively.", "very happy"),
        ("The emotion is happy, and not neutral.", "happy"),
        ("Emotion: NEUTRAL", "Neutral"),
        ("She seems happy or neutral.", None),
        ("She is not very happy; her face is neutral.", "Neutral"),
        ("The emotion is negative.", None),
        ("Unhappy words.", None),
    ],
)
def test_an_answer_is_read_by_the_labels_of_the_dataset(answer: str, label: str | None) -> None:
    assert parse_emotion(answer, THREE) == label


def test_the_instruction_names_labels_that_are_not_those_of_deemo() -> None:
    assert [instruction(task) for task in Task] == [INSTRUCTIONS[task] for task in Task]
    assert instruction(Task.RECOGNITION, THREE) == "What does the person feel (happy, very happy or Neutral)?"
    asked = instruction(Task.RECOGNITION_REASONING, THREE)
    assert asked == "What does the person feel (happy, very happy or Neutral), and why?"
    assert instruction(Task.REASONING, THREE) == INSTRUCTIONS[Task.REASONING]
    own = dataclasses.replace(DEEMO, question="Is it {labels}?")
    for labels, question in (
        (THREE, "Is it happy, very happy or Neutral?"),
        (DEEMO_LABELS, "Is it negative or positive?"),
    ):
        (text,) = build_prompt("", (), (), Task.RECOGNITION, MediaTokens(), template=own, labels=labels)
        assert text == f"<User>{question}</User>"


@pytest.mark.parametrize(("most", "left", "ends"), [(0, 26, True), (26, 26, True), (25, 25, False), (4, 4, False)])
def test_an_answer_is_cut_with_its_end_and_the_prompt_is_not(most: int, left: int, ends: bool) -> None:
    spec = PromptSpec(
        tokenizer=BYTES,
        task=Task.REASONING,
        template=DEEMO,
        tokens=MediaTokens(2, 3),
        max_length=300,
        with_answer=True,
        max_answer=most,
    )
    example = build_example(CLIP, frozenset({Modality.VIDEO}), spec)
    whole = build_example(CLIP, frozenset({Modality.VIDEO}), dataclasses.replace(spec, max_answer=0))
    assert sum(example.loss) == left and example.token_ids == whole.token_ids[: len(example.token_ids)]
    assert (example.token_ids[-1] == spec.tokenizer.eos_id) == ends
    asked = dataclasses.replace(spec, with_answer=False)
    assert build_example(CLIP, frozenset({Modality.VIDEO}), asked).token_ids == tuple(
        id for id, trained in zip(whole.token_ids, whole.loss, strict=True) if not trained
    )

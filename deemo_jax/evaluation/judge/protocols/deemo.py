"""The protocol of the DEEMO paper (section 5.2): clue overlap and label overlap, 1 to 10 each, in one question."""

from collections.abc import Sequence

from deemo_jax.evaluation.judge.protocols.judgement import SCORE, TEXT, Asker, Judgement, TextPair, judgement, schema
from deemo_jax.evaluation.judge.protocols.prompt_file import load_prompts
from deemo_jax.evaluation.judge.protocols.quoted import quoted
from deemo_jax.llm.outcome import Outcome, Reply
from deemo_jax.llm.request import Decoding

# The reason comes first, so that the scores follow from it.
REPLY = schema(reason=TEXT, clue=SCORE, label=SCORE)


def judge_deemo(pairs: Sequence[TextPair], repeats: int, decoding: Decoding, ask: Asker) -> list[list[Judgement]]:
    """Judges pairs, one request each; see `judgement.Overlap`."""
    prompts = load_prompts("deemo")
    requests = [
        prompts.request(
            f"{number}.{sample}",
            "overlap",
            REPLY,
            sample,
            decoding,
            reference=quoted(pair.reference),
            prediction=quoted(pair.prediction),
        )
        for number, pair in enumerate(pairs)
        for sample in range(repeats)
    ]
    outcomes = ask(requests)
    return [[_read(outcomes[f"{number}.{sample}"]) for sample in range(repeats)] for number in range(len(pairs))]


def _read(outcome: Outcome) -> Judgement:
    if not isinstance(outcome, Reply):
        return judgement([outcome], None, None, "")
    said = outcome.value
    return judgement([outcome], int(said["clue"]), int(said["label"]), str(said["reason"]))

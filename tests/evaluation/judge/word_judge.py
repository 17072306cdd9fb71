"""A judge by rules, for tests: it counts shared words, and reads emotions as evaluation does."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.evaluation.reading.free_answer import read_emotion
from deemo_jax.llm.outcome import Outcome, Reply, Usage
from deemo_jax.llm.request import Request

PARTS = re.compile(r"^(Reference|Prediction|To be scored|Text|First|Second): (.*)$", re.MULTILINE)


def reply_to(system: str, user: str) -> dict[str, Any]:
    """What the judge says to a question of any protocol."""
    parts = {name: json.loads(text) for name, text in PARTS.findall(user)}
    if "Text" in parts:
        return {"words": [read_emotion(parts["Text"], DEEMO_LABELS) or "unclear"]}
    if "First" in parts:
        reference = parts.get("Reference", "")
        first, second = (sum(scores(reference, parts[side])) for side in ("First", "Second"))
        return {"reason": "r", "better": "tie" if first == second else "first" if first > second else "second"}
    reference, prediction = parts["Reference"], parts.get("Prediction", parts.get("To be scored"))
    if isinstance(reference, list):
        return {"reason": "l", "score": 10 if set(reference) & set(prediction) else 1}
    clue, label = scores(reference, prediction)
    if "clue" in system:
        return {"reason": f"{clue} of the words", "clue": clue, "label": label}
    return {"reference": "s", "prediction": "s", "reason": "c", "score": clue}


def scores(reference: str, prediction: str) -> tuple[int, int]:
    """Clue overlap by shared words, label overlap by emotion."""
    words, said = (set(re.findall(r"\w{4,}", text.lower())) for text in (reference, prediction))
    same = read_emotion(reference, DEEMO_LABELS) == read_emotion(prediction, DEEMO_LABELS)
    return 1 + round(9 * len(words & said) / max(len(words), 1)), 10 if same else 1


def asker(requests: Sequence[Request]) -> Mapping[str, Outcome]:
    """The judge in place of a client."""
    assert len({request.key for request in requests}) == len(requests)
    return {
        request.key: Reply(
            reply_to(request.messages[0].content, request.messages[-1].content), Usage(100, 10), "words-1", 1, False
        )
        for request in requests
    }

"""Microsoft Presidio as an engine (extra `presidio`): its recognisers, with a spaCy model for English that you bring.

Presidio downloads a model that is absent; this adapter refuses instead, since nothing here downloads anything.
"""

import importlib.util
from collections.abc import Iterator
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.versions import version
from deemo_jax.deid.text.readable import unread
from deemo_jax.deid.text.spans import TAG, Kind, Span

MODEL = "en_core_web_lg"
LEAST_SCORE = 0.4
KIND_OF: dict[str, Kind] = {
    "PERSON": "NAME",
    "ORGANIZATION": "TEAM",
    "NRP": "TEAM",
    "LOCATION": "PLACE",
    "DATE_TIME": "DATE",
    "EMAIL_ADDRESS": "CONTACT",
    "PHONE_NUMBER": "CONTACT",
    "URL": "CONTACT",
    "IP_ADDRESS": "CONTACT",
}


class Presidio:
    """Presidio's analyzer behind the protocol of `deemo_jax.deid.text.spans.Engine`.

    Args:
        analyzer: an `AnalyzerEngine` of one's own; default: Presidio's for English with spaCy's `en_core_web_lg`.
        model: the name of the model, for the record.
        least_score: finds below are left alone.

    Raises:
        UserError: Presidio or the model is not installed.
    """

    def __init__(self, analyzer: Any = None, model: str = MODEL, least_score: float = LEAST_SCORE) -> None:
        self._analyzer = analyzer if analyzer is not None else _analyzer(model)
        self._model, self._least_score = model, least_score

    @property
    def method(self) -> str:
        return f"presidio-analyzer {version('presidio-analyzer', absent='of unknown version')}, {self._model}"

    def unread(self, text: str) -> str | None:
        """Why a text is beyond the English model, if it is."""
        return unread(text)

    def find(self, text: str) -> Iterator[Span]:
        """Presidio's finds; what has no tag of its own here (cards, accounts, passports) becomes a NUMBER."""
        # Tags are words to a language model; blanks of the same length keep all positions.
        blank = TAG.sub(lambda match: " " * len(match[0]), text)
        for found in self._analyzer.analyze(text=blank, language="en", score_threshold=self._least_score):
            yield Span(found.start, found.end, KIND_OF.get(found.entity_type, "NUMBER"))


def _analyzer(model: str) -> Any:
    if importlib.util.find_spec("presidio_analyzer") is None:
        raise UserError("the text engine presidio is not installed; run: make setup EXTRAS=presidio")
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    if importlib.util.find_spec(model) is None:
        raise UserError(f"presidio needs spaCy's model {model}; run: python -m spacy download {model}")
    # By default it fetches the list of suffixes that Presidio's rule for e-mail addresses needs; a copy lies with it.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    wanted = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
    return AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=wanted).create_engine())

"""Microsoft Presidio as an engine (extra `presidio`): its recognisers, with a spaCy model for English to be installed.

Presidio downloads a model that is absent; this adapter refuses instead: the product downloads nothing.
"""

import importlib.util
from collections.abc import Iterator
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.versions import version
from deemo_jax.deid.text.readable import unread
from deemo_jax.deid.text.spans import TAG, Kind, Span

MODEL = "en_core_web_lg"
# Presidio's confidence, 0 to 1, from which a find counts.
LEAST_SCORE = 0.4
# Presidio's entity -> tag.
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
        analyzer: a prepared `AnalyzerEngine`; by default Presidio's for English with spaCy's `en_core_web_lg`.
        model: name of the model, for the record.
        least_score: finds with a lower confidence are ignored.

    Raises:
        UserError: Presidio or the model is not installed.
    """

    def __init__(self, analyzer: Any = None, model: str = MODEL, least_score: float = LEAST_SCORE) -> None:
        self._analyzer = analyzer if analyzer is not None else _analyzer(model)
        self._model, self._least_score = model, least_score

    @property
    def method(self) -> str:
        """Name and version of Presidio, and the model."""
        return f"presidio-analyzer {version('presidio-analyzer', absent='of unknown version')}, {self._model}"

    def unread(self, text: str) -> str | None:
        """Why the English model cannot read a text; None where it can."""
        return unread(text)

    def find(self, text: str) -> Iterator[Span]:
        """Presidio's finds; entities without a tag of their own (cards, accounts, passports) become a NUMBER."""
        # Tags would be words to the language model; blanks of the same length keep all positions.
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
    # Presidio's rule for e-mail addresses needs tldextract's list of suffixes; its own copy is used, not a download.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    wanted = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
    return AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=wanted).create_engine())

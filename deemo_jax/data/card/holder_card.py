"""What only the holder of a dataset can say of it, in Croissant's own words: the file of `build --croissant --card`."""

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.core.schema import close_key, is_whole

# Characters of a text, and texts of a list, at most.
MAX_TEXT = 20_000
MAX_TEXTS = 100
# Keys whose value is one text.
TEXTS = (
    "name",
    "description",
    "url",
    "citeAs",
    "version",
    "rai:dataCollection",
    "rai:dataCollectionRawData",
    "rai:annotationsPerItem",
    "rai:dataSocialImpact",
    "rai:dataReleaseMaintenancePlan",
    "rai:dataImputationProtocol",
)
# Keys whose value is one text or a list.
LISTS = (
    "license",
    "keywords",
    "inLanguage",
    "rai:dataCollectionType",
    "rai:dataCollectionTimeframe",
    "rai:dataBiases",
    "rai:dataLimitations",
    "rai:dataUseCases",
    "rai:personalSensitiveInformation",
    "rai:dataAnnotationProtocol",
    "rai:dataAnnotationPlatform",
    "rai:dataAnnotationAnalysis",
    "rai:annotatorDemographics",
    "rai:machineAnnotationTools",
    "rai:dataPreprocessingProtocol",
    "prov:wasDerivedFrom",
    "prov:wasGeneratedBy",
)
PEOPLE = ("creator", "publisher")
DATES = ("datePublished", "dateCreated", "dateModified")
# Keys that a reader of the card will miss: Croissant's own, and the minimal ones of responsible AI that NeurIPS asks of
# a dataset.
EXPECTED = (
    "license",
    "creator",
    "url",
    "datePublished",
    "citeAs",
    "rai:dataBiases",
    "rai:dataLimitations",
    "rai:dataUseCases",
    "rai:dataSocialImpact",
    "rai:hasSyntheticData",
    "rai:dataCollection",
    "rai:dataAnnotationProtocol",
    "prov:wasDerivedFrom",
)
KEYS = frozenset([*TEXTS, *LISTS, *PEOPLE, *DATES, "rai:hasSyntheticData"])


def read_card(path: str | Path) -> dict[str, Any]:
    """Reads what the holder says.

    Returns:
        Croissant's keys and values; of `LISTS` the values are lists, of `PEOPLE` lists of schema.org objects.

    Raises:
        UserError: it is no such file; the message names the key.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: is no JSON object of Croissant's keys (build --show_format shows one)")
    found: dict[str, Any] = {}
    for key, value in content.items():
        if key not in KEYS:
            meant = close_key(key, KEYS)
            hint = f"is {meant!r} meant?" if meant else "build --show_format lists those that a holder gives"
            raise UserError(f"{path}: the key {key[:60]!r} is not one of a holder's card; {hint}")
        try:
            found[key] = _value(key, value)
        except ValueError as error:
            raise UserError(f"{path}: {key} {error}") from error
    return found


def missing(document: Mapping[str, Any]) -> list[str]:
    """The keys of `EXPECTED` of which a document says nothing."""
    return [key for key in EXPECTED if key not in document]


def _value(key: str, value: object) -> Any:
    if key == "rai:hasSyntheticData":
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value
    if key in TEXTS:
        return _version(_text(value)) if key == "version" else _text(value)
    if key in DATES:
        return _date(value)
    values = value if isinstance(value, list) else [value]
    if not 0 < len(values) <= MAX_TEXTS:
        raise ValueError(f"must be a text, or a list of 1 to {MAX_TEXTS}")
    return [_person(one) for one in values] if key in PEOPLE else [_text(one) for one in values]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT or not is_whole(value):
        raise ValueError(f"must be a text of 1 to {MAX_TEXT:,} characters; leave it out where nothing is known")
    return value.strip()


def _version(text: str) -> str:
    if not re.fullmatch(r"\d+\.\d+\.\d+", text):
        raise ValueError(f"is {text[:40]!r}; write MAJOR.MINOR.PATCH, such as 1.0.0")
    return text


def _date(value: object) -> str:
    text = _text(value)
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"is {text[:40]!r}; write it as YYYY-MM-DD") from error


def _person(value: object) -> dict[str, str]:
    """A person or an organisation as schema.org has them: a name alone is an organisation's."""
    given = value if isinstance(value, dict) else {"name": value}
    kind = given.get("@type", "sc:Organization")
    if kind not in ("sc:Person", "sc:Organization") or not given.keys() <= {"@type", "name", "url", "email"}:
        raise ValueError('must be a name, or {"@type": "sc:Person" or "sc:Organization", "name", "url", "email"}')
    return {"@type": str(kind), **{key: _text(given[key]) for key in ("name", "url", "email") if key in given}}

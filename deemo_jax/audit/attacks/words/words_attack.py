"""The report's section on words: what attackers guess about persons from what they said, before and after `redact`."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.audit.attacks.words.asked_guesses import AskedGuesses, Guesser, asked_guesses
from deemo_jax.audit.attacks.words.classifier import learnt_guesses
from deemo_jax.audit.attacks.words.guess_scores import GuessScore, score
from deemo_jax.audit.attacks.words.identifiers_left import IdentifiersLeft, identifiers_left
from deemo_jax.audit.attacks.words.speakers import Speakers, speakers_of
from deemo_jax.audit.attacks.words.spoken_texts import SpokenText, read_texts
from deemo_jax.audit.attacks.words.text_versions import AS_SAID, REDACTED, TextVersions, versions_of
from deemo_jax.audit.report_parts import Section
from deemo_jax.core import files
from deemo_jax.core.progress import with_progress
from deemo_jax.core.stats import Interval, upper_bound
from deemo_jax.core.tables import Table
from deemo_jax.deid.text.english_rules import Rules
from deemo_jax.deid.text.fuzzy_names import Names
from deemo_jax.deid.text.spans import Engine
from deemo_jax.deid.text.transcripts import read_names

UNTIED = "Whether the persons of the clips are those who say these texts: not measured, since a file of texts is given."
NAME, TITLE = "words", "Words: what is guessed about a person?"
CLASSIFIER = "classifier"
NOTES = (
    "Classifier: logistic regression on words and parts of words, which learns from other persons; no person, and no"
    " group of texts, is both learnt from and guessed about. Majority: the most frequent value, which needs no words."
    " An attacker with a language model of the world, or with the story of a known person, may guess more.",
    "Accuracy over persons, all texts of each taken together; 95 % bootstrap intervals over persons, of differences"
    " about the same persons. Not adjusted for how many facts and versions there are.",
)
OF_IDENTIFIERS = (
    "Direct identifiers tell alone who somebody is, quasi identifiers together with others (the split of the Text"
    " Anonymization Benchmark). An entity counts as gone where none of its mentions stands anywhere in the redacted"
    " text."
)


@dataclasses.dataclass(frozen=True, slots=True)
class WordsAttack:
    """What is attacked, and by whom.

    Attributes:
        transcripts: file of texts and facts, as `read_texts` takes it.
        names: file of names that the redaction always removes; None for none.
        guesser: a language model that guesses beside the classifier; None for none.
    """

    transcripts: Path
    names: Path | None = None
    guesser: Guesser | None = None


def attack_words(attack: WordsAttack) -> Section:
    """The section on words of a file.

    Raises:
        UserError: a file cannot be used, has too few persons or nothing to guess, or the model cannot be asked.
    """
    said = read_texts(attack.transcripts)
    names = read_names(attack.names) if attack.names else Names()
    section = words_section(said, names, Rules(), attack.guesser)
    texts = f"The texts are those of a file with the SHA-256 {files.sha256(attack.transcripts)}."
    return dataclasses.replace(section, notes=(*section.notes, texts, UNTIED))


def words_section(said: Sequence[SpokenText], names: Names, engine: Engine, guesser: Guesser | None = None) -> Section:
    """Attacks texts as they are said and redacted, and, where identifiers are known, without these.

    Args:
        said: texts with facts about their persons.
        names: always removed by the redaction.
        engine: finds other names.
        guesser: a language model that guesses beside the classifier; None for none.

    Raises:
        UserError: as `speakers_of` and `asked_guesses`.
    """
    speakers = speakers_of(said)
    versions = versions_of(said, names, engine)
    found: dict[str, dict[str, GuessScore]] = {version: {} for version in versions.texts}
    joined = {version: speakers.join(texts) for version, texts in versions.texts.items()}
    work = (
        (version, guessed)
        for version in versions.texts
        for guessed in learnt_guesses(joined[version], speakers.attributes, speakers.folds)
    )
    facts = {fact.name: fact for fact in speakers.attributes}
    for version, (name, guesses) in with_progress(work, "guessing", len(facts) * len(found)):
        found[version][name] = score(facts[name], guesses)
    asked = _ask(joined, speakers, versions, guesser) if guesser else {}
    by_model = {
        version: {name: score(facts[name], guesses) for name, guesses in of.of_fact.items()}
        for version, of in asked.items()
    }
    left = identifiers_left(said, versions.texts[REDACTED], speakers) if len(found) > 2 else []
    size = f"{speakers.count} persons, {len(said)} texts"
    tables = [_guess_table(f"What a {CLASSIFIER} guesses; {size}", found)]
    tables += [_guess_table(f"What {guesser.endpoint.model} guesses; {size}", by_model)] if guesser else []
    tables += [_gain_table(found)]
    tables += [_left_table(left)] if left else []
    return Section(
        name=NAME,
        title=TITLE,
        tables=tuple(tables),
        notes=(*NOTES, *((OF_IDENTIFIERS,) if left else ()), *_remarks(speakers, versions, asked, guesser)),
        numbers={
            "persons": speakers.count,
            "texts": len(said),
            "texts_that_redaction_cannot_read": sum(versions.unread),
            CLASSIFIER: _numbers(found),
            "language_model": _numbers(by_model) if guesser else None,
            "identifiers": {one.what: _left_numbers(one) for one in left} or None,
        },
    )


def _ask(
    joined: Mapping[str, Sequence[str]], speakers: Speakers, versions: TextVersions, guesser: Guesser
) -> dict[str, AskedGuesses]:
    """Asks about redacted texts; about those as they are said where a person asks for it."""
    raw = guesser.include_raw_text
    unread = {int(p) for p, bare in zip(speakers.persons, versions.unread, strict=True) if bare and not raw}
    left_out = [person in unread for person in range(speakers.count)]
    return {
        version: asked_guesses(joined[version], speakers.attributes, guesser, left_out)
        for version in ([REDACTED, AS_SAID] if raw else [REDACTED])
    }


def _guess_table(caption: str, found: Mapping[str, Mapping[str, GuessScore]]) -> Table:
    rows = tuple(
        (
            f"{name} ({one.values} values, {one.persons} persons)",
            f"{100 * one.majority:.1f}",
            *(f"{of[name].accuracy}" for of in found.values()),
        )
        for name, one in next(iter(found.values())).items()
    )
    return Table(f"{caption}: accuracy, %", ("", "majority", *found), rows)


def _gain_table(found: Mapping[str, Mapping[str, GuessScore]]) -> Table:
    rows = []
    for name, one in found[REDACTED].items():
        gain = one.gain
        known = "yes" if one.is_found else "not shown"
        rows.append((name, f"{gain:+}", f"{one.less(found[AS_SAID][name]):+}", known))
    return Table(
        f"What the {CLASSIFIER} still knows of redacted texts, points",
        ("", "above the majority", f"less {AS_SAID}", "knows more than the majority"),
        tuple(rows),
    )


def _left_table(left: Sequence[IdentifiersLeft]) -> Table:
    rows = []
    for one in left:
        clear, some = one.persons
        recall = f"{one.recall}" if one.entities.sum() else "-"
        most = upper_bound(some - clear, some) if some else 1.0
        exposed = f"{100 * (1 - clear / some):.1f} (at most {100 * most:.1f})" if some else "-"
        rows.append((one.what, f"{one.entities.sum():,}", recall, f"{some}", exposed))
    return Table(
        "Identifiers that the redaction removes",
        ("identifiers", "entities", "gone, %", "persons", "of whom one is left, %"),
        tuple(rows),
    )


def _remarks(
    speakers: Speakers, versions: TextVersions, asked: Mapping[str, AskedGuesses], guesser: Guesser | None
) -> list[str]:
    said = []
    if versions.given:
        said.append(f"{versions.given} redacted texts are the file's own; the others are made by this project's rules.")
    if bare := sum(versions.unread):
        said.append(f"{bare} texts could not be read by the redaction, which takes listed names out of them only.")
    if speakers.left_out:
        said.append(f"Nothing to guess, since all persons have one value: {', '.join(speakers.left_out)}.")
    if guesser is None:
        said.append("Guesses by a language model: not measured: need --guesser MODEL.")
    elif not guesser.include_raw_text:
        said.append("Only redacted texts were sent to the language model.")
    for version, of in asked.items():
        said.append(
            f"Texts {version}: {', '.join(of.reported) or 'the model'} was asked about {of.asked} persons; {of.failed}"
            f" gave no usable reply and count as the majority's guess, of {of.cut} only the first words were sent;"
            f" {of.told}."
        )
    return said


def _numbers(found: Mapping[str, Mapping[str, GuessScore]]) -> dict[str, Any]:
    return {
        version: {
            name: {
                "persons": one.persons,
                "values": one.values,
                "majority": one.majority,
                "accuracy": _interval(one.accuracy),
                "above_majority": _interval(one.gain),
            }
            for name, one in of.items()
        }
        for version, of in found.items()
    }


def _left_numbers(one: IdentifiersLeft) -> dict[str, Any]:
    clear, some = one.persons
    known = bool(one.entities.sum())
    return {
        "entities": int(one.entities.sum()),
        "gone": _interval(one.recall) if known else None,
        "persons": some,
        "persons_of_whom_none_is_left": clear,
    }


def _interval(found: Interval) -> dict[str, Any]:
    return {"value": found.value, "interval": found.bounds()}

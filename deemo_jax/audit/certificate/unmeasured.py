"""What nobody has measured: parts of the report that say so, and what this project cannot measure at all."""

from collections.abc import Iterator, Sequence

from deemo_jax.audit.certificate.plain_words import chosen
from deemo_jax.audit.report import UNKNOWN, verdict
from deemo_jax.audit.report_parts import Section
from deemo_jax.deid.manifest import Manifest

# How parts of a report say that something was not measured.
SAID = "not measured"
# The thing, and why nothing here speaks of it.
NEVER = (
    ("Gait, posture, build, gestures", "stay in the picture; this project has no attacker for them"),
    ("Clothes, hair, jewellery, tattoos", "stay in the picture wherever the person stays"),
    (
        "The story that is told",
        "who knows the person or the event may recognise them by what is said, with all names taken out",
    ),
    (
        "Transcripts, subtitles and annotations",
        "are no part of this folder; whether names were taken out of them stands in their own stamps",
    ),
    ("Sounds beside the voice", "music, announcements, voices of others: what of them is left was not looked at"),
    (
        "Linking with other recordings",
        "who has another film of the same event can compare what is seen and when it happens",
    ),
    ("Faces that no detector sees", "mirrors, posters, very small or turned heads; a person's eyes find some of them"),
    ("Better attackers", "every figure here is an upper bound on privacy: a better attacker can only lower it"),
    (
        "The key, the raw files and the private list of sources",
        "whoever has them can find the persons; that they are kept apart is the holder's to show",
    ),
    ("Consent, purpose, access and law", "are no matter of measurement; this page is no legal statement"),
)
BACKGROUND = ("Rooms and what is around people", "stay in the picture of {} clips (setting background: keep)")
CAPTIONS = ("Names in captions, on tags and boards", "were not looked for in {} clips")


def not_measured_here(sections: Sequence[Section]) -> list[tuple[str, str]]:
    """What the report could have measured and did not: where, and what it says of that."""
    return list(dict.fromkeys(row for section in sections for row in _of_section(section)))


def never_measured(manifests: Sequence[Manifest]) -> list[tuple[str, str]]:
    """What this project cannot measure, and what the settings of these clips leave in the picture."""
    kept = sum(chosen(manifest, "background") == "keep" for manifest in manifests)
    unread = sum(chosen(manifest, "text_in_picture") == "ignore" for manifest in manifests)
    left = [(what, why.format(f"{n:,}")) for (what, why), n in ((BACKGROUND, kept), (CAPTIONS, unread)) if n]
    return [*left, *NEVER]


def _of_section(section: Section) -> Iterator[tuple[str, str]]:
    if verdict(section) == UNKNOWN:
        yield section.title, section.notes[0] if section.notes else SAID
        return
    for note in section.notes:
        if SAID in note.lower():
            yield section.title, note
    for table in section.tables:
        for row in table.rows:
            for title, cell in zip(table.header[1:], row[1:], strict=True):
                if cell.lower().startswith(SAID):
                    yield section.title, f"{row[0]}, {title}: {cell}"

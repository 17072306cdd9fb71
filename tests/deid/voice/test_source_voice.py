"""Which sound becomes the voice of a clip, and films without any: from the command to the record."""

import dataclasses
import sys
import wave
from fractions import Fraction

import av
import numpy as np
import pytest

from deemo_jax import deidentify
from deemo_jax.audit.audit import audit
from deemo_jax.audit.clip_check import check_clip
from deemo_jax.core import cli, files
from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Clip, Provenance
from deemo_jax.data.build.gate import admit_deidentified
from deemo_jax.data.build.records import Admitted, make_record
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.manifest import load_manifest, verify
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.voice.source_voice import listen
from deemo_jax.media.audio import read_sound, sound_tracks
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.probe import probe
from deemo_jax.media.video import read_frames
from tests.raw_clips import speech

RATE = 16_000
# A coefficient of 1 leaves the voice as it is, so that tests can tell which one it is.
PLAIN = Settings(voice="mcadams", alpha_low=1.0, alpha_high=1.0)


def tone(hertz, seconds=1.2, level=0.2):
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def film(make_clip, tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("film") / "film.mp4", frames=4).path


@pytest.fixture
def with_sound(film, tmp_path):
    """A film of 0.4 s with other sound tracks, each Float[n], or None for a track without a packet."""

    def make(*tracks, name="tracks.mkv"):
        with av.open(str(film)) as source, av.open(str(tmp_path / name), "w") as target:
            picture = target.add_stream_from_template(source.streams.video[0])
            sounds = [target.add_stream("pcm_f32le", rate=RATE, layout="mono") for _ in tracks]
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = picture
                    target.mux(packet)
            for sound, samples in zip(sounds, tracks, strict=True):
                if samples is None:
                    continue
                frame = av.AudioFrame.from_ndarray(samples[None], "flt", "mono")
                frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
                target.mux([*sound.encode(frame), *sound.encode(None)])
        return tmp_path / name

    return make


def undecodable(path):
    """The same film; no decoder knows its sound."""
    path.write_bytes(path.read_bytes().replace(b"A_PCM/FLOAT/IEEE", b"A_PCM/FLOOT/IEEE"))
    return path


def level(movie, hertz):
    waveform = read_sound(movie).waveform[1600:17_600]
    return np.abs(np.fft.rfft(waveform * np.hanning(waveform.size)))[hertz] / waveform.size * 4


def record_of(folder, manifest):
    """What `build` stores of a clip."""
    clip = Clip(manifest.clip_id, "v", "", 0.0, 1.0, "", (), "positive", "")
    (admitted,) = admit_deidentified(
        [folder / f"{manifest.clip_id}.manifest.json"], {clip.clip_id: clip}, skip_missing=False
    )
    return make_record(admitted, 2, 2)


def test_all_tracks_are_the_voice_and_the_manifest_says_so(with_sound, tmp_path, key):
    source = with_sound(0 * tone(500), tone(500), tone(900))
    manifest = deidentify_clip(source, tmp_path / "out", "c1", PLAIN, key)
    movie = verify(manifest, tmp_path / "out")
    assert min(level(movie, 500), level(movie, 900)) == pytest.approx(0.2 / 2**0.5, rel=0.1)
    assert (
        manifest.sound["tracks"] == 3 and manifest.sound["used"] == [1, 2, 3] and manifest.sound["channels"] == [1] * 3
    )
    assert "its voice is sound tracks 1, 2 and 3 of 3, mixed" in manifest.notes
    assert "sound track 1 is silent from beginning to end" in manifest.notes
    assert load_manifest(tmp_path / "out" / "c1.manifest.json") == manifest


def test_the_track_that_is_asked_for_is_the_voice(with_sound, tmp_path, key):
    source = with_sound(tone(500), tone(900))
    manifest = deidentify_clip(source, tmp_path, "c1", dataclasses.replace(PLAIN, audio_track="2"), key)
    assert level(tmp_path / "c1.mp4", 900) == pytest.approx(0.2, rel=0.1) and level(tmp_path / "c1.mp4", 500) < 0.002
    assert manifest.sound["used"] == [2] and "its voice is sound track 2 of 2" in manifest.notes
    # The audit compares with the same track.
    result = check_clip(source, tmp_path / "c1.mp4", manifest, None)
    assert result.si_snr_db is not None and result.si_snr_db > 10
    with pytest.raises(UserError, match="has no sound track 3; it has 2"):
        deidentify_clip(source, tmp_path / "out", "c1", Settings(audio_track="3"), key)


def test_the_audit_compares_with_the_span_that_the_clip_is(with_sound, tmp_path, key):
    t = np.arange(19_200) / RATE
    source = with_sound((0.2 * np.sin(2 * np.pi * (200 * t + 2000 * t**2))).astype(np.float32))
    manifest = deidentify_clip(source, tmp_path, "c1", PLAIN, key, span=(0.2, 0.4), recording="r1")
    level_db = check_clip(source, tmp_path / "c1.mp4", manifest, None).si_snr_db
    assert level_db is not None and level_db > 10


def test_sound_that_stops_before_the_pictures_is_told(make_clip, tmp_path, key):
    for seconds, told in ((0.2, ["its sound ends 1.24 s before its pictures"]), (1.0, [])):
        source = make_clip(tmp_path / f"{seconds}.mp4", frames=15, seconds=seconds).path
        manifest = deidentify_clip(source, tmp_path / "out", f"c{seconds:.0f}", PLAIN, key)
        assert [note for note in manifest.notes if note.startswith("its sound ends")] == told


@pytest.mark.slow
def test_the_command_says_which_sound_it_took(with_sound, make_clip, tmp_path, monkeypatch, capsys):
    source, silent = with_sound(tone(500), tone(900)), make_clip(tmp_path / "silent.mp4", frames=4, seconds=0.0).path
    monkeypatch.setattr(
        sys,
        "argv",
        ["deidentify", str(source), str(silent), "--out", str(tmp_path / "out"), "--key_file", str(tmp_path / "k")],
    )
    assert cli.guarded(deidentify.main) == 0
    said = capsys.readouterr().out
    assert f"note: {source}: its voice is sound tracks 1 and 2 of 2, mixed" in said
    assert f"note: {silent}: it has no sound track: a silent film" in said
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--audio_track", "left"])
    assert cli.guarded(deidentify.main) == 2
    assert "audio_track 'left': give the number of a sound track" in capsys.readouterr().err


def test_a_silent_film_is_accepted_and_has_no_audio(make_clip, tmp_path, key):
    silent, out = make_clip(tmp_path / "silent.mp4", frames=6, seconds=0.0), tmp_path / "out"
    for settings, status in ((PLAIN, "done"), (PLAIN, "kept"), (Settings(audio_track="none"), "done")):
        (made,) = deidentify_all([silent.path], out, settings, key, clip_ids="stem")
        assert made.status == status
    manifest = load_manifest(out / "silent.manifest.json")
    assert manifest.silent and manifest.voice["method"] == "none" and manifest.sound["tracks"] == 0
    assert manifest.notes == ("it has no sound track: a silent film",)
    assert probe(out / "silent.mp4").streams == ("video/h264",)
    found = audit(out, source_dir=tmp_path).checks
    assert not found.failures and "not measured: no clip has sound" in found.table()
    record = record_of(out, manifest)
    assert record["mel"].shape == (0, 128, 204) and len(record["frames"]) == 2
    assert record["provenance"]["audio"] == "none"


def test_sound_is_left_out_when_asked(film, tmp_path, key):
    manifest = deidentify_clip(film, tmp_path, "c1", Settings(audio_track="none"), key)
    assert manifest.silent and manifest.sound["tracks"] == 1 and manifest.notes == ("its sound is left out, as asked",)
    assert sound_tracks(tmp_path / "c1.mp4") == ()
    assert check_clip(film, tmp_path / "c1.mp4", manifest, None).failures == ()


NO_VOICE = {
    "undecodable": (
        lambda make: undecodable(make(tone(500))),
        "has no sound track that can be decoded; .*--audio_track none",
    ),
    "asked for and undecodable": (lambda make: undecodable(make(tone(500))), "no decoder for sound track 1"),
    "24 ms": (lambda make: make(tone(500, 0.024)), r"24.0 ms of sound; at least 25 ms .*--audio_track none"),
    "a track without anything": (lambda make: make(None), "no sound between .* though there is a sound track"),
    "no numbers": (lambda make: make(tone(500) + np.float32(np.nan)), "19200 of 19200 samples are no numbers"),
}


@pytest.mark.parametrize("kind", NO_VOICE)
def test_sound_that_cannot_be_heard_is_not_taken_for_a_silent_film(with_sound, tmp_path, key, kind):
    make, words = NO_VOICE[kind]
    settings = Settings(audio_track="1" if "asked" in kind else "mix")
    with pytest.raises(UserError, match=words):
        deidentify_clip(make(with_sound), tmp_path / "out", "c1", settings, key)
    assert not (tmp_path / "out").exists()


def test_every_track_is_somebodys_microphone(with_sound):
    bursts = np.repeat([1.0, 0.0], 9600).astype(np.float32)
    two = with_sound(tone(500) * bursts, tone(900) * (1 - bursts))
    voice, heard = listen(two, Settings(audio_track="each"), 0.0, 60.0)
    mixed, together = listen(two, Settings(), 0.0, 60.0)
    np.testing.assert_array_equal(voice, mixed)
    assert heard.used == (1, 2) and heard.remarks[0].endswith("mixed, each with a voice of its own")
    assert together.turn is None and heard.turn[10] == 0 and heard.turn[110] == 1
    one = listen(with_sound(tone(500), name="one.mkv"), Settings(audio_track="each"), 0.0, 60.0)[1]
    assert one.turn is None and one.remarks == ()


def test_25_ms_are_enough(with_sound):
    voice, heard = listen(with_sound(tone(500, 0.025)), Settings(), 0.0, 60.0)
    assert voice is not None and voice.size == 400
    assert heard.seconds == 0.025 and heard.notes == ("audio zero-padded to 2 s before its spectrogram (0.025 s)",)
    _, heard = listen(with_sound(tone(500, 2.0)), Settings(), 0.0, 60.0)
    assert heard.notes == ()


def test_a_track_without_a_decoder_is_left_out_of_the_mix(with_sound, tmp_path, key):
    source = with_sound(tone(500), tone(900))
    data = source.read_bytes()
    at = data.index(b"A_PCM/FLOAT/IEEE")
    source.write_bytes(data[:at] + b"A_PCM/FLOOT/IEEE" + data[at + 16 :])
    manifest = deidentify_clip(source, tmp_path / "out", "c1", PLAIN, key)
    assert manifest.sound["used"] == [2] and "sound track 1 is left out: there is no decoder for it" in manifest.notes
    assert level(tmp_path / "out" / "c1.mp4", 900) == pytest.approx(0.2, rel=0.1)


def test_digital_silence_is_sound_and_told(with_sound, tmp_path, key):
    manifest = deidentify_clip(with_sound(0 * tone(500)), tmp_path / "out", "c1", Settings(), key)
    assert not manifest.silent and "the sound is silent from beginning to end" in manifest.notes
    assert probe(tmp_path / "out" / "c1.mp4").streams == ("video/h264", "audio/aac")
    assert record_of(tmp_path / "out", manifest)["mel"].shape == (2, 128, 204)


def test_a_silent_clip_with_sound_is_stopped_by_the_gate_and_the_audit(make_clip, tmp_path, key):
    silent = make_clip(tmp_path / "silent.mp4", frames=4, seconds=0.0)
    manifest = deidentify_clip(silent.path, tmp_path / "out", "c1", Settings(), key)
    movie = tmp_path / "out" / "c1.mp4"
    write_clip(movie, list(read_frames(movie)), 10, (speech(1.0), RATE))
    changed = dataclasses.replace(manifest, output_sha256=files.sha256(movie))
    files.write_json(tmp_path / "out" / "c1.manifest.json", changed.to_json())
    with pytest.raises(UserError, match=r"privacy gate: .*has a sound track, and its manifest knows of none"):
        record_of(tmp_path / "out", changed)
    assert "of a clip without sound" in check_clip(silent.path, movie, changed, None).failures[-1]


def test_an_attested_sound_of_many_channels_is_mixed(tmp_path):
    """The voice is on the last of 16."""
    sounds = {}
    for name, channels in (("many", 16), ("one", 1)):
        samples = np.zeros((RATE, channels), "<i2")
        samples[:, -1] = 32767 * speech(1.0)
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.tobytes())
        clip = Clip("c1", "v", "", 0.0, 1.0, "", (), "positive", "")
        trail = Provenance("none", "external: x", "not de-identified", "external")
        sounds[name] = make_record(Admitted(clip, trail, (), sound=tmp_path / f"{name}.wav"), 1, 1)["mel"]
    np.testing.assert_allclose(sounds["many"], sounds["one"], atol=0.05)


def test_manifests_of_earlier_versions_open_and_their_clips_are_kept(with_sound, film, tmp_path, key):
    """They know nothing of sound tracks: the first of several was taken without a word, and is not kept."""
    two = with_sound(tone(500), tone(900))
    for source, status in ((film, "kept"), (two, "done")):
        out = tmp_path / source.stem
        (made,) = deidentify_all([source], out, Settings(), key)
        path = out / f"{made.clip_id}.manifest.json"
        row = files.read_json(path)
        del row["sound"], row["settings"]["audio_track"]
        files.write_json(path, row)
        assert load_manifest(path).sound == {} and not load_manifest(path).silent
        (again,) = deidentify_all([source], out, Settings(), key)
        assert again.status == status

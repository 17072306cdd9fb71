"""One clip: everything about it decided from (settings, index), then rendered, or told as truth."""

import dataclasses
import functools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import signal

from deemo_jax.core.files import atomic
from deemo_jax.sample import cues as coin
from deemo_jax.sample import script, speech
from deemo_jax.sample.corpus_settings import CorpusSettings, clip_id, place
from deemo_jax.sample.cues import Cues, Tone
from deemo_jax.sample.identity import Identity, make_identity
from deemo_jax.sample.render import motion, scene
from deemo_jax.sample.render.camera import Camera, draw_camera
from deemo_jax.sample.render.phone_file import Metadata, write_mp4
from deemo_jax.sample.seeds import generator

SHORTEST_S, LONGEST_S = 2.5, 4.0  # length of a clip
# The voice cue: semitones above the speaker's own pitch, pitch range, words a minute (one scale for everybody).
PROSODY: dict[Tone, tuple[float, float, float]] = {
    Tone.POSITIVE: (4.5, 90.0, 210.0),
    Tone.NEUTRAL: (0.0, 50.0, 170.0),
    Tone.NEGATIVE: (-4.5, 12.0, 135.0),
}
# Time that a slow voice takes, seconds: for any sentence, and for each character of it. The shortest length of a clip
# follows from these, whatever its voice, so that lengths tell nothing of the voice.
_SLOW_S, _SLOW_CHARACTER_S = 0.30, 0.068
_SLOT_S = 9.0  # from the start of a clip's place in its recording to that of the next one


@dataclasses.dataclass(frozen=True, slots=True)
class ClipPlan:
    """All decisions about one clip; rendering adds nothing to it."""

    clip_id: str
    video_id: str
    identity: Identity
    emotion: str
    cues: Cues
    sentence: str
    pitch: float
    pitch_range: float
    rate: float
    start_s: float
    frames: int
    frame_rate: int
    motion: motion.Motion
    camera: Camera
    metadata: Metadata

    @property
    def duration_s(self) -> float:
        """Length of the clip, a whole number of frames."""
        return self.frames / self.frame_rate


def plan(settings: CorpusSettings, index: int) -> ClipPlan:
    """Decides the `index`-th clip of a corpus; clips do not depend on each other, nor on how many there are."""
    name = clip_id(settings.seed, index)
    rng = generator("clip", settings.seed, index)
    emotion, cues = coin.draw(rng)
    speaker, recording, cut = place(index)
    identity = make_identity(settings.seed, speaker)
    video_id = f"{identity.person_id}_v{recording:02d}"
    sentence = script.sentence(rng, cues.words, "sample")
    pitch, pitch_range, rate = PROSODY[cues.voice]
    shortest = max(SHORTEST_S, _SLOW_S + _SLOW_CHARACTER_S * len(sentence))
    frames = round(float(rng.uniform(shortest, LONGEST_S)) * settings.frame_rate)
    camera = draw_camera(generator("camera", settings.seed, video_id), settings.width, settings.height)
    return ClipPlan(
        clip_id=name,
        video_id=video_id,
        identity=identity,
        emotion=emotion,
        cues=cues,
        sentence=sentence,
        pitch=round(pitch + float(rng.uniform(-0.5, 0.5)), 3),
        pitch_range=pitch_range,
        rate=round(rate * float(rng.uniform(0.97, 1.03)), 2),
        start_s=round(_SLOT_S * cut + float(rng.uniform(0, _SLOT_S - LONGEST_S)), 3),
        frames=frames,
        frame_rate=settings.frame_rate,
        motion=motion.draw_motion(rng, cues.body, frames / settings.frame_rate, identity.set.microphone),
        camera=dataclasses.replace(
            camera,
            x=round(camera.x + float(rng.uniform(-2, 2)), 3),
            gain=round(camera.gain * float(rng.uniform(0.96, 1.04)), 4),
            noise_seed=index,
        ),
        metadata=_metadata(rng, identity),
    )


@functools.lru_cache(maxsize=2)
def sound(clip: ClipPlan) -> tuple[Float[np.ndarray, " n"], int, list[speech.Word]]:
    """The clip's sound track: speech somewhere in the noise of a room; samples, their rate, the words' times."""
    rng = generator("sound", clip.clip_id)
    rate = clip.rate
    while True:
        spoken, sample_rate, words = speech.speak(
            clip.sentence, clip.identity.voice, clip.pitch, rate, clip.pitch_range
        )
        spare = round(clip.duration_s * sample_rate) - len(spoken)
        if spare >= 0.1 * sample_rate:
            break
        rate *= 1.05  # the sentence takes longer than its letters let expect
    onset = int(spare * rng.uniform(0.15, 0.85))
    hiss = rng.standard_normal(len(spoken) + spare).astype(np.float32)
    track = signal.lfilter([1.0], [1.0, -0.93], hiss).astype(np.float32)
    track *= np.float32(rng.uniform(0.0005, 0.0015) / track.std())
    track[onset : onset + len(spoken)] += spoken * np.float32(rng.uniform(0.75, 1.2))
    shift = onset / sample_rate
    times = [speech.Word(word.start_s + shift, word.end_s + shift, word.text) for word in words]
    return np.clip(track, -0.98, 0.98), sample_rate, times


@functools.lru_cache(maxsize=2)
def film(clip: ClipPlan) -> scene.Film:
    """The clip's pictures, and where face and hands are in them."""
    poses = [clip.motion.pose(index / clip.frame_rate) for index in range(clip.frames)]
    return scene.Film(clip.identity, clip.camera, poses)


def render(clip: ClipPlan, path: Path) -> None:
    """Writes the MP4, whole or not at all."""
    samples, rate, _ = sound(clip)
    frames = map(film(clip).frame, range(clip.frames))
    with atomic(path) as temporary:
        write_mp4(temporary, frames, Fraction(clip.frame_rate), samples, rate, clip.metadata)


def truth(clip: ClipPlan) -> dict[str, Any]:
    """The annotation row: a clip record, and what only an invented clip can know.

    Beside the keys of `schema.Clip`: `faces` (tight box of every frame, pixels), `hands` (left x, y, right x, y of the
    palms in every frame, shares of width and height), `words` (with times), `cues`, `planted` (metadata strings).
    """
    _, _, words = sound(clip)
    placement = film(clip).placement
    return {
        "clip_id": clip.clip_id,
        "video_id": clip.video_id,
        "person_id": clip.identity.person_id,
        "start_s": clip.start_s,
        "end_s": round(clip.start_s + clip.duration_s, 3),
        "transcript": clip.sentence,
        "nfbl": [dataclasses.asdict(segment) for segment in clip.motion.segments()],
        "emotion": clip.emotion,
        "reasoning": script.reasoning(clip.cues),
        "file": f"clips/{clip.clip_id}.mp4",
        "frame_rate": clip.frame_rate,
        "cues": {name: str(tone) for name, tone in dataclasses.asdict(clip.cues).items()},
        "words": [
            {"start_s": round(word.start_s, 3), "end_s": round(word.end_s, 3), "text": word.text} for word in words
        ],
        "faces": [[round(value, 2) for value in box] for box in placement.faces.tolist()],
        "hands": [[round(value, 4) for point in pair for value in point] for pair in placement.palms.tolist()],
        "planted": sorted(
            {*dict(clip.metadata.container).values(), clip.metadata.video_handler, clip.metadata.audio_handler}
        ),
    }


def _metadata(rng: np.random.Generator, identity: Identity) -> Metadata:
    """What a careless phone writes: who, where, when, and how to reach them. All of it invented."""
    first = identity.name.split()[0]
    place = f"{rng.uniform(-60, 60):+08.4f}{rng.uniform(-179, 179):+09.4f}/"
    day = f"2024-{int(rng.integers(1, 13)):02d}-{int(rng.integers(1, 29)):02d}"
    return Metadata(
        container=tuple(
            {
                "title": f"Interview with {identity.name}",
                "artist": f"{identity.name} (own recording)",
                "comment": f"call {first} on 555-01{int(rng.integers(100)):02d}, {first.lower()}@example.org",
                "location": place,
                "com.apple.quicktime.location.ISO6709": place,
                "date": f"{day}T{int(rng.integers(8, 22)):02d}:{int(rng.integers(60)):02d}:00",
            }.items()
        ),
        video_handler=f"{identity.name} back camera",
        audio_handler=f"{identity.name} lapel microphone",
    )

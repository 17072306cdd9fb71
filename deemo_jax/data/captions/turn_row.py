"""A row of instruction data: media, and what is asked about it and answered, checked before it is stored."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deemo_jax.core.schema import is_whole
from deemo_jax.data.captions.rows import MOST_NAME, CaptionRow
from deemo_jax.data.captions.skips import SkipKind

# Characters of one question or answer, and turns, at most. LLaVA's longest answers have some 3,000 characters, and a
# sequence holds fewer than 2,000 tokens.
MOST_CHARACTERS = 16_384
MOST_TURNS = 64
# The mark of a picture's, and of a film's, place in questions of LLaVA's form.
PICTURE, FILM = "<image>", "<video>"
# What may stand around a name of media: Video-LLaMA's annotations leave out the beginning that COCO's files of 2014
# have, and those of AffectGPT and Emotion-LLaMA the endings of films.
BEGINNINGS = ("COCO_train2014_",)
ENDINGS = (".mp4", ".avi", ".mkv", ".webm")


@dataclasses.dataclass(frozen=True, slots=True)
class TurnRow(CaptionRow):
    """Media with questions and answers; `caption` stays empty.

    Attributes:
        turns: question and answer in turn; a single question that is empty stands for that of the recipe.
        picture_at: see `deemo_jax.core.schema.Conversation`.
        transcript: what is said in the film; empty when unknown.
    """

    turns: tuple[tuple[str, str], ...] = ()
    picture_at: int = -1
    transcript: str = ""

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "TurnRow":
        """Reads what `dataclasses.asdict` and JSON gave."""
        return cls(**{**row, "turns": tuple((question, answer) for question, answer in row["turns"])})

    def cleaned(self, clean: Callable[[str], str]) -> "TurnRow":
        """The row itself: questions and answers are stored as they are."""
        return self

    def text_trouble(self) -> SkipKind | None:
        """What is wrong with the turns; None where they can be stored."""
        texts = [text for turn in self.turns for text in turn]
        if not self.turns:
            return SkipKind.BAD_TURNS
        if not all(answer.strip() for _, answer in self.turns):
            return SkipKind.EMPTY_TURN
        if not all(question.strip() for question, _ in self.turns) and (len(self.turns) > 1 or self.turns[0][0]):
            return SkipKind.EMPTY_TURN
        if len(self.turns) > MOST_TURNS or max(map(len, [*texts, self.transcript])) > MOST_CHARACTERS:
            return SkipKind.LONG_TURNS
        if not all(map(is_whole, [*texts, self.transcript])):
            return SkipKind.BROKEN_TURNS
        return SkipKind.PICTURE_PLACE if any(PICTURE in text or FILM in text for text in texts) else None

    def places(self) -> tuple[str, ...]:
        """Paths at which the media may lie, within the folder of media; the first that is there is taken."""
        folder, slash, name = self.media.rpartition("/")
        named = (f"{folder}{slash}{beginning}{name}" for beginning in BEGINNINGS)
        return (self.media, *named, *(self.media + ending for ending in ENDINGS))

    def texts(self) -> dict[str, Any]:
        """What is stored of the row beside its media."""
        turns = [{"question": question, "answer": answer} for question, answer in self.turns]
        return {"turns": turns, "picture_at": self.picture_at, "transcript": self.transcript}


def turn_row(
    name: str, media: str, turns: Sequence[tuple[str, str]], picture_at: int = -1, transcript: str = ""
) -> TurnRow:
    """A row whose id is a name and a hash of the rest: LLaVA asks about one picture in up to three rows of one id."""
    said = json.dumps([media, *turns, transcript]).encode()
    clip_id = f"{name[: MOST_NAME - 9]}-{hashlib.sha256(said).hexdigest()[:8]}"
    return TurnRow(clip_id, media, "", turns=tuple(turns), picture_at=picture_at, transcript=transcript)

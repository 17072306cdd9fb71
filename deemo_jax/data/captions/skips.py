"""Why a row of captions or instructions has no record; every skipped row is counted under one of these kinds."""

import enum


class SkipKind(enum.StrEnum):
    """What is wrong with a row, its texts or its media; the value is shown to people."""

    BAD_ROW = "bad row"
    DUPLICATE = "duplicate id"
    NO_CAPTION = "no caption"
    LONG_CAPTION = "caption too long"
    BROKEN_CAPTION = "caption of broken text"
    BAD_TURNS = "turns out of order"
    EMPTY_TURN = "empty question or answer"
    LONG_TURNS = "question or answer too long, or too many"
    BROKEN_TURNS = "question or answer of broken text"
    PICTURE_PLACE = "mark of a picture out of place"
    UNSAFE_PATH = "path leads out of the folder"
    NO_FILE_MEMBER = "tar member is no plain file"
    BROKEN_ARCHIVE = "tar breaks off"
    MISSING = "media missing"
    EMPTY = "media empty"
    NO_MEDIA = "no readable media"
    NO_PICTURE = "no picture in it"
    TOO_LARGE = "media too large"
    TRUNCATED = "media truncated"
    DAMAGED = "media damaged"
    CRASHED = "reading it failed"

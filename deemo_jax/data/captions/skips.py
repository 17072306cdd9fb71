"""Why a row of a caption dataset has no record; every skipped row is counted under one of these kinds."""

import enum


class SkipKind(enum.StrEnum):
    """What is wrong with a row, its caption or its media; the value is shown to people."""

    BAD_ROW = "bad row"
    DUPLICATE = "duplicate id"
    NO_CAPTION = "no caption"
    LONG_CAPTION = "caption too long"
    BROKEN_CAPTION = "caption of broken text"
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

"""At which clip time each piece of a sound track begins: by its timestamp, where that can be true."""

from collections.abc import Callable, Iterable, Iterator

from deemo_jax.media.sound.track_decoder import Piece, Tally

# Gaps and overlaps up to this length come from the rounding of timestamps to the container's clock.
JITTER_S = 0.005
# By how much the length of a gap may be wrong: Matroska rounds both of its ends to milliseconds.
ROUNDING_S = 0.0011
# A longer silence is believed only where the film goes on beyond it.
LONG_GAP_S = 10.0
# Timestamps earlier than this before the first picture, or than this before the end of the sound so far, are not
# believed: a clock was set back.
MOST_EARLY_S = 60.0
MOST_OVERLAP_S = 1.0


def placed(
    track: Iterable[Piece], origin_s: float, start_s: float, film_end_s: Callable[[], float | None], tally: Tally
) -> Iterator[tuple[float, Piece]]:
    """Yields each piece with the clip time at which it begins.

    A piece begins where the one before it ends, unless its timestamp differs, the timestamp of the next piece agrees
    with it, and the time can be true; then there is a gap or an overlap. Gaps, and timestamps that are not believed,
    are counted in `tally`.

    Args:
        track: the pieces in order.
        origin_s: the container's clock at clip time 0, seconds.
        start_s: clip time from which the track is read.
        film_end_s: gives the clip time of the last picture, None where there is none; called only where it decides.
        tally: kept up to date.
    """
    end_s: float | None = None
    for piece, after in _with_next(track):
        stated = None if piece.time_s is None else piece.time_s - origin_s
        follows = None if after is None or after.time_s is None else after.time_s - origin_s - piece.lasts_s
        agreed = stated if stated is None or follows is None or abs(follows - stated) <= JITTER_S else None
        if end_s is None:
            told = (t for t in (agreed, follows, stated) if t is not None)
            at = next((t for t in told if _can_be_true(t, -MOST_EARLY_S, start_s, film_end_s)), start_s)
        elif agreed is None or abs(agreed - end_s) <= JITTER_S:
            at = end_s
        else:
            at = end_s
            if _can_be_true(agreed, end_s - MOST_OVERLAP_S, end_s, film_end_s):
                at += _whole_pieces(agreed - end_s, piece.lasts_s)
            tally.gaps += at > end_s
            tally.gap_s += max(0.0, at - end_s)
        tally.doubted += stated is not None and abs(at - stated) > MOST_OVERLAP_S
        end_s = at + piece.lasts_s
        yield at, piece


def _whole_pieces(gap_s: float, piece_s: float) -> float:
    """The exact length of a gap: a whole number of pieces where that is within the rounding of timestamps."""
    exact_s = round(gap_s / piece_s) * piece_s
    return exact_s if exact_s > 0 and abs(exact_s - gap_s) <= ROUNDING_S else gap_s


def _can_be_true(time_s: float, earliest_s: float, expected_s: float, film_end_s: Callable[[], float | None]) -> bool:
    """Whether a clip time is believed: not before `earliest_s`, and far behind `expected_s` only within the film."""
    if time_s <= expected_s + LONG_GAP_S:
        return time_s >= earliest_s
    film_end = film_end_s()
    return film_end is not None and time_s <= film_end


def _with_next(track: Iterable[Piece]) -> Iterator[tuple[Piece, Piece | None]]:
    """Each piece with the one behind it; None behind the last."""
    before: Piece | None = None
    for piece in track:
        if before is not None:
            yield before, piece
        before = piece
    if before is not None:
        yield before, None

"""McAdams voice anonymisation: moves the formants and keeps words and prosody.

Patino et al., "Speaker anonymisation using the McAdams coefficient" (arXiv 2011.01130), written from the description:
linear prediction splits each short frame into a vocal tract filter and a residual; the angle phi of every complex pole
becomes phi ** alpha; the residual then drives the moved filter. Loudness is kept, since it tells of emotion.
Axes: n samples, F frames, L frame length, P order, P1 = P + 1.
"""

import numpy as np
from jaxtyping import Complex, Float

# Seconds between two frames; a frame is twice as long.
HOP_S = 0.010
# Of the linear prediction.
ORDER = 20
# Greatest radius of a pole: a filter with a pole on the unit circle would not decay.
MAX_RADIUS = 1 - 1e-9
# Frames that are changed at once; bounds the memory.
BLOCK_FRAMES = 2048
# Greatest sample of the result, unless the original has a greater one.
PEAK = 0.999


def mcadams(waveform: Float[np.ndarray, " n"], alpha: float, sample_rate: int = 16_000) -> Float[np.ndarray, " n"]:
    """The waveform in another voice, as loud as before; alpha 1 gives it back.

    Angles are radians per sample, so a formant at `sample_rate` / (2 pi) stays: at 16 kHz alpha < 1 lowers the formants
    above 2.5 kHz and raises those below. Beside the result, memory is needed for a block of frames only.

    Args:
        waveform: mono, in [-1, 1]; samples that are not finite count as silence.
        alpha: above 0, usually in [0.5, 1); 1 / alpha undoes the change as far as possible.
        sample_rate: Hz.

    Returns:
        float32 (n,), peak at most 1.
    """
    clean = np.asarray(waveform, np.float32)
    if not np.isfinite(clean).all():
        clean = np.nan_to_num(clean, nan=0.0, posinf=0.0, neginf=0.0)
    hop = round(HOP_S * sample_rate)
    length = 2 * hop
    # Periodic Hann windows add up to one at half overlap; their root is applied before and after the change.
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length))
    count = -(-clean.size // hop) + 1
    # Frame i covers hops i - 1 and i of the waveform.
    changed = np.zeros((count + 1) * hop, np.float32)
    for start in range(0, count, BLOCK_FRAMES):
        stop = min(start + BLOCK_FRAMES, count)
        first, last = (start - 1) * hop, stop * hop
        inside = clean[max(first, 0) : last].astype(np.float64)
        padded = np.pad(inside, (max(-first, 0), max(last - clean.size, 0)))
        block = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop] * window
        voiced = np.abs(block).max(axis=1) > 0
        block[voiced] = _move_poles(block[voiced], alpha) * window
        for i, row in enumerate(block, start):
            changed[i * hop : i * hop + length] += row
    return as_loud(changed[hop : hop + clean.size], clean)


def _move_poles(frames: Float[np.ndarray, "F L"], alpha: float) -> Float[np.ndarray, "F L"]:
    """Frames with their formants moved, each as loud as before."""
    if not len(frames):
        return frames
    old = burg(frames, ORDER)
    new = _polynomial(move_angles(_poles(old), alpha))
    changed = _synthesise(_residual(frames, old), new)
    # A moved filter may be much louder or softer, so each frame is scaled back to its level.
    before, after = (np.linalg.norm(x, axis=1, keepdims=True) for x in (frames, changed))
    return changed * np.divide(before, after, out=np.zeros_like(after), where=after > 0)


def burg(frames: Float[np.ndarray, "F L"], order: int) -> Float[np.ndarray, "F P1"]:
    """Coefficients 1, a_1 .. a_P of the linear prediction of each frame, by Burg's method: the filters are stable."""
    forward, backward = frames[:, 1:], frames[:, :-1]
    coefficients = np.zeros((len(frames), order + 1))
    coefficients[:, 0] = 1.0
    for step in range(1, order + 1):
        power = np.einsum("fl,fl->f", forward, forward) + np.einsum("fl,fl->f", backward, backward)
        cross = -2.0 * np.einsum("fl,fl->f", forward, backward)
        reflection = np.divide(cross, power, out=np.zeros_like(cross), where=power > 1e-30)[:, None]
        mirrored = coefficients[:, step::-1]
        coefficients[:, : step + 1] = coefficients[:, : step + 1] + reflection * mirrored
        forward, backward = (forward + reflection * backward)[:, 1:], (backward + reflection * forward)[:, :-1]
    return coefficients


def _poles(coefficients: Float[np.ndarray, "F P1"]) -> Complex[np.ndarray, "F P"]:
    """The poles of prediction filters: eigenvalues of their companion matrices."""
    order = coefficients.shape[1] - 1
    companion = np.zeros((len(coefficients), order, order))
    companion[:, 0] = -coefficients[:, 1:]
    companion[:, np.arange(1, order), np.arange(order - 1)] = 1.0
    return np.linalg.eigvals(companion).astype(np.complex128)


def move_angles(poles: Complex[np.ndarray, "F P"], alpha: float) -> Complex[np.ndarray, "F P"]:
    """Raises the angles of complex poles to the power `alpha`, at most to pi; radii and real poles stay."""
    angle = np.angle(poles)
    moved = np.where(poles.imag == 0, angle, np.sign(angle) * np.minimum(np.abs(angle) ** alpha, np.pi))
    return np.minimum(np.abs(poles), MAX_RADIUS) * np.exp(1j * moved)


def _polynomial(poles: Complex[np.ndarray, "F P"]) -> Float[np.ndarray, "F P1"]:
    """The coefficients of filters with these poles: the inverse of `_poles`."""
    coefficients = np.zeros((len(poles), poles.shape[1] + 1), np.complex128)
    coefficients[:, 0] = 1.0
    for k in range(poles.shape[1]):
        coefficients[:, 1 : k + 2] = coefficients[:, 1 : k + 2] - poles[:, k : k + 1] * coefficients[:, : k + 1]
    # Complex poles come in conjugate pairs, so the imaginary part is rounding error.
    return coefficients.real


def _residual(frames: Float[np.ndarray, "F L"], coefficients: Float[np.ndarray, "F P1"]) -> Float[np.ndarray, "F L"]:
    """What the prediction of each frame leaves over."""
    residual = np.zeros_like(frames)
    length = frames.shape[1]
    for k in range(coefficients.shape[1]):
        residual[:, k:] += coefficients[:, k : k + 1] * frames[:, : length - k]
    return residual


def _synthesise(
    residual: Float[np.ndarray, "F L"], coefficients: Float[np.ndarray, "F P1"]
) -> Float[np.ndarray, "F L"]:
    """Residuals through the all-pole filters of their frames; all frames at once, sample by sample."""
    order = coefficients.shape[1] - 1
    output = np.zeros((len(residual), order + residual.shape[1]))
    taps = coefficients[:, :0:-1]
    for n in range(residual.shape[1]):
        output[:, order + n] = residual[:, n] - np.einsum("fp,fp->f", taps, output[:, n : n + order])
    return output[:, order:]


def as_loud(changed: Float[np.ndarray, " n"], original: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Scales a waveform, in place, to the root mean square of the original; less where its peak would be too high."""
    before, after = (np.sqrt(np.einsum("n,n->", x, x, dtype=np.float64) / max(x.size, 1)) for x in (original, changed))
    gain = before / after if after > 0 else 0.0
    peak, limit = _peak(changed) * gain, max(PEAK, _peak(original))
    changed *= gain * min(1.0, limit / peak) if peak > 0 else 0.0
    return changed


def _peak(waveform: Float[np.ndarray, " n"]) -> float:
    return max(float(waveform.max(initial=0.0)), -float(waveform.min(initial=0.0)))

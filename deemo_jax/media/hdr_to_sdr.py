"""From HDR (PQ, HLG) and wide colours (BT.2020, P3) to what an ordinary screen shows: BT.709, 8 bits.

Three steps: signal to linear light, the primaries of one colour space to those of another, linear light to signal. The
first and the last are lookup tables. Light above an ordinary screen's white is compressed towards it, each colour
channel by itself, instead of being clipped.

Axes: H height, W width, C codes of 16 bits.
"""

import enum
import functools

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from jaxtyping import Float, Float32, UInt8, UInt16

# Candela per square metre (nits) of white paper in HDR, by BT.2408. Light is counted as a share of it.
WHITE_NITS = 203.0
# Light up to KNEE times white is not changed; what is brighter is compressed, so that PEAK_NITS, the brightest that HLG
# can say, becomes the screen's white.
KNEE, PEAK_NITS = 0.8, 1000.0
# Exponents from signal to light: of an ordinary screen (BT.1886), and the one that HLG adds between scene and screen
# (BT.2100).
GAMMA, HLG_GAMMA = 2.4, 1.2
# FFmpeg's code for a colour matrix that the file does not name (AVCOL_SPC_UNSPECIFIED).
UNSPECIFIED = 2

# Matrices from linear light of one set of primaries to that of BT.709's, all with D65 as white: from BT.2020 (BT.2087)
# and from P3. BRIGHTNESS gives the luminance of BT.2020's primaries.
BT2020_TO_BT709 = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))
P3_TO_BT709 = ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979))
BT2020_BRIGHTNESS = ((0.2627, 0.6780, 0.0593),)


class Light(enum.Enum):
    """What the numbers of a picture mean.

    STANDARD: BT.709 or near it. BT2020, P3: wider primaries, ordinary brightness. PQ, HLG: HDR, of BT.2020's primaries.
    """

    STANDARD = "standard"
    BT2020 = "BT.2020"
    P3 = "P3"
    PQ = "PQ"
    HLG = "HLG"

    @property
    def is_high(self) -> bool:
        """Whether it is HDR, brighter than an ordinary screen's white."""
        return self in HIGH.values()


HIGH: dict[int, Light] = {ColorTrc.SMPTE2084: Light.PQ, ColorTrc.ARIB_STD_B67: Light.HLG}
WIDE: dict[int, Light] = {
    ColorPrimaries.BT2020: Light.BT2020,
    ColorPrimaries.SMPTE431: Light.P3,
    ColorPrimaries.SMPTE432: Light.P3,
}


def light_of(picture: "av.VideoFrame") -> Light:
    """What a decoded frame says of its colours; an HDR frame that names no matrix is given BT.2020's, in place."""
    high = HIGH.get(picture.color_trc)
    if high is None:
        return WIDE.get(picture.color_primaries, Light.STANDARD)
    if picture.colorspace == UNSPECIFIED:
        picture.colorspace = Colorspace.BT2020
    return high


def to_bt709(codes: UInt16[np.ndarray, "H W 3"], light: Light) -> UInt8[np.ndarray, "H W 3"]:
    """A picture in other colours as BT.709.

    Args:
        codes: RGB, full range.
        light: what they mean; not STANDARD.
    """
    linear: Float32[np.ndarray, "H W 3"] = cv2.LUT(codes, _to_light(light))
    if light is Light.HLG:
        brightness: Float32[np.ndarray, "H W"] = cv2.transform(linear, np.array(BT2020_BRIGHTNESS, np.float32))
        linear *= cv2.pow(brightness, HLG_GAMMA - 1)[..., None] * np.float32(PEAK_NITS / WHITE_NITS)
    matrix = np.array(P3_TO_BT709 if light is Light.P3 else BT2020_TO_BT709, np.float32)
    linear = np.clip(cv2.transform(linear, matrix), 0, PEAK_NITS / WHITE_NITS)
    # The second table is indexed by square roots of light: they lie closer together in the dark, where eyes see more.
    roots = np.sqrt(linear, out=linear) * np.float32(65535 / (PEAK_NITS / WHITE_NITS) ** 0.5) + np.float32(0.5)
    toned: UInt8[np.ndarray, "H W 3"] = cv2.LUT(roots.astype(np.uint16), _to_screen(light.is_high))
    return toned


@functools.cache
def _to_light(light: Light) -> Float32[np.ndarray, "1 C"]:
    """Linear light of each code as a share of white; for HLG, light of the scene as a share of the brightest."""
    code = np.arange(1 << 16) / 65535
    if light is Light.PQ:
        linear = pq_nits(code) / WHITE_NITS
    elif light is Light.HLG:
        linear = hlg_scene(code)
    else:
        linear = code**GAMMA
    return linear.astype(np.float32)[None]


@functools.cache
def _to_screen(rolls_off: bool) -> UInt8[np.ndarray, "1 C"]:
    """The screen's signal for each square root of light, from none to PEAK_NITS.

    Args:
        rolls_off: whether light above KNEE is compressed, else it is clipped at white.
    """
    peak = PEAK_NITS / WHITE_NITS
    light = peak * (np.arange(1 << 16) / 65535) ** 2
    if rolls_off:
        # Reinhard's extended tone curve above the knee: slope 1 at the knee, white at the peak.
        above, most = (np.maximum(x - KNEE, 0) / (1 - KNEE) for x in (light, peak))
        light = np.minimum(light, KNEE) + (1 - KNEE) * above * (1 + above / most**2) / (1 + above)
    return np.round(255 * np.clip(light, 0, 1) ** (1 / GAMMA)).astype(np.uint8)[None]


def pq_nits(code: Float[np.ndarray, "*codes"]) -> Float[np.ndarray, "*codes"]:
    """Candela per square metre of a PQ signal in [0, 1] (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 107 / 128, 2413 / 128, 2392 / 128
    root = np.asarray(code, np.float64) ** (1 / m2)
    return 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def hlg_scene(code: Float[np.ndarray, "*codes"]) -> Float[np.ndarray, "*codes"]:
    """Light of the scene, as a share of the brightest, of an HLG signal in [0, 1] (BT.2100)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    code = np.asarray(code, np.float64)
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)

"""The three networks of MTCNN, in NumPy, with the weights that the wheel of facenet-pytorch holds.

Zhang et al., "Joint Face Detection and Alignment Using Multi-task Cascaded Convolutional Networks" (2016), Fig. 2. The
package is not imported, and its files are read by a reader that runs no code, so that PyTorch is not needed.
Axes: N pictures, H height, W width, C channels, D channels out, P positions.
"""

import dataclasses
import functools
import io
import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

from deemo_jax.conversion.io.old_pickles import read_old_form
from deemo_jax.core.packaged_files import PackagedFile

REQUIREMENT = "facenet-pytorch==2.6.0"
# Numbers of the matrix that a convolution multiplies at a time, at most: 64 MiB.
MOST_NUMBERS = 1 << 24


def _file(name: str, sha256: str) -> PackagedFile:
    return PackagedFile("MTCNN", f"facenet_pytorch/data/{name}.pt", sha256, REQUIREMENT)


@dataclasses.dataclass(frozen=True, slots=True)
class Network:
    """The form of one of the networks.

    Attributes:
        side: of the pictures that it judges, pixels.
        pools: side of the max pooling after each convolution, with stride 2; 0 for none.
        dense: layer after these, which sees the whole picture; empty where there is none.
        face: layer of the two logits, no face and face.
        box: layer of the four numbers by which the box moves, in widths and heights of the box.
        file: its weights.
    """

    side: int
    pools: tuple[int, ...]
    dense: str
    face: str
    box: str
    file: PackagedFile


PROPOSE = Network(
    *(12, (2, 0, 0), "", "conv4_1", "conv4_2"),
    _file("pnet", "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f"),
)
REFINE = Network(
    *(24, (3, 3, 0), "dense4", "dense5_1", "dense5_2"),
    _file("rnet", "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86"),
)
OUTPUT = Network(
    *(48, (3, 3, 2, 0), "dense5", "dense6_1", "dense6_2"),
    _file("onet", "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d"),
)


@functools.cache
def published_weights(network: Network) -> Mapping[str, np.ndarray]:
    """The weights of a network by their names, float32, read once a process.

    Raises:
        UserError: facenet-pytorch's wheel is not installed, or its file is another one.
    """
    return read_old_form(io.BytesIO(network.file.read()))


def answers(
    network: Network, weights: Mapping[str, np.ndarray], pictures: Float32[np.ndarray, "N H W 3"]
) -> tuple[Float32[np.ndarray, " P"], Float32[np.ndarray, "P 4"]]:
    """What a network says of pictures; the one without a dense layer says it of every second pixel of them.

    Args:
        network: its form.
        weights: name -> float32, in PyTorch's order of axes.
        pictures: RGB from -1 to 1; of the network's side where it has a dense layer.

    Returns:
        The probability of a face, and how the corners (x0, y0, x1, y1) of its box move; P is N, or N times the
        positions, row by row.
    """
    values = pictures
    for place, pool in enumerate(network.pools, start=1):
        values = _rectified(_convolved(values, weights, f"conv{place}"), weights[f"prelu{place}.weight"])
        values = _pooled(values, pool) if pool else values
    if network.dense:
        # The published weights count the columns of a picture before its rows, and its channels last.
        values = _linear(values.transpose(0, 2, 1, 3).reshape(len(values), -1), weights, network.dense)
        values = _rectified(values, weights[network.dense.replace("dense", "prelu") + ".weight"])
    values = values.reshape(-1, values.shape[-1])
    logits = _linear(values, weights, network.face)
    # The softmax of two logits; clipped where it is as good as 0 or 1, so that exp() does not overflow.
    faces = 1 / (1 + np.exp(np.clip(logits[:, 0] - logits[:, 1], -80, 80)))
    return faces, _linear(values, weights, network.box)


def _convolved(
    values: Float32[np.ndarray, "N H W C"], weights: Mapping[str, np.ndarray], layer: str
) -> Float32[np.ndarray, "N h w D"]:
    """A convolution without padding, by matrix products over bands of rows."""
    kernel = weights[f"{layer}.weight"]
    side = kernel.shape[-1]
    matrix = kernel.reshape(len(kernel), -1).T
    windows = np.lib.stride_tricks.sliding_window_view(values, (side, side), axis=(1, 2))
    count, height, width = windows.shape[:3]
    rows = max(1, MOST_NUMBERS // max(1, count * width * len(matrix)))
    bands = [
        windows[:, top : top + rows].reshape(count, -1, width, len(matrix)) @ matrix for top in range(0, height, rows)
    ]
    return np.concatenate(bands, axis=1) + weights[f"{layer}.bias"]


def _linear(
    values: Float32[np.ndarray, "P C"], weights: Mapping[str, np.ndarray], layer: str
) -> Float32[np.ndarray, "P D"]:
    kernel = weights[f"{layer}.weight"]
    return values @ kernel.reshape(len(kernel), -1).T + weights[f"{layer}.bias"]


def _rectified(values: Float32[np.ndarray, "*P C"], slopes: Float32[np.ndarray, " C"]) -> Float32[np.ndarray, "*P C"]:
    """PReLU: negative values times the slope of their channel."""
    return np.maximum(values, 0) + slopes * np.minimum(values, 0)


def _pooled(values: Float32[np.ndarray, "N H W C"], side: int) -> Float32[np.ndarray, "N h w C"]:
    """Max pooling with stride 2; windows that begin within the picture and reach beyond it count."""
    height, width = (math.ceil((length - side) / 2) + 1 for length in values.shape[1:3])
    beyond = [(0, max(0, 2 * (n - 1) + side - m)) for n, m in zip((height, width), values.shape[1:3], strict=True)]
    padded = np.pad(values, [(0, 0), *beyond, (0, 0)], constant_values=-np.inf)
    shifted = [
        padded[:, y : y + 2 * height - 1 : 2, x : x + 2 * width - 1 : 2] for y in range(side) for x in range(side)
    ]
    return functools.reduce(np.maximum, shifted)

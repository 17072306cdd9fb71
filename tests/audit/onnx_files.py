"""Small ONNX files written by hand (no onnx package): enough of the format for real networks that OpenCV runs."""

import struct
from collections.abc import Sequence

import numpy as np


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def tensor(name: str, array: np.ndarray) -> bytes:
    kind = 1 if array.dtype == np.float32 else 7
    head = b"".join(_number(1, side) for side in array.shape) + _number(2, kind)
    return head + _text(8, name) + _text(9, array.tobytes())


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: int | float | list[int]) -> bytes:
    """A node; attributes are whole numbers, lists of them, or floats."""
    body = b"".join(_text(1, name) for name in inputs) + b"".join(_text(2, name) for name in outputs)
    body += _text(3, outputs[0]) + _text(4, kind)
    for name, value in attributes.items():
        if isinstance(value, float):
            packed = _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
        elif isinstance(value, int):
            packed = _number(3, value) + _number(20, 2)
        else:
            packed = b"".join(_number(8, item) for item in value) + _number(20, 7)
        body += _text(5, _text(1, name) + packed)
    return body


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sides = b"".join(_text(1, _number(1, side) if isinstance(side, int) else _text(2, side)) for side in shape)
    return _text(1, name) + _text(2, _text(1, _number(1, 1) + _text(2, sides)))


def model(
    nodes: Sequence[bytes],
    weights: Sequence[bytes],
    inputs: dict[str, Sequence[int | str]],
    outputs: dict[str, Sequence[int | str]],
) -> bytes:
    """The bytes of a model of opset 11."""
    graph = b"".join(_text(1, n) for n in nodes) + _text(2, "graph") + b"".join(_text(5, w) for w in weights)
    graph += b"".join(_text(11, _value(*item)) for item in inputs.items())
    graph += b"".join(_text(12, _value(*item)) for item in outputs.items())
    return _number(1, 7) + _text(7, graph) + _text(8, _text(1, "") + _number(2, 11))


def average_embedder() -> bytes:
    """RGB 1x3x112x112 to 3 x 4 x 4 averages, as one vector of 48."""
    nodes = [
        node("AveragePool", ["image"], ["cells"], kernel_shape=[28, 28], strides=[28, 28]),
        node("Flatten", ["cells"], ["vector"], axis=1),
    ]
    return model(nodes, [], {"image": (1, 3, 112, 112)}, {"vector": (1, 48)})


def bright_yunet() -> bytes:
    """YuNet's inputs and outputs around a network that takes what is bright for a face: one box a cell."""
    nodes, weights, outputs = [], [], {}
    for stride in (8, 16, 32):
        nodes.append(node("AveragePool", ["input"], [f"mean{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2))
        for kind, channels, gain in (("cls", 1, 1 / 765), ("obj", 1, 1 / 765), ("bbox", 4, 0.0), ("kps", 10, 0.0)):
            name = f"{kind}_{stride}"
            weights.append(tensor(f"w_{name}", np.full((channels, 3, 1, 1), gain, np.float32)))
            weights.append(tensor(f"s_{name}", np.array([1, -1, channels], np.int64)))
            nodes += [
                node("Conv", [f"mean{stride}", f"w_{name}"], [f"c_{name}"], kernel_shape=[1, 1]),
                node("Transpose", [f"c_{name}"], [f"t_{name}"], perm=[0, 2, 3, 1]),
                node("Reshape", [f"t_{name}", f"s_{name}"], [name]),
            ]
            outputs[name] = (1, "cells", channels)
    return model(nodes, weights, {"input": (1, 3, "height", "width")}, outputs)

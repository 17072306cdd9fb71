"""Reads the files of an acoustic model of pocketsphinx (semi-continuous with a codebook a phone, "ptm").

Only `make_model` needs it. Formats as in pocketsphinx 5.1.1: `bin_mdef.c`, `ms_gauden.c`, `ptm_mgau.c`, `tmat.c`.
Axes: P phones, R states of a phone, T streams, G Gaussians, D cepstra, N tied states, K contexts.
"""

import dataclasses
import struct
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from deemo_jax.core.errors import UserError

# Logarithms of pocketsphinx have this base; mixture weights are kept as eight bits, in steps of 1024 of it.
LOG_BASE, WEIGHT_STEP = 1.0001, 1024
# First bytes of a definition of states; and what follows the header of the other files.
DEFINITION, HEADER_END, BYTE_ORDER = b"BMDF", b"endhdr\n", 0x11223344
NUMBERS = (
    "phones",
    "contexts",
    "states",
    "own_states",
    "tied",
    "transitions",
    "sequences",
    "context",
    "tree",
    "silence",
)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class States:
    """Which tied states a phone has, over all of its neighbours.

    Attributes:
        phones: names.
        own: numbers of the states of each phone without neighbours.
        phone: of each tied state.
        state: which one of its phone each tied state is.
        often: in how many contexts each tied state is used.
        contexts: the part of a word (0 inside, 1 its beginning, 2 its end, 3 the whole of it), the phone, and the
            phones before and after it.
        in_context: the tied states of each context.
    """

    phones: tuple[str, ...]
    own: Int[np.ndarray, "P R"]
    phone: Int[np.ndarray, " N"]
    state: Int[np.ndarray, " N"]
    often: Int[np.ndarray, " N"]
    contexts: Int[np.ndarray, "K 4"]
    in_context: Int[np.ndarray, "K R"]


def read_states(folder: Path) -> States:
    """Reads `mdef`.

    Raises:
        UserError: it is missing, or no such file.
    """
    path = folder / "mdef"
    data = _bytes(path)
    if data[:4] != DEFINITION:
        raise UserError(f"{path}: no definition of states; name the folder of pocketsphinx's en-us model")
    at = 12 + struct.unpack_from("<i", data, 8)[0]
    numbers = dict(zip(NUMBERS, struct.unpack_from("<10i", data, at), strict=True))
    at += 40
    names = []
    for _ in range(numbers["phones"]):
        end = data.index(b"\0", at)
        names.append(data[at:end].decode())
        at = end + 1
    at += -at % 4 + 8 * numbers["tree"]
    row = np.dtype([("sequence", "<i4"), ("transition", "<i4"), ("phones", "u1", 4)])
    contexts = np.frombuffer(data, row, numbers["contexts"], at)
    at += row.itemsize * numbers["contexts"]
    (size,) = struct.unpack_from("<i", data, at)
    sequences = np.frombuffer(data, "<u2", size, at + 4).reshape(-1, numbers["states"]).astype(np.int64)
    own, used = len(names), sequences[contexts["sequence"]]
    # The first contexts are phones without neighbours; the second byte of the others is the phone in the middle.
    phone_of = np.where(np.arange(len(contexts)) < own, np.arange(len(contexts)), contexts["phones"][:, 1])
    phone, state = np.full(numbers["tied"], -1), np.full(numbers["tied"], -1)
    for k in range(numbers["states"]):
        phone[used[:, k]], state[used[:, k]] = phone_of, k
    often = np.bincount(used.ravel(), minlength=numbers["tied"])
    beside = contexts["phones"][own:].astype(np.int64)
    return States(tuple(names), used[:own], phone, state, often, beside, used[own:])


def read_gaussians(path: Path) -> Float[np.ndarray, "P T G D"]:
    """Reads `means` or `variances`.

    Raises:
        UserError: it is missing, or no such file.
    """
    data = _after_header(path)
    phones, streams, count = struct.unpack_from("<3i", data)
    widths = set(struct.unpack_from(f"<{streams}i", data, 12))
    if len(widths) != 1:
        raise UserError(f"{path}: its streams differ in width; name the folder of pocketsphinx's en-us model")
    (size,) = struct.unpack_from("<i", data, 12 + 4 * streams)
    return np.frombuffer(data, "<f4", size, 16 + 4 * streams).reshape(phones, streams, count, widths.pop())


def read_weights(path: Path, streams: int, gaussians: int, tied: int) -> Float[np.ndarray, "T G N"]:
    """Reads `sendump`: what each Gaussian counts in each tied state; they add up to one.

    Raises:
        UserError: it is missing, or no such file.
    """
    data = _bytes(path)
    at = 0
    while True:  # texts, each after its length; the last one is empty
        (length,) = struct.unpack_from("<i", data, at)
        at += 4 + length
        if length == 0:
            break
    # Two numbers follow: of rows and of columns.
    eighths = np.frombuffer(data, "u1", streams * gaussians * tied, at + 8).reshape(streams, gaussians, tied)
    weights = LOG_BASE ** (-float(WEIGHT_STEP) * eighths)
    return weights / weights.sum(axis=1, keepdims=True)


def read_transitions(path: Path) -> Float[np.ndarray, "P R R1"]:
    """Reads `transition_matrices`: from each state of a phone to each, and (the last column) out of the phone.

    Raises:
        UserError: it is missing, or no such file.
    """
    data = _after_header(path)
    phones, rows, columns, size = struct.unpack_from("<4i", data)
    found = np.frombuffer(data, "<f4", size, 16).reshape(phones, rows, columns)
    return found / np.maximum(found.sum(axis=2, keepdims=True), 1e-9)


def _after_header(path: Path) -> bytes:
    data = _bytes(path)
    end = data.find(HEADER_END)
    at = end + len(HEADER_END)
    if end < 0 or struct.unpack_from("<I", data, at)[0] != BYTE_ORDER:
        raise UserError(f"{path}: no file of a model; name the folder of pocketsphinx's en-us model")
    return data[at + 4 :]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); name the folder of pocketsphinx's en-us model"
        ) from error

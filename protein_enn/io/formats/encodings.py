"""Decoding of the encodings of BinaryCIF (Sehnal et al. 2020, PLoS Comput. Biol. 16:e1008247), with checked lengths.

Other decoders fill the missing part of a damaged array with zeros, or allocate any size that it declares. Here an array
that does not have its declared size is a ValueError, before memory is allocated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.table.labels import Labels

MOST_STEPS = 8
"""Most encodings of an array. An honest writer chains at most five."""
_TYPES = {1: "<i1", 2: "<i2", 3: "<i4", 4: "<u1", 5: "<u2", 6: "<u4", 32: "<f4", 33: "<f8"}
Step = Mapping[str, Any]


def decode(data: object, steps: Sequence[Step], most: int) -> NDArray:
    """The one-dimensional array of numbers that is encoded in `data`.

    Parameters
    ----------
    data
        Bytes.
    steps
        The encodings, in the order in which they were applied.
    most
        Most values of the array.

    Raises
    ------
    ValueError
        The bytes are no such array, or it is longer than `most`.
    """
    if not isinstance(data, bytes):
        raise ValueError(f"{type(data).__name__} in place of bytes")
    if not 0 < len(steps) <= MOST_STEPS:
        raise ValueError(f"{len(steps)} encodings; there may be 1 to {MOST_STEPS}")
    array: NDArray = np.frombuffer(data, np.uint8)
    for depth, step in enumerate(reversed(steps)):
        kind = step["kind"]
        if (kind == "ByteArray") != (depth == 0):
            raise ValueError("the last encoding must be a ByteArray, and only that one")
        if kind not in ("ByteArray", "IntegerPacking"):  # the input of these two is as long as the file says
            _check_length(len(array), most)
        array = _DECODERS[kind](array, step, most)
    _check_length(len(array), most)
    return array


def decode_strings(data: object, step: Step, most: int) -> Labels:
    """A StringArray: an index into distinct strings, which are spans of one text."""
    offsets = _whole(decode(step["offsets"], step["offsetEncoding"], most + 1))
    index = _whole(decode(data, step["dataEncoding"], most))
    text = step["stringData"]
    if not isinstance(text, str):
        raise ValueError(f"{type(text).__name__} in place of text")
    if len(offsets) and (offsets[0] != 0 or offsets[-1] != len(text) or (np.diff(offsets) < 0).any()):
        raise ValueError("string offsets out of order")
    if len(index) and not -1 <= int(index.min()) <= int(index.max()) < max(len(offsets) - 1, 0):
        raise ValueError("a string index out of range")
    ends = offsets.tolist()
    strings = (*(text[a:b] for a, b in pairwise(ends)), "")  # -1 is the last one: none
    return Labels(strings, index % len(strings)).renamed(str)


def _check_length(count: int, most: int) -> None:
    if count > most:
        raise ValueError(f"{count} values where {most} is the limit")


def _byte_array(array: NDArray, step: Step, most: int) -> NDArray:
    return array.view(_TYPES[step["type"]])  # ValueError when the length does not fit


def _fixed_point(array: NDArray, step: Step, most: int) -> NDArray:
    factor = float(step["factor"])
    if not np.isfinite(factor) or factor == 0:
        raise ValueError(f"a fixed-point factor of {factor}")
    return (_whole(array) / factor).astype(_float_type(step))


def _interval(array: NDArray, step: Step, most: int) -> NDArray:
    low, high, steps = float(step["min"]), float(step["max"]), int(step["numSteps"])
    if steps < 2:
        raise ValueError(f"an interval of {steps} steps")
    return (low + _whole(array) * ((high - low) / (steps - 1))).astype(_float_type(step))


def _run_length(array: NDArray, step: Step, most: int) -> NDArray:
    runs = _whole(array)
    size = int(step["srcSize"])
    if len(runs) % 2:
        raise ValueError("run lengths without their values")
    values, lengths = runs[0::2], runs[1::2]
    _check_length(size, most)
    if (lengths < 0).any() or (lengths > size).any() or int(lengths.sum()) != size:
        raise ValueError(f"run lengths that do not add up to {size}")
    return np.repeat(values, lengths)


def _delta(array: NDArray, step: Step, most: int) -> NDArray:
    deltas = _whole(array).copy()
    if len(deltas):
        deltas[0] += int(step["origin"])
    return np.cumsum(deltas)


def _integer_packing(array: NDArray, step: Step, most: int) -> NDArray:
    size, width = int(step["srcSize"]), int(step["byteCount"])
    if width not in (1, 2):
        raise ValueError(f"integers packed in {width} bytes")
    _check_length(size, most)
    packed = _whole(array)
    bits = 8 * width
    limits = (0, (1 << bits) - 1) if step["isUnsigned"] else (-(1 << bits - 1), (1 << bits - 1) - 1)
    goes_on = packed == limits[1]
    if not step["isUnsigned"]:
        goes_on |= packed == limits[0]
    ends = np.flatnonzero(~goes_on)
    if len(ends) != size or (len(packed) and goes_on[-1]):
        raise ValueError(f"{len(ends)} packed integers, not {size}")
    if len(ends) == len(packed):
        return packed
    return np.add.reduceat(packed, np.concatenate(([0], ends[:-1] + 1)))


def _whole(array: NDArray) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        raise ValueError(f"{array.dtype} in place of whole numbers")
    return array.astype(np.int64)


def _float_type(step: Step) -> str:
    kind = _TYPES[step["srcType"]]
    if kind[1] != "f":
        raise ValueError(f"{kind} in place of floating point")
    return kind


_DECODERS = {
    "ByteArray": _byte_array,
    "FixedPoint": _fixed_point,
    "IntervalQuantization": _interval,
    "RunLength": _run_length,
    "Delta": _delta,
    "IntegerPacking": _integer_packing,
}

"""BinaryCIF's encodings, against biotite's encoders and against arrays that are not what they claim."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from biotite.structure.io.pdbx import (
    BinaryCIFData,
    ByteArrayEncoding,
    DeltaEncoding,
    FixedPointEncoding,
    IntegerPackingEncoding,
    IntervalQuantizationEncoding,
    RunLengthEncoding,
    StringArrayEncoding,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from protein_enn.io.formats.encodings import decode, decode_strings

CHAINS = [
    [ByteArrayEncoding()],
    [DeltaEncoding(), ByteArrayEncoding()],
    [RunLengthEncoding(), ByteArrayEncoding()],
    [DeltaEncoding(), RunLengthEncoding(), IntegerPackingEncoding(1), ByteArrayEncoding()],
    [IntegerPackingEncoding(1), ByteArrayEncoding()],
    [IntegerPackingEncoding(2), ByteArrayEncoding()],
]


def encoded(array, steps):
    content = BinaryCIFData(array, deepcopy(steps)).serialize()  # an encoder remembers the array it first saw
    return content["data"], content["encoding"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.integers(-300, 300), st.integers(-70000, 70000)), min_size=1, max_size=50), st.booleans(),
       st.integers(0, len(CHAINS) - 1))  # fmt: skip
def test_whole_numbers(values, positive, chain):
    array = np.array([abs(v) if positive else v for v in values], dtype=np.int32)
    data, steps = encoded(array, CHAINS[chain])
    assert decode(data, steps, 2 * len(array) + 2).tolist() == array.tolist()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-900, 900), min_size=1, max_size=30))
def test_fixed_points(values):
    array = np.round(np.array(values), 3)
    data, steps = encoded(
        array, [FixedPointEncoding(1000), DeltaEncoding(), IntegerPackingEncoding(2), ByteArrayEncoding()]
    )
    assert np.abs(decode(data, steps, 99) - array).max() < 1e-4


def test_intervals():
    array = np.linspace(0.0, 1.0, 11)
    steps = [IntervalQuantizationEncoding(0.0, 1.0, 101), ByteArrayEncoding()]
    assert np.abs(decode(*encoded(array, steps), 11) - array).max() < 0.0101  # the encoder may take the next step


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=5), min_size=1, max_size=20))
def test_strings(texts):
    texts = [t.replace("\0", "") for t in texts]
    data, steps = encoded(np.array(texts), [StringArrayEncoding()])
    assert decode_strings(data, steps[0], 40).tolist() == texts


def runs(numbers, size):
    data = np.array(numbers, dtype="<i4").tobytes()
    return data, [{"kind": "RunLength", "srcType": 3, "srcSize": size}, {"kind": "ByteArray", "type": 3}]


def packed(numbers, size):
    data = np.array(numbers, dtype="<i1").tobytes()
    step = {"kind": "IntegerPacking", "byteCount": 1, "isUnsigned": False, "srcSize": size}
    return data, [step, {"kind": "ByteArray", "type": 1}]


@pytest.mark.parametrize(
    ("data", "steps"),
    [
        runs([1, 2_000_000_000], 2_000_000_000),
        runs([1, 3], 4),
        runs([1, -1, 2, 5], 4),
        runs([1, 4, 2], 4),
        packed([1, 127], 1),
        packed([1, 2, 3], 2),
        packed([1, 2], 3),
        (b"\0\0\0", [{"kind": "ByteArray", "type": 3}]),
        (b"\0\0\0\0", [{"kind": "ByteArray", "type": 3}, {"kind": "Delta", "origin": 0, "srcType": 3}]),
        ("text", [{"kind": "ByteArray", "type": 1}]),
        (b"\0\0\0\0", [{"kind": "FixedPoint", "factor": 0, "srcType": 33}, {"kind": "ByteArray", "type": 3}]),
        (b"\0\0\0\0", [{"kind": "Delta", "origin": 0, "srcType": 3}, {"kind": "ByteArray", "type": 32}]),
        (b"\0\0\0\0", []),
    ],
    ids=["bomb", "too few", "negative run", "half a run", "unfinished", "too many", "missing", "odd bytes", "order",
         "no bytes", "factor 0", "delta of floats", "no step"],
)  # fmt: skip
def test_arrays_that_are_not_what_they_claim(data, steps):
    with pytest.raises(ValueError, match=r"."):
        decode(data, steps, 100)


@pytest.mark.parametrize(
    ("offsets", "index", "message"),
    [([0, 1, 3], [0, 2], "range"), ([0, 2, 1, 3], [0], "order"), ([0, 1], [0], "order"), ([0, 1, 3], [-2], "range")],
)
def test_strings_that_are_out_of_bounds(offsets, index, message):
    numbers = [{"kind": "ByteArray", "type": 3}]
    step = {
        "stringData": "abc",
        "offsets": np.array(offsets, "<i4").tobytes(),
        "offsetEncoding": numbers,
        "dataEncoding": numbers,
    }
    with pytest.raises(ValueError, match=message):
        decode_strings(np.array(index, "<i4").tobytes(), step, 10)

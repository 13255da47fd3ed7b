"""Heavy atoms of a record for the 3D view, packed as `refinement.coordinates` does: checked, or made of a CA trace."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np

from protein_enn import chemistry
from protein_enn.refinement.coordinates import KEYS, packed_atoms
from protein_enn.report.html import number

Point = tuple[float, float, float]


def packed_trace(before: list[Point | None], after: list[Point | None]) -> dict[str, Any]:
    """CA atoms alone, in the same form, for records that hold no other atoms."""
    nowhere = (math.nan, math.nan, math.nan)
    positions = {
        when: np.array([point or nowhere for point in points], dtype="f8").reshape(-1, 3)
        for when, points in (("before", before), ("after", after))
    }
    either = ~(np.isnan(positions["before"]) & np.isnan(positions["after"])).any(1)
    counts = either.astype(np.int64)
    return packed_atoms(counts, np.full(int(counts.sum()), chemistry.CA), {k: v[either] for k, v in positions.items()})


def check_atoms(value: object, n: int) -> int:
    """How many atoms a record's `atoms` hold, 0 for None; ValueError unless they are packed as they should be."""
    if value is None:
        return 0
    if not isinstance(value, dict):
        raise ValueError("atoms must be an object")
    unit, origin = number(value.get("unit")), value.get("origin")
    if unit is None or unit <= 0:
        raise ValueError(f"atoms: unit must be a positive number, not {str(value.get('unit'))[:40]}")
    if not isinstance(origin, list) or len(origin) != 3 or None in map(number, origin):
        raise ValueError(f"atoms: origin must be three numbers, not {str(origin)[:40]}")
    data = {key: _bytes(value.get(key), key) for key in KEYS}
    m = sum(data["counts"])
    for key, size, what in (("counts", n, "residue"), ("slots", m, "atom"), ("before", 6 * m, "atom"),
                            ("after", 6 * m, "atom")):  # fmt: skip
        if len(data[key]) != size:
            raise ValueError(f"atoms: {key} holds {len(data[key])} bytes, not {size}: it must have each {what}")
    if data["slots"] and max(data["slots"]) >= len(chemistry.ATOMS):
        raise ValueError(f"atoms: slots must be below {len(chemistry.ATOMS)}")
    return m


def _bytes(value: object, key: str) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"atoms: {key} must be text in base64")
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError(f"atoms: {key} is not base64: {error}") from error

"""Heavy atoms of a refinement for the 3D view: whole numbers of a small unit, in base64, inside the record.

A record holds them under `atoms`, so that a page can be made of the record alone:

    unit    Å, 0.01 or, for a structure more than 327 Å from its center to its rim, a multiple of that
    origin  Å, three numbers; a position is origin + unit * (x, y, z)
    counts  atoms of each of the n residues: n bytes
    slots   of each of the m atoms, its index in `chemistry.ATOMS`: m bytes
    before  (m, 3) little-endian 16-bit integers; the lowest one, -32768, for an atom that the input does not have
    after   the same of the result
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from protein_enn import chemistry
from protein_enn.report.html import number

if TYPE_CHECKING:
    from protein_enn.structure import Structure

Point = tuple[float, float, float]

UNIT = 0.01
REACH = 32767
ABSENT = -32768
KEYS = ("counts", "slots", "before", "after")


def packed(before: Structure, after: Structure) -> dict[str, Any]:
    """The atoms of either structure of the same n residues, as described above."""
    structures = {"before": before, "after": after}
    present = {when: structure.present.numpy(force=True) for when, structure in structures.items()}
    residues, slots = np.nonzero(present["before"] | present["after"])
    positions = {}
    for when, structure in structures.items():
        xyz = structure.positions.double().numpy(force=True)[residues, slots]
        positions[when] = np.where(present[when][residues, slots][:, None], xyz, np.nan)
    return _encoded(np.bincount(residues, minlength=len(after)), slots, positions)


def packed_trace(before: list[Point | None], after: list[Point | None]) -> dict[str, Any]:
    """CA atoms alone, in the same form, for records that hold no other atoms."""
    nowhere = (math.nan, math.nan, math.nan)
    positions = {
        when: np.array([point or nowhere for point in points], dtype="f8").reshape(-1, 3)
        for when, points in (("before", before), ("after", after))
    }
    either = ~(np.isnan(positions["before"]) & np.isnan(positions["after"])).any(1)
    counts = either.astype(np.int64)
    return _encoded(counts, np.full(int(counts.sum()), chemistry.CA), {k: v[either] for k, v in positions.items()})


def _encoded(counts: np.ndarray, slots: np.ndarray, positions: dict[str, np.ndarray]) -> dict[str, Any]:
    """`positions` are (m, 3) in Å, nan for an atom that is not there."""
    present = {when: np.isfinite(xyz).all(1) for when, xyz in positions.items()}
    known = np.concatenate([positions[when][present[when]] for when in positions])
    low, high = (known.min(0), known.max(0)) if len(known) else (np.zeros(3), np.zeros(3))
    origin = np.round((low + high) / 2, 2)
    widest = float(np.abs(known - origin).max(initial=0.0))
    unit = round(UNIT * max(math.ceil(widest / UNIT / REACH - 1e-9), 1), 2)
    arrays = {"counts": counts.astype("u1"), "slots": slots.astype("u1")}
    for when, xyz in positions.items():
        inside = np.where(present[when][:, None], xyz, origin)
        arrays[when] = np.where(present[when][:, None], np.round((inside - origin) / unit), ABSENT).astype("<i2")
    texts = {key: base64.b64encode(arrays[key].tobytes()).decode() for key in KEYS}
    return {"unit": unit, "origin": origin.tolist(), **texts}


def check_atoms(value: object, n: int) -> int:
    """How many atoms a record's `atoms` hold, 0 for None; ValueError unless they are as described above."""
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

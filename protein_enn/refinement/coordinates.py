"""Coordinates inside the record of a refinement, so that a page can be made of the record alone.

CA traces are lists of points. Heavy atoms are packed: whole numbers of a small unit, in base64:

    unit    Å, 0.01 or, for a structure more than 327 Å from its center to its rim, a multiple of that
    origin  Å, three numbers; a place is origin + unit * (x, y, z)
    counts  atoms of each of the n residues: n bytes
    slots   of each of the m atoms, its index in `chemistry.ATOMS`: m bytes
    before  (m, 3) little-endian 16-bit integers; the lowest one, -32768, for an atom that the input does not have
    after   the same of the result
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from protein_enn import chemistry
from protein_enn.structure import Structure

UNIT = 0.01
REACH = 32767
ABSENT = -32768
KEYS = ("counts", "slots", "before", "after")


def ca_trace(structure: Structure) -> list[list[float] | None]:
    """CA positions in Å to 0.01, None for residues without."""
    present = structure.present[:, chemistry.CA].tolist()
    points = structure.ca.double().tolist()
    return [[round(x, 2) for x in point] if known else None for point, known in zip(points, present, strict=True)]


def packed(before: Structure, after: Structure) -> dict[str, Any]:
    """The atoms of either structure of the same n residues, packed as described above."""
    structures = {"before": before, "after": after}
    present = {when: structure.present.numpy(force=True) for when, structure in structures.items()}
    residues, slots = np.nonzero(present["before"] | present["after"])
    positions = {}
    for when, structure in structures.items():
        atoms = structure.positions.double().numpy(force=True)[residues, slots]
        positions[when] = np.where(present[when][residues, slots][:, None], atoms, np.nan)
    return packed_atoms(np.bincount(residues, minlength=len(after)), slots, positions)


def packed_atoms(counts: np.ndarray, slots: np.ndarray, positions: dict[str, np.ndarray]) -> dict[str, Any]:
    """Atoms packed as described above; `positions` are (m, 3) in Å, nan for an atom that is not there."""
    present = {when: np.isfinite(atoms).all(1) for when, atoms in positions.items()}
    known = np.concatenate([positions[when][present[when]] for when in positions])
    low, high = (known.min(0), known.max(0)) if len(known) else (np.zeros(3), np.zeros(3))
    origin = np.round((low + high) / 2, 2)
    widest = float(np.abs(known - origin).max(initial=0.0))
    unit = round(UNIT * max(math.ceil(widest / UNIT / REACH - 1e-9), 1), 2)
    arrays = {"counts": counts.astype("u1"), "slots": slots.astype("u1")}
    for when, atoms in positions.items():
        inside = np.where(present[when][:, None], atoms, origin)
        arrays[when] = np.where(present[when][:, None], np.round((inside - origin) / unit), ABSENT).astype("<i2")
    texts = {key: base64.b64encode(arrays[key].tobytes()).decode() for key in KEYS}
    return {"unit": unit, "origin": origin.tolist(), **texts}

"""Which atoms are not there at all, and occupancies and B factors that are none."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from protein_enn import chemistry
from protein_enn.structure import Structure
from protein_enn.structure.audit import EXAMPLES, Finding

N, CA, C, CB, O = chemistry.N, chemistry.CA, chemistry.C, chemistry.CB, chemistry.O  # noqa: E741 - oxygen
FEW = 10
"""Atoms below which a column is too short to judge."""
LOW = 50.0
"""A mean below this is more likely of B factors than of pLDDT."""


@cache
def _groups() -> tuple[Float[Tensor, "37 4"], Float[Tensor, "residues 4"]]:
    """Which group an atom slot is in: CA, backbone, CB, beyond CB; and how many of each a residue should have."""
    group = torch.zeros(len(chemistry.ATOMS), 4)
    group[:, 3] = 1
    for atoms, k in (([CA], 0), ([N, C, O], 1), ([CB], 2), ([chemistry.OXT], None)):
        group[atoms] = torch.eye(4)[k] if k is not None else 0.0
    heavy = torch.zeros(len(chemistry.RESIDUES), len(chemistry.ATOMS))
    for row, name in enumerate(chemistry.RESIDUES):
        heavy[row, [chemistry.ATOM_INDEX[atom] for atom in chemistry.RESIDUE_ATOMS[name]]] = 1
    heavy[chemistry.UNKNOWN, CB] = 0
    return group, heavy @ group


def incomplete(structure: Structure) -> list[Finding]:
    """Chains of CAs or of backbone only, by name; else very many missing atoms."""
    group, heavy = _groups()
    wanted = heavy[structure.residues]
    there = torch.minimum(structure.present.float() @ group, wanted)
    k = len(structure.chain_ids)
    sums = torch.zeros(k, 8).index_add_(0, structure.chains, torch.cat([there, wanted], 1))
    has, should = sums[:, :4] > 0, sums[:, 4:] > 0
    trace = should[:, 0] & ~has[:, 1:].any(1)
    bare = should[:, 3] & ~trace & ~has[:, 3]
    found = []
    for code, chosen, message in (
        ("ca-only", trace, "CAs only: N, C, O and side chains are absent, which scoring, design and refinement need"),
        ("no-side-chains", bare, "no side chains: scoring and design work, refinement needs them; rebuild them first"),
    ):
        ids = tuple(dict.fromkeys(structure.chain_ids[i] for i in chosen.nonzero()[:, 0].tolist()))
        if ids:
            text = f"chain(s) {', '.join(ids[:EXAMPLES])} have {message}"
            found.append(Finding(code, "warning", text, len(ids), ids[:EXAMPLES]))
    whole = sums[~(trace | bare)]
    expected = int(whole[:, 4:].sum())
    missing = expected - int(whole[:, :4].sum())
    if 5 * missing > expected:
        text = f"{missing} of {expected} heavy atoms are missing: rebuild them before refinement"
        found.append(Finding("atoms-missing", "warning", text, missing))
    return found


def doubtful_columns(structure: Structure, present: NDArray[np.int64]) -> list[Finding]:
    """Occupancies and B factors that are none; `present` are the flat slots of the atoms that are there."""
    count = len(present)
    if count < FEW:
        return []
    b = structure.b_factors.reshape(-1).numpy()[present]
    found = []
    if not structure.occupancies.reshape(-1).numpy()[present].any():
        found.append(Finding("no-occupancy", "warning", "all occupancies are 0: set them to 1", count))
    low, high = float(b.min()), float(b.max())
    fraction = 0 < high <= 1 and low >= 0
    if low == high:
        found.append(Finding("equal-b", "note", f"all B factors are {low:g}: they say nothing", count))
    elif structure.predicted and fraction:
        found.append(Finding("plddt-fraction", "warning", f"pLDDT is at most {high:g}: multiply it by 100", count))
    elif structure.predicted and (low < 0 or high > 100):
        text = f"B factors run from {low:g} to {high:g}, which pLDDT does not: pass predicted=False"
        found.append(Finding("not-plddt", "warning", text, count))
    elif not structure.predicted and fraction:
        text = (
            f"B factors are at most {high:g}, as scores are: if they are pLDDT, multiply them by 100 and declare them"
        )
        found.append(Finding("plddt-fraction", "note", text, count))
    elif not structure.predicted and _looks_like_plddt(structure, present, b):
        text = "B factors are one value a residue, as pLDDT is: pass predicted=True if this is a predicted model"
        found.append(Finding("plddt-undeclared", "note", text, count))
    return found


def _looks_like_plddt(structure: Structure, present: NDArray[np.int64], b: NDArray[np.float32]) -> bool:
    """From 0 to 100, high, and the same for all atoms of a residue, as AlphaFold writes it."""
    if b.min() < 0 or b.max() > 100 or b.mean() < LOW or len(b) < 2 * len(structure):
        return False
    owner = present // len(chemistry.ATOMS)
    return bool((b[1:] == b[:-1])[owner[1:] == owner[:-1]].all())

"""Missing atoms, and columns that do not hold occupancies or B factors."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.structure import Structure
from protein_enn.structure.audit import EXAMPLES, Finding

N, CA, C, CB, O = chemistry.N, chemistry.CA, chemistry.C, chemistry.CB, chemistry.O  # noqa: E741 - oxygen
FEW = 10
"""Fewest atoms of a column that is checked."""
LOW = 50.0
"""A column with a lower mean is more likely B factors than pLDDT."""


@cache
def _atom_groups() -> tuple[Float[np.ndarray, "37 4"], Float[np.ndarray, "residues 4"]]:
    """The group of each atom slot (CA, backbone, CB, beyond CB), and the size of each group per residue type."""
    group = np.zeros((len(chemistry.ATOMS), 4), dtype=np.float32)
    group[:, 3] = 1
    for atoms, k in (([CA], 0), ([N, C, O], 1), ([CB], 2), ([chemistry.OXT], None)):
        group[atoms] = np.eye(4)[k] if k is not None else 0.0
    heavy = np.zeros((len(chemistry.RESIDUES), len(chemistry.ATOMS)), dtype=np.float32)
    for row, name in enumerate(chemistry.RESIDUES):
        heavy[row, [chemistry.ATOM_INDEX[atom] for atom in chemistry.RESIDUE_ATOMS[name]]] = 1
    heavy[chemistry.UNKNOWN, CB] = 0
    return group, heavy @ group


def find_incomplete(structure: Structure) -> list[Finding]:
    """Chains of CAs or of backbone only, by name; else very many missing atoms."""
    group, heavy = _atom_groups()
    expected_counts = heavy[structure.residues.numpy()]
    present_counts = np.minimum(structure.present.numpy().astype(np.float32) @ group, expected_counts)
    counts = np.concatenate([present_counts, expected_counts], axis=1)
    chains, k = structure.chains.numpy(), len(structure.chain_ids)
    sums = np.stack([np.bincount(chains, weights=column, minlength=k) for column in counts.T], axis=1)
    has, should = sums[:, :4] > 0, sums[:, 4:] > 0
    trace = should[:, 0] & ~has[:, 1:].any(1)
    without_side_chains = should[:, 3] & ~trace & ~has[:, 3]
    findings = []
    for code, chosen, message in (
        ("ca-only", trace, "CAs only: N, C, O and side chains are absent, which scoring, design and refinement need"),
        (
            "no-side-chains",
            without_side_chains,
            "no side chains: scoring and design work, refinement needs them; the command pack adds them",
        ),
    ):
        ids = tuple(dict.fromkeys(structure.chain_ids[i] for i in np.flatnonzero(chosen).tolist()))
        if ids:
            text = f"chain(s) {', '.join(ids[:EXAMPLES])} have {message}"
            findings.append(Finding(code, "warning", text, len(ids), ids[:EXAMPLES]))
    whole = sums[~(trace | without_side_chains)]
    expected = int(whole[:, 4:].sum())
    missing = expected - int(whole[:, :4].sum())
    if 5 * missing > expected:
        text = f"{missing} of {expected} heavy atoms are missing: add side chains by the command pack before refinement"
        findings.append(Finding("atoms-missing", "warning", text, missing))
    return findings


def find_unlikely_columns(structure: Structure, present: NDArray[np.int64]) -> list[Finding]:
    """Findings about the occupancy and B-factor columns; `present` are the flat slots of the present atoms."""
    count = len(present)
    if count < FEW:
        return []
    b = structure.b_factors.reshape(-1).numpy()[present]
    findings = []
    if not structure.occupancies.reshape(-1).numpy()[present].any():
        findings.append(Finding("no-occupancy", "warning", "all occupancies are 0: set them to 1", count))
    low, high = float(b.min()), float(b.max())
    fraction = 0 < high <= 1 and low >= 0
    if low == high:
        findings.append(Finding("equal-b", "note", f"all B factors are {low:g}: they contain no information", count))
    elif structure.predicted and fraction:
        findings.append(Finding("plddt-fraction", "warning", f"pLDDT is at most {high:g}: multiply it by 100", count))
    elif structure.predicted and (low < 0 or high > 100):
        text = f"B factors run from {low:g} to {high:g}, which pLDDT does not: pass predicted=False"
        findings.append(Finding("not-plddt", "warning", text, count))
    elif not structure.predicted and fraction:
        text = (
            f"B factors are at most {high:g}, as scores are: if they are pLDDT, multiply them by 100 and declare them"
        )
        findings.append(Finding("plddt-fraction", "note", text, count))
    elif not structure.predicted and _looks_like_plddt(structure, present, b):
        text = "B factors are one value a residue, as pLDDT is: pass predicted=True if this is a predicted model"
        findings.append(Finding("plddt-undeclared", "note", text, count))
    return findings


def _looks_like_plddt(structure: Structure, present: NDArray[np.int64], b: NDArray[np.float32]) -> bool:
    """Whether B factors run from 0 to 100, are high, and are equal within a residue, as AlphaFold writes pLDDT."""
    if b.min() < 0 or b.max() > 100 or b.mean() < LOW or len(b) < 2 * len(structure):
        return False
    owner = present // len(chemistry.ATOMS)
    return bool((b[1:] == b[:-1])[owner[1:] == owner[:-1]].all())

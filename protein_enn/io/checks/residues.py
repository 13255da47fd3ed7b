"""Residues that were read as another type, and residues with missing or partly occupied atoms."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.components import component
from protein_enn.structure import Structure
from protein_enn.structure.audit import EXAMPLES, Finding, Severity


def describe_residues(structure: Structure) -> list[Finding]:
    """Findings about names, missing atoms and occupancies."""
    return [*_find_renamed(structure), *_find_incomplete(structure)]


def _find_renamed(structure: Structure) -> list[Finding]:
    rows_of_name: dict[str, list[int]] = {}
    for i, name in enumerate(structure.residue_names):
        if name not in chemistry.RESIDUE_INDEX or name == "UNK":
            rows_of_name.setdefault(name, []).append(i)
    findings = []
    for name, rows in rows_of_name.items():
        info = component(name)
        parent = chemistry.RESIDUES[info.residue]
        if info.mirrored:
            description = f"D-amino acids {name} were read as unknown (X)"
            findings.append(_finding(structure, "d-amino-acids", "warning", description, rows))
        elif info.residue == chemistry.UNKNOWN:
            description = f"residues {name} were read as unknown (X)"
            findings.append(_finding(structure, "unknown-residues", "warning", description, rows))
        else:
            description = f"residues {name} were read as {parent}"
            findings.append(_finding(structure, "modified-residues", "note", description, rows))
    return findings


def _find_incomplete(structure: Structure) -> list[Finding]:
    present, occupancies = structure.present.numpy(), structure.occupancies.numpy()
    n, ca, c, o = (present[:, i] for i in chemistry.BACKBONE)
    backbone = n & ca & c & o
    lacking = (_side_chains()[structure.residues.numpy()] > present).any(-1) & backbone
    unoccupied = (present & (occupancies == 0)).any(-1)
    above_one = (occupancies > 1).any(-1)  # 0 where absent
    cases: list[tuple[str, Severity, str, NDArray[np.bool_]]] = [
        ("incomplete-backbone", "warning", "residues lack N, CA, C or O", ~backbone),
        ("incomplete-side-chain", "note", "residues lack side-chain atoms", lacking),
        ("zero-occupancy", "note", "residues have atoms of occupancy 0", unoccupied),
        ("high-occupancy", "warning", "residues have atoms of an occupancy above 1", np.asarray(above_one)),
    ]
    return [
        _finding(structure, code, severity, description, np.flatnonzero(mask).tolist())
        for code, severity, description, mask in cases
        if mask.any()
    ]


@cache
def _side_chains() -> NDArray[np.bool_]:
    """Which of the 37 atoms the complete side chain of each residue type has; none for an unknown residue."""
    mask = np.zeros((len(chemistry.RESIDUES), len(chemistry.ATOMS)), dtype=bool)
    for i, name in enumerate(chemistry.RESIDUES):
        if i != chemistry.UNKNOWN:
            mask[i, [chemistry.ATOM_INDEX[a] for a in chemistry.SIDE_CHAIN_ATOMS[name]]] = True
    return mask


def _finding(structure: Structure, code: str, severity: Severity, description: str, rows: list[int]) -> Finding:
    ids = tuple(structure.residue_id(i) for i in rows[:EXAMPLES])
    return Finding(code, severity, f"{len(rows)} {description}", len(rows), ids)

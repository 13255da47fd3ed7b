"""Bonds between residues that CONECT records of a PDB file declare, as programs without LINK records write them.

Serial numbers overflow in large files, and many programs write CONECT for all bonds of a ligand. So a record counts
only if its serial numbers are each of one atom, and the atoms are of different residues, one of them in the protein.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import torch

from protein_enn.structure import Structure

End = tuple[int, int]
"""An atom as `Links` names it: residue and slot, or -1 and the index of a hetero atom."""


def conect_bonds(structure: Structure) -> list[tuple[End, End]]:
    """The bonds between residues that CONECT records declare; none for files of another format.

    Parameters
    ----------
    structure
        With the rows of its atoms in its source, of whose file a row is a line.
    """
    source = structure.source
    if source is None or source.format != "pdb" or b"\nCONECT" not in source.data:
        return []
    lines = source.data.splitlines()
    residue, slot = (source.rows >= 0).nonzero(as_tuple=True)
    ends = list(zip(residue.tolist(), slot.tolist(), strict=True)) + [(-1, k) for k in range(len(source.hetero))]
    rows = torch.cat([source.rows[residue, slot], source.hetero]).tolist()
    serials = [lines[row][6:11].strip() if row < len(lines) else b"" for row in rows]
    counts = Counter(serials)
    atoms = {s: end for s, end in zip(serials, ends, strict=True) if s.isdigit() and counts[s] == 1}
    places = {residue_id: i for i, residue_id in enumerate(map(structure.residue_id, range(len(structure))))}
    found = []
    for one, two in _pairs(lines):
        first, second = atoms.get(one), atoms.get(two)
        if first is None or second is None or max(first[0], second[0]) < 0:
            continue
        owners = [
            end[0] if end[0] >= 0 else places.get(structure.hetero.residue_ids[end[1]], -1) for end in (first, second)
        ]
        if owners[0] != owners[1]:
            found.append((first, second))
    return found


def _pairs(lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Serial numbers of bonded atoms, each pair once."""
    known = set()
    for line in lines:
        if line.startswith(b"CONECT"):
            one, *others = (line[k : k + 5].strip() for k in range(6, min(len(line), 31), 5))
            for two in others:
                pair = frozenset((one, two))
                if len(pair) == 2 and b"" not in pair and pair not in known:
                    known.add(pair)
                    yield one, two

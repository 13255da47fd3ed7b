"""Which structures are of one backbone: designs of one target, or models of one protein."""

from __future__ import annotations

from collections.abc import Mapping

from protein_enn import chemistry
from protein_enn.geometry.superposition import rmsd
from protein_enn.metrics.alignment import match_residues
from protein_enn.structure import Structure

FARTHEST = 5.0
"""Å, CA RMSD of structures whose chains are as long, within which they are of one backbone."""
SAME = 0.5
"""Fraction of equal residues, of the shorter structure, from which structures of other lengths are of one protein."""


def same_backbone(a: Structure, b: Structure) -> bool:
    """Whether two structures are of one backbone.

    Chains as long, one after the other, are compared by the RMSD of their CA. Otherwise sequences are aligned.

    Parameters
    ----------
    a, b
        The structures.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> model, other = (read_structure(f"examples/{name}") for name in ("1bhl_perturbed.pdb", "2gtl_chain_a.cif"))
    >>> native = read_structure("examples/1bhl.pdb")
    >>> same_backbone(native, model), same_backbone(native, other)
    (True, False)
    """
    lengths = [[int((one.chains == chain).sum()) for chain in one.chains.unique()] for one in (a, b)]
    if lengths[0] == lengths[1]:
        both = a.present[:, chemistry.CA] & b.present[:, chemistry.CA]
        return int(both.sum()) > 2 and rmsd(a.ca[both], b.ca[both]) <= FARTHEST
    return len(match_residues(a, b)[0]) >= SAME * min(len(a), len(b))


def targets(structures: Mapping[str, Structure]) -> dict[str, str]:
    """The first structure of the same backbone for each structure, by name.

    Parameters
    ----------
    structures
        By name, in order.

    Returns
    -------
    dict
        By name.
    """
    first: list[str] = []
    found: dict[str, str] = {}
    for name, structure in structures.items():
        found[name] = next((one for one in first if same_backbone(structures[one], structure)), name)
        if found[name] == name:
            first.append(name)
    return found

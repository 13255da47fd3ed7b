"""The covalent graph of a structure: bonds along chains, links between residues, bonds of single atoms.

Whatever needs to know what is bonded asks this subpackage: reading, idealization, clashes, acceptance, relaxation,
validation, graphs and design. Residue numbers and insertion codes are names, and say nothing about bonds.
"""

from protein_enn.bonds.atoms import (
    COVALENT_RADII,
    SHORTEST,
    TOLERANCE,
    distance_bonds,
    link_bonds,
    phosphodiester_bonds,
    table_bonds,
)
from protein_enn.bonds.residues import (
    ResidueBonds,
    adjacent_residues,
    backbone_torsions,
    bonded_residues,
    bound_to_hetero,
    linked_side_chains,
    peptide_bonds,
    residue_bonds,
)

__all__ = [
    "COVALENT_RADII",
    "SHORTEST",
    "TOLERANCE",
    "ResidueBonds",
    "adjacent_residues",
    "backbone_torsions",
    "bonded_residues",
    "bound_to_hetero",
    "distance_bonds",
    "link_bonds",
    "linked_side_chains",
    "peptide_bonds",
    "phosphodiester_bonds",
    "residue_bonds",
    "table_bonds",
]

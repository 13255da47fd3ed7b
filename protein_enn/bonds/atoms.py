"""Bonds between atoms and their neighbors: by tables, by links, and by distance where there is no table."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.structure import Structure

_PICOMETERS = """
    H 31 HE 28 LI 128 BE 96 B 84 C 76 N 71 O 66 F 57 NE 58 NA 166 MG 141 AL 121 SI 111 P 107 S 105 CL 102 AR 106
    K 203 CA 176 SC 170 TI 160 V 153 CR 139 MN 139 FE 132 CO 126 NI 124 CU 132 ZN 122 GA 122 GE 120 AS 119
    SE 120 BR 120 KR 116 RB 220 SR 195 Y 190 ZR 175 NB 164 MO 154 TC 147 RU 146 RH 142 PD 139 AG 145 CD 144
    IN 142 SN 139 SB 139 TE 138 I 139 XE 140 CS 244 BA 215 LA 207 CE 204 PR 203 ND 201 PM 199 SM 198 EU 198
    GD 196 TB 194 DY 192 HO 192 ER 189 TM 190 YB 187 LU 187 HF 175 TA 170 W 162 RE 151 OS 144 IR 141 PT 136
    AU 136 HG 132 TL 145 PB 146 BI 148 PO 140 AT 150 RN 150 FR 260 RA 221 AC 215 TH 206 PA 200 U 196 NP 190
    PU 187 AM 180 CM 169
"""
COVALENT_RADII: dict[str, float] = {
    name: int(radius) / 100 for name, radius in zip(_PICOMETERS.split()[::2], _PICOMETERS.split()[1::2], strict=True)
}
"""Å, Cordero et al. 2008, doi 10.1039/b801115j, table 2: carbon sp3; manganese, iron and cobalt low spin."""
TOLERANCE = 0.4
"""Å by which a bond may be longer than the sum of two radii: the usual tolerance for errors of coordinates."""
SHORTEST = 0.4
"""Å; two atoms nearer than this are the same atom, listed twice."""
OXYGEN, PHOSPHORUS = ("O3'", "O3*"), "P"


def table_bonds(structure: Structure, rows: Int[Tensor, "m"], neighbors: Int[Tensor, "m k"]) -> Bool[Tensor, "m k"]:
    """Bonds of `chemistry.BONDS` between atoms of one residue.

    Parameters
    ----------
    structure
        The structure of the atoms.
    rows
        Atoms: residue * 37 + slot, then hetero atoms. The latter have no bonds here.
    neighbors
        Index into `rows` of the neighbors of each atom. The caller selects those of the same residue.

    Returns
    -------
    Bool[Tensor, "m k"]
        Whether an atom is bonded to its neighbor.
    """
    width = len(chemistry.ATOMS)
    table = torch.zeros(len(chemistry.RESIDUES), width, width, dtype=torch.bool)
    for i, name in enumerate(chemistry.RESIDUES):
        for first, second in chemistry.BONDS[name]:
            a, b = chemistry.ATOM_INDEX[first], chemistry.ATOM_INDEX[second]
            table[i, a, b] = table[i, b, a] = True
    protein = rows < len(structure) * width
    residue = structure.residues[torch.where(protein, rows // width, 0)]
    slot = rows % width
    bonded = table[residue[:, None], slot[:, None], slot[neighbors]]
    return bonded & protein[:, None] & protein[neighbors]


def link_bonds(structure: Structure, rows: Int[Tensor, "m"], neighbors: Int[Tensor, "m k"]) -> Bool[Tensor, "m k"]:
    """Bonds of the structure's links. Arguments and result as in `table_bonds`."""
    bonded = torch.zeros_like(neighbors, dtype=torch.bool)
    links, width = structure.links, len(chemistry.ATOMS)
    if not len(links):
        return bonded
    ends = torch.where(links.residues >= 0, links.residues, len(structure)) * width + links.atoms
    nodes = torch.searchsorted(rows, ends).clamp_(max=len(rows) - 1)
    nodes = nodes[(rows[nodes] == ends).all(1)]  # some atoms, such as waters, may not be in `rows`
    source = torch.cat([nodes[:, 0], nodes[:, 1]])
    link, column = (neighbors[source] == torch.cat([nodes[:, 1], nodes[:, 0]])[:, None]).nonzero(as_tuple=True)
    bonded[source[link], column] = True
    return bonded


def distance_bonds(
    elements: list[str], neighbors: Int[Tensor, "m k"], square: Float[Tensor, "m k"]
) -> Bool[Tensor, "m k"]:
    """Bonds by distance, for residues without a table: ligands, nucleotides, clusters.

    Two atoms are bonded where d < r1 + r2 + `TOLERANCE`. An element without a radius has no bonds; metals of one
    cluster have.

    Parameters
    ----------
    elements
        Symbols in capitals, one per atom.
    neighbors
        Index of the neighbors of each atom. The caller selects those of the same residue.
    square
        Squared distances, Å^2.

    Returns
    -------
    Bool[Tensor, "m k"]
        Whether an atom is bonded to its neighbor.

    Examples
    --------
    >>> index = torch.tensor([[1], [0]])
    >>> distance_bonds(["C", "O"], index, torch.full((2, 1), 1.43**2)).tolist()
    [[True], [True]]
    """
    radius = torch.tensor([COVALENT_RADII.get(e, -torch.inf) for e in elements], dtype=torch.float64)
    limit = (radius[:, None] + radius[neighbors] + TOLERANCE).clamp(min=0)
    return (square < limit.square()) & (square > SHORTEST**2)


def phosphodiester_bonds(
    names: list[str], neighbors: Int[Tensor, "m k"], square: Float[Tensor, "m k"]
) -> Bool[Tensor, "m k"]:
    """Bonds between O3' of a nucleotide and P of another, by distance: files do not list them as links.

    Parameters
    ----------
    names
        Atom names, empty for atoms that are not nucleic acids.
    neighbors
        Index of the neighbors of each atom.
    square
        Squared distances, Å^2.

    Returns
    -------
    Bool[Tensor, "m k"]
        Whether an atom is bonded to its neighbor.
    """
    oxygen = torch.tensor([name in OXYGEN for name in names])
    phosphorus = torch.tensor([name == PHOSPHORUS for name in names])
    pair = (oxygen[:, None] & phosphorus[neighbors]) | (phosphorus[:, None] & oxygen[neighbors])
    limit = COVALENT_RADII["O"] + COVALENT_RADII["P"] + TOLERANCE
    return pair & (square < limit**2) & (square > SHORTEST**2)

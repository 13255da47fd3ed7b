"""The accessible surface of a structure, atom by atom, and its hydrophobic patches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import KINDS, Structure

PROBE = 1.4
"""Å, radius of water."""
HETERO_RADIUS = 1.7
"""Å, of hetero atoms whose element has no radius in `chemistry.VDW_RADII`."""
POINTS = 200
HYDROPHOBIC = ("ALA", "ILE", "LEU", "MET", "PHE", "TRP", "VAL")
PATCH_DISTANCE = 5.0
"""Å between exposed hydrophobic atoms of one patch: the diameter of two carbons and some of a water."""
EXPOSED = 1.0
"""Å^2, least accessible surface of an atom of a patch."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The accessible surface (Shrake and Rupley, probe 1.4 Å) of the a atoms of the residues.

    Ligands, ions and nucleic acids cover residues; water does not.
    """

    residues: Int[Tensor, "a"]  # rows of the structure
    slots: Int[Tensor, "a"]  # index into chemistry.ATOMS
    positions: Float[Tensor, "a 3"]  # Å
    areas: Float[Tensor, "a"]  # Å^2

    @staticmethod
    def of(structure: Structure) -> Surface:
        """That of a structure.

        Parameters
        ----------
        structure
            Any structure.

        Examples
        --------
        >>> from protein_enn import read_structure
        >>> surface = Surface.of(read_structure("examples/1bhl.pdb"))
        >>> 7000 < surface.total < 9000
        True
        """
        import biotite.structure as biotite  # a third of a second, of which scoring needs nothing

        residue, slot = structure.present.nonzero(as_tuple=True)
        hetero = structure.hetero
        cover = (hetero.kinds != KINDS.index("water")).nonzero()[:, 0]
        positions = structure.positions[residue, slot]
        points = torch.cat([positions, hetero.positions[cover].to(structure.positions)])
        elements = [chemistry.element(chemistry.ATOMS[s]) for s in slot.tolist()]
        elements += [hetero.elements[k].upper() for k in cover.tolist()]
        atoms = biotite.AtomArray(len(points))
        atoms.coord = points.numpy()
        atoms.element = np.array(elements)
        radii = np.array([chemistry.VDW_RADII.get(element, HETERO_RADIUS) for element in elements])
        area = biotite.sasa(atoms, PROBE, point_number=POINTS, vdw_radii=radii, ignore_ions=False)
        found = torch.from_numpy(np.nan_to_num(area[: len(residue)])).to(structure.positions.dtype)
        return Surface(residue, slot, positions, found)

    @property
    def total(self) -> float:
        """Å^2."""
        return float(self.areas.double().sum())

    def by_residue(self, n: int) -> Float[Tensor, "n"]:
        """Å^2 of each of the n residues of the structure."""
        return torch.zeros(n, dtype=self.areas.dtype).index_add_(0, self.residues, self.areas)


def hydrophobic_patches(structure: Structure, surface: Surface) -> list[float]:
    """Areas of the hydrophobic patches of a surface, the largest first.

    A patch is made of exposed carbon and sulfur atoms in side chains of A, I, L, M, F, W and V, each within
    `PATCH_DISTANCE` of another one.

    Parameters
    ----------
    structure
        Any structure with side chains.
    surface
        Its surface.

    Returns
    -------
    list of float
        Å^2.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    kinds = torch.tensor([chemistry.RESIDUE_INDEX[name] for name in HYDROPHOBIC])
    side = torch.ones(len(chemistry.ATOMS), dtype=torch.bool)
    side[[*chemistry.BACKBONE, chemistry.OXT]] = False
    apolar = torch.tensor([chemistry.element(atom) in "CS" for atom in chemistry.ATOMS]) & side
    chosen = torch.isin(structure.residues[surface.residues], kinds) & apolar[surface.slots]
    chosen &= surface.areas >= EXPOSED
    points, areas = surface.positions[chosen].double().numpy(), surface.areas[chosen].double()
    if not len(points):
        return []
    pairs = kd_tree(points).query_pairs(PATCH_DISTANCE, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
    count, label = connected_components(graph, directed=False)
    sums = torch.zeros(count, dtype=areas.dtype).index_add_(0, torch.from_numpy(label).long(), areas)
    return sorted(sums.tolist(), reverse=True)

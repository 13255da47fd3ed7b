"""`chemistry.side_chains` as tensors, one row per residue type, for `geometry.side_chains`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cache, cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry.side_chains import BACKBONE_ANGLE, SIDE_CHAINS
from protein_enn.geometry.dihedrals import dihedral

FIRST = 4
"""Column of CB in atom14: the first atom of a side chain."""
WIDTH = chemistry.ATOM14_WIDTH - FIRST
_ON_AXIS = math.sin(math.radians(10))
"""Å from an axis; an atom nearer to it does not determine the rotation about it."""


@dataclass(frozen=True, eq=False)
class Topology:
    """21 residue types. Columns are atom14; those of side chains count from CB. Å, radians, float64."""

    after: Int[Tensor, "21 10 3"]  # the atoms a b c from which an atom d is placed
    placement: Float[Tensor, "21 10 3"]  # dihedral a-b-c-d, or its offset from chi; c-d along b-c, and across it
    chi: Int[Tensor, "21 10"]  # the chi of that dihedral; 0: none
    level: Int[Tensor, "21 10"]  # the round in which an atom can be placed; CB in round 0; -1: no such atom
    group: Int[Tensor, "21 10"]  # the last chi that rotates an atom; 0: none
    beta: Float[Tensor, "21 3"]  # CB from CA: along the bisector of N-CA-C, across it, along N x C
    chi_atoms: Int[Tensor, "21 4 4"]
    has_chi: Bool[Tensor, "21 4"]
    rotatable: Bool[Tensor, "21 4"]  # whether `rotate_chi` changes it: not in a ring
    determines_chi: Bool[Tensor, "21 4 10"]  # whether the dihedral of an atom about the axis of chi_k gives chi_k
    chi_offset: Float[Tensor, "21 10"]  # that dihedral minus chi_k, k the group of the atom

    @cached_property
    @torch.inference_mode(mode=False)
    def columns(self) -> list[Int[Tensor, "_"]]:
        """The columns in which any residue type has atoms of round 1, 2, ..."""
        return [(self.level == step).any(0).nonzero()[:, 0] for step in range(1, int(self.level.max()) + 1)]

    @cached_property
    @torch.inference_mode(mode=False)
    def is_beta(self) -> Bool[Tensor, "14"]:
        """The atom14 column of CB."""
        return torch.arange(chemistry.ATOM14_WIDTH, device=self.level.device) == FIRST


@cache
@torch.inference_mode(mode=False)  # what is kept may be part of a later gradient
def topology(device: torch.device) -> Topology:
    """The table on a device."""
    if device.type != "cpu":
        host = topology(torch.device("cpu"))
        return Topology(*(getattr(host, f.name).to(device) for f in fields(Topology)))
    n = len(chemistry.RESIDUES)
    table = Topology(
        after=torch.zeros(n, WIDTH, 3).long(),
        placement=torch.zeros(n, WIDTH, 3).double(),
        chi=torch.zeros(n, WIDTH).long(),
        level=torch.full((n, WIDTH), -1),
        group=torch.zeros(n, WIDTH).long(),
        beta=torch.zeros(n, 3).double(),
        chi_atoms=torch.zeros(n, 4, 4).long(),
        has_chi=torch.zeros(n, 4).bool(),
        rotatable=torch.zeros(n, 4).bool(),
        determines_chi=torch.zeros(n, 4, WIDTH).bool(),
        chi_offset=torch.zeros(n, WIDTH).double(),
    )
    for name in chemistry.RESIDUES:
        _fill(table, name)
    return table


def _fill(table: Topology, name: str) -> None:
    """Fills the row of one residue type, from its ideal molecule with every chi 0."""
    row, atoms = chemistry.RESIDUE_INDEX[name], chemistry.RESIDUE_ATOMS[name]
    for k, four in enumerate(chemistry.CHI_ATOMS.get(name, ())):
        table.chi_atoms[row, k] = torch.tensor([atoms.index(atom) for atom in four])
        table.has_chi[row, k], table.rotatable[row, k] = True, name != "PRO"
    points = _backbone(math.radians(BACKBONE_ANGLE[name]))
    level, group = dict.fromkeys(atoms[:FIRST], -1), dict.fromkeys(atoms[:FIRST], 0)
    for placed in SIDE_CHAINS[name]:
        before, column = placed.after.split(), atoms.index(placed.atom) - FIRST
        level[placed.atom] = 1 + max(level[atom] for atom in before)
        group[placed.atom] = placed.chi or max(group[atom] for atom in before)
        table.after[row, column] = torch.tensor([atoms.index(atom) for atom in before])
        bond_angle, torsion = math.radians(placed.angle), math.radians(placed.dihedral)
        along, across = -placed.bond * math.cos(bond_angle), placed.bond * math.sin(bond_angle)
        table.placement[row, column] = torch.tensor([torsion, along, across]).double()
        table.chi[row, column] = placed.chi
        table.level[row, column], table.group[row, column] = level[placed.atom], group[placed.atom]
        a, b, c = (points[atom] for atom in before)
        points[placed.atom] = _position(a, b, c, along, across, torsion)
    if SIDE_CHAINS[name]:
        table.beta[row] = _in_bisector(points)
    for atom in atoms[FIRST + 1 :]:
        k, column = group[atom] - 1, atoms.index(atom) - FIRST
        a, b, c = (points[x] for x in chemistry.CHI_ATOMS[name][k][:3])
        reach = torch.linalg.cross(points[atom] - c, (c - b) / (c - b).norm()).norm()
        if float(reach) > _ON_AXIS:
            table.determines_chi[row, k, column] = True
            table.chi_offset[row, column] = dihedral(a, b, c, points[atom])


def _backbone(angle: float) -> dict[str, Tensor]:
    """N, CA and C with this angle N-CA-C; their bond lengths do not matter here."""
    n = torch.tensor([math.cos(angle), math.sin(angle), 0.0]).double()
    return {"N": 1.46 * n, "CA": torch.zeros(3).double(), "C": torch.tensor([1.525, 0.0, 0.0]).double()}


def _in_bisector(points: dict[str, Tensor]) -> Float[Tensor, "3"]:
    """CB along the axes of `Topology.beta`."""
    n, c = (points[atom] / points[atom].norm() for atom in ("N", "C"))
    middle, normal = (n + c) / (n + c).norm(), torch.linalg.cross(n, c)
    normal = normal / normal.norm()
    return torch.stack([middle, torch.linalg.cross(normal, middle), normal]) @ points["CB"]


def _position(a: Tensor, b: Tensor, c: Tensor, along: float, across: float, torsion: float) -> Tensor:
    """d at these distances along b-c and across it, with the dihedral a-b-c-d."""
    forward = (c - b) / (c - b).norm()
    side = (a - b) - ((a - b) @ forward) * forward
    side = side / side.norm()
    up = torch.linalg.cross(forward, side)
    return c + along * forward + across * (math.cos(torsion) * side + math.sin(torsion) * up)

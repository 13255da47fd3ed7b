"""`side_chain_table` as tensors, one row a residue type: what `sidechains` looks up."""

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
"""Column of CB in the compact layout: the first atom of a side chain."""
WIDTH = chemistry.COMPACT_WIDTH - FIRST
_ON_AXIS = math.sin(math.radians(10))
"""Å from an axis below which an atom says nothing of the turn about it."""


@dataclass(frozen=True, eq=False)
class Topology:
    """21 residue types; columns of atoms are compact ones, of side chains counted from CB. Å, radians, float64."""

    after: Int[Tensor, "21 10 3"]  # the atoms a b c behind which an atom is placed
    placing: Float[Tensor, "21 10 3"]  # a-b-c-d or what is added to chi; c-d along b-c, and across it
    chi: Int[Tensor, "21 10"]  # 0: none
    level: Int[Tensor, "21 10"]  # in which round an atom can be placed; CB in round 0; -1: no such atom
    group: Int[Tensor, "21 10"]  # the last chi with which an atom turns; 0: none
    beta: Float[Tensor, "21 3"]  # CB about CA along the bisector of N-CA-C, across it, along N x C
    chi_atoms: Int[Tensor, "21 4 4"]
    has_chi: Bool[Tensor, "21 4"]
    turns: Bool[Tensor, "21 4"]  # whether `rotate_chi` turns it: not in a ring
    tells: Bool[Tensor, "21 4 10"]  # whether an atom's dihedral about the axis of chi_k gives chi_k
    around: Float[Tensor, "21 10"]  # that dihedral less chi_k, k the atom's group

    @cached_property
    def columns(self) -> list[Int[Tensor, "_"]]:
        """The columns in which any residue type has atoms of round 1, 2, ..."""
        return [(self.level == step).any(0).nonzero()[:, 0] for step in range(1, int(self.level.max()) + 1)]

    @cached_property
    def is_beta(self) -> Bool[Tensor, "14"]:
        """The compact column of CB."""
        return torch.arange(chemistry.COMPACT_WIDTH, device=self.level.device) == FIRST


@cache
def topology(device: torch.device) -> Topology:
    """The table on a device."""
    if device.type != "cpu":
        host = topology(torch.device("cpu"))
        return Topology(*(getattr(host, f.name).to(device) for f in fields(Topology)))
    n = len(chemistry.RESIDUES)
    table = Topology(
        after=torch.zeros(n, WIDTH, 3).long(),
        placing=torch.zeros(n, WIDTH, 3).double(),
        chi=torch.zeros(n, WIDTH).long(),
        level=torch.full((n, WIDTH), -1),
        group=torch.zeros(n, WIDTH).long(),
        beta=torch.zeros(n, 3).double(),
        chi_atoms=torch.zeros(n, 4, 4).long(),
        has_chi=torch.zeros(n, 4).bool(),
        turns=torch.zeros(n, 4).bool(),
        tells=torch.zeros(n, 4, WIDTH).bool(),
        around=torch.zeros(n, WIDTH).double(),
    )
    for name in chemistry.RESIDUES:
        _fill(table, name)
    return table


def _fill(table: Topology, name: str) -> None:
    """One residue type, through its ideal molecule with every chi 0."""
    row, atoms = chemistry.RESIDUE_INDEX[name], chemistry.RESIDUE_ATOMS[name]
    for k, four in enumerate(chemistry.CHI_ATOMS.get(name, ())):
        table.chi_atoms[row, k] = torch.tensor([atoms.index(atom) for atom in four])
        table.has_chi[row, k], table.turns[row, k] = True, name != "PRO"
    points = _backbone(math.radians(BACKBONE_ANGLE[name]))
    level, group = dict.fromkeys(atoms[:FIRST], -1), dict.fromkeys(atoms[:FIRST], 0)
    for placed in SIDE_CHAINS[name]:
        before, column = placed.after.split(), atoms.index(placed.atom) - FIRST
        level[placed.atom] = 1 + max(level[atom] for atom in before)
        group[placed.atom] = placed.chi or max(group[atom] for atom in before)
        table.after[row, column] = torch.tensor([atoms.index(atom) for atom in before])
        bend, turn = math.radians(placed.angle), math.radians(placed.turn)
        along, across = -placed.bond * math.cos(bend), placed.bond * math.sin(bend)
        table.placing[row, column] = torch.tensor([turn, along, across]).double()
        table.chi[row, column] = placed.chi
        table.level[row, column], table.group[row, column] = level[placed.atom], group[placed.atom]
        a, b, c = (points[atom] for atom in before)
        points[placed.atom] = _place(a, b, c, along, across, turn)
    if SIDE_CHAINS[name]:
        table.beta[row] = _in_bisector(points)
    for atom in atoms[FIRST + 1 :]:
        k, column = group[atom] - 1, atoms.index(atom) - FIRST
        a, b, c = (points[x] for x in chemistry.CHI_ATOMS[name][k][:3])
        reach = torch.linalg.cross(points[atom] - c, (c - b) / (c - b).norm()).norm()
        if float(reach) > _ON_AXIS:
            table.tells[row, k, column] = True
            table.around[row, column] = dihedral(a, b, c, points[atom])


def _backbone(angle: float) -> dict[str, Tensor]:
    """N, CA, C (bond lengths do not matter here)."""
    n = torch.tensor([math.cos(angle), math.sin(angle), 0.0]).double()
    return {"N": 1.46 * n, "CA": torch.zeros(3).double(), "C": torch.tensor([1.525, 0.0, 0.0]).double()}


def _in_bisector(points: dict[str, Tensor]) -> Float[Tensor, "3"]:
    n, c = (points[atom] / points[atom].norm() for atom in ("N", "C"))
    middle, normal = (n + c) / (n + c).norm(), torch.linalg.cross(n, c)
    normal = normal / normal.norm()
    return torch.stack([middle, torch.linalg.cross(normal, middle), normal]) @ points["CB"]


def _place(a: Tensor, b: Tensor, c: Tensor, along: float, across: float, turn: float) -> Tensor:
    """d so far along b-c and across it, at the dihedral abcd."""
    forward = (c - b) / (c - b).norm()
    side = (a - b) - ((a - b) @ forward) * forward
    side = side / side.norm()
    up = torch.linalg.cross(forward, side)
    return c + along * forward + across * (math.cos(turn) * side + math.sin(turn) * up)

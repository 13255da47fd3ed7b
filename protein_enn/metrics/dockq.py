"""DockQ: how well the interface of two chains is modeled, 0 to 1 (Basu & Wallner (2016) PLoS ONE 11:e0161879).

    DockQ = (Fnat + 1 / (1 + (iRMSD / 1.5 Å)^2) + 1 / (1 + (LRMSD / 8.5 Å)^2)) / 3

Fnat: fraction of the native contacts (residues of the two chains with heavy atoms within 5 Å) that the model has too; a
contact of a residue that the model lacks is lost. iRMSD: of the backbone (N, CA, C, O) of the interface (residues with
a heavy atom within 10 Å of the other chain in the native) after its superposition. LRMSD: of the backbone of the
ligand, the shorter chain, after superposition of the receptor's. Quality classes of that paper: acceptable from 0.23,
medium from 0.49, high from 0.80.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.superposition import moved, rmsd, superpose
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import Structure

CONTACT = 5.0
INTERFACE = 10.0
INTERFACE_SCALE = 1.5
LIGAND_SCALE = 8.5
"""Å."""


@dataclass(frozen=True)
class Interface:
    """The metrics of one interface; chains by their author ids."""

    native_chains: tuple[str, str]  # receptor (the longer one), ligand
    model_chains: tuple[str, str]
    dockq: float
    fnat: float
    irmsd: float  # Å
    lrmsd: float  # Å
    native_contacts: int

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def dockq(model: Structure, native: Structure, matched: tuple[Int[Tensor, "m"], Int[Tensor, "m"]]) -> list[Interface]:
    """Every native interface between two chains that the model has as well, in the order of the native's chains.

    `matched`: rows of the model and of the native that are the same residue (`match_residues`).
    """
    i, j = matched
    ours = torch.full((len(native),), -1)
    ours[j] = i
    found = []
    sizes = native.chains.bincount(minlength=len(native.chain_ids)).tolist()
    for a, b in combinations(native.chains[j].unique().tolist(), 2):
        first, second = (a, b) if sizes[a] >= sizes[b] else (b, a)
        if (interface := _interface(model, native, ours, first, second)) is not None:
            found.append(interface)
    return found


def _interface(
    model: Structure, native: Structure, ours: Int[Tensor, "n"], receptor: int, ligand: int
) -> Interface | None:
    """The metrics of two native chains; None if they do not touch, or too little of them is in the model."""
    sides = [(native.chains == chain).nonzero()[:, 0] for chain in (receptor, ligand)]
    wanted = contacts(native, sides[0], sides[1], CONTACT)
    if not wanted:
        return None
    near = contacts(native, sides[0], sides[1], INTERFACE)
    chosen = torch.tensor(sorted({row for pair in near for row in pair}))
    both = [side[ours[side] >= 0] for side in sides]
    backbones = [_backbone(model, native, ours, rows) for rows in (chosen, both[0], both[1])]
    if min(len(x) for x, _ in backbones) < 3:
        return None
    made = contacts(model, ours[both[0]], ours[both[1]], CONTACT)
    kept = sum((int(ours[i]), int(ours[j])) in made for i, j in wanted)
    fnat, irmsd = kept / len(wanted), rmsd(*backbones[0])
    (x, y), (mobile, target) = backbones[1], backbones[2]
    lrmsd = rmsd(moved(mobile, *superpose(x, y)), target, superposed=False)
    value = (fnat + 1 / (1 + (irmsd / INTERFACE_SCALE) ** 2) + 1 / (1 + (lrmsd / LIGAND_SCALE) ** 2)) / 3
    names = [model.chain_ids[int(model.chains[ours[side[0]]])] for side in both]
    return Interface(
        native_chains=(native.chain_ids[receptor], native.chain_ids[ligand]),
        model_chains=(names[0], names[1]),
        dockq=value,
        fnat=fnat,
        irmsd=irmsd,
        lrmsd=lrmsd,
        native_contacts=len(wanted),
    )


def contacts(
    structure: Structure, first: Int[Tensor, "a"], second: Int[Tensor, "b"], reach: float
) -> set[tuple[int, int]]:
    """Pairs of residues, one of each set of rows, with heavy atoms within `reach` Å."""
    trees, owners = [], []
    for rows in (first, second):
        present = structure.present[rows]
        points = structure.positions[rows][present].double().numpy()
        if not len(points):
            return set()
        trees.append(kd_tree(points))
        owners.append(rows[present.nonzero()[:, 0]].tolist())
    near = trees[0].query_ball_tree(trees[1], reach)
    return {(owners[0][i], owners[1][j]) for i, others in enumerate(near) for j in others}


def _backbone(
    model: Structure, native: Structure, ours: Int[Tensor, "n"], rows: Int[Tensor, "r"]
) -> tuple[Float[Tensor, "a 3"], Float[Tensor, "a 3"]]:
    """N, CA, C and O of native rows that both have: in the model, in the native; float64."""
    rows = rows[ours[rows] >= 0]
    slots = list(chemistry.BACKBONE)
    x, y = model.positions[ours[rows]][:, slots].double(), native.positions[rows][:, slots].double()
    there: Bool[Tensor, "r 4"] = model.present[ours[rows]][:, slots] & native.present[rows][:, slots]
    return x[there], y[there]

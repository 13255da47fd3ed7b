"""Packed side chains that clash: the likeliest ones of the model that go together instead."""

from __future__ import annotations

from dataclasses import fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.packing.contacts import Atoms, choose, contacts
from protein_enn.packing.rotamer_search import Candidates, bonds_from_ends, candidate_atoms, environment
from protein_enn.packing.side_chains import SideChains
from protein_enn.structure import Structure

CANDIDATES = 10
"""Draws of the model for each residue near a clash, beside the angles that it has."""
TOUCH = 3.0
"""Energy of `contacts` from which a contact is a clash."""
TEMPERATURE = 1.2
ROUNDS = 2


def without_clashes(
    side_chains: SideChains,
    structure: Structure,
    wanted: Bool[Tensor, "n 14"],
    nodes: Int[Tensor, "g"],
    bonded: list[tuple[int, int]],
    generator: torch.Generator,
) -> None:
    """Exchanges side chains that clash, and those next to them, for draws of the model that do not.

    Parameters
    ----------
    side_chains
        All packed.
    structure
        With the atoms that do not move.
    wanted
        Atoms that are new.
    nodes
        The residue of each node of `side_chains`.
    bonded
        Cysteines in a disulfide, which stay.
    generator
        Of the draws.
    """
    residues, near = structure.residues, bonds_from_ends()[structure.residues]
    fixed = {node for pair in bonded for node in pair}
    surrounding = environment(structure)
    for _ in range(ROUNDS):
        rows = side_chains.rows
        current = _atoms(side_chains, rows, side_chains.chi[rows], nodes, residues, wanted)
        clashing = _clashing(current, surrounding, near)
        chosen = torch.tensor([i for i in clashing.tolist() if int(rows[i]) not in fixed], dtype=torch.long)
        if not len(chosen):
            return
        owner = torch.arange(len(chosen)).repeat_interleave(CANDIDATES + 1)
        repeated = rows[chosen][owner]
        drawn, density = side_chains.draw(repeated, TEMPERATURE, generator)
        kept = torch.arange(len(owner)) % (CANDIDATES + 1) == 0
        drawn = torch.where(kept[:, None], side_chains.chi[repeated], drawn)
        density = torch.where(kept, side_chains.conditional(rows[chosen]).log_density[owner], density)
        atoms = _atoms(side_chains, repeated, drawn, nodes, residues, wanted)
        staying = current.take(~torch.isin(current.residue, nodes[rows[chosen]]))
        around = Atoms(*(torch.cat([getattr(part, f.name) for part in (surrounding, staying)]) for f in fields(Atoms)))
        best = choose(atoms, around, -density.double(), owner, near)
        side_chains.set(rows[chosen], drawn[best])


def _atoms(
    side_chains: SideChains,
    rows: Int[Tensor, "c"],
    chi: Float[Tensor, "c 4"],
    nodes: Int[Tensor, "g"],
    residues: Int[Tensor, "n"],
    wanted: Bool[Tensor, "n 14"],
) -> Atoms:
    """The new atoms of candidates: a side chain with these angles for each row."""
    built = side_chains.backbones.atoms(rows, chi).double() + side_chains.backbones.origin.double()
    where = nodes[rows]
    candidates = Candidates(where, torch.arange(len(rows)), chi)
    return candidate_atoms(built, candidates, residues[where], wanted[where])


def _clashing(current: Atoms, surrounding: Atoms, near: Int[Tensor, "n 37 2"]) -> Int[Tensor, "_"]:
    """Candidates of `current` with an atom in a clash."""
    found = []
    for others in (surrounding, current):
        ours, _, energy = contacts(current, others, near)
        found.append(current.candidate[ours[energy > TOUCH]])
    return torch.cat(found).unique()

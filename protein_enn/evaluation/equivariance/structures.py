"""The default structures of a certificate: HIV-1 integrase, and a complex of it.

1BHL of the Protein Data Bank (coordinates are CC0), one chain of 135 residues with two cacodylated cysteines and 59
atoms that are not protein.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import torch

from protein_enn.geometry.rotations import random_rotation
from protein_enn.io import read_structure
from protein_enn.structure import HeteroAtoms, Links, Structure

GRID = 2.0**-13
"""Å. Multiples of it below 2,048 Å are exact in float32, so that nothing is rounded when a structure moves by 1,000 Å;
it is an eighth of the last digit of a PDB file."""
NOISE = 0.5
"""Å, standard deviation on each coordinate of the complex, so that refinement has errors to correct."""

DISTANCE = 2.6
"""Between the chains, times the radius within which 80 % of a chain's CA are: they touch but do not interpenetrate."""


def default_structures(seed: int = 0) -> list[Structure]:
    """One native chain, and a complex of two such chains in contact and a piece of 20 residues, perturbed."""
    data = (files("protein_enn.evaluation.equivariance") / "1bhl.pdb.gz").read_bytes()
    native = read_structure(data, name="1bhl")
    return [native, complex_of(native, seed)]


def complex_of(structure: Structure, seed: int) -> Structure:
    """The first chain of a structure, its copy and a piece of it, in contact, as chains A, B and C, perturbed."""
    generator = torch.Generator().manual_seed(seed)
    rows = (structure.chains == 0).nonzero()[:, 0]
    size, piece = len(rows), min(20, len(rows))
    radius = float((structure.ca[rows] - structure.ca[rows].mean(0)).norm(dim=-1).quantile(0.8))
    both = structure.take(torch.cat([rows, rows, rows[:piece]]))
    chains = torch.tensor([0] * size + [1] * size + [2] * piece)
    positions = both.positions.double()
    center = positions[:size, 1].mean(0)
    for chain, shift in ((1, (DISTANCE * radius, 0.0, 0.0)), (2, (0.0, DISTANCE * radius, 0.0))):
        rotation = random_rotation(seed + chain)
        inside = chains == chain
        positions[inside] = (positions[inside] - center) @ rotation.T + center + torch.tensor(shift).double()
    positions += NOISE * torch.randn(positions.shape, generator=generator, dtype=torch.float64)
    ids = ("A", "B", "C")
    return replace(
        both.with_positions(positions.to(structure.positions.dtype)),
        name=f"{structure.name}_complex",
        chains=chains,
        chain_ids=ids,
        label_chain_ids=ids,
        hetero=HeteroAtoms.empty(),
        links=Links.empty(),
    )


def on_grid(structure: Structure) -> Structure:
    """The structure in float64 about the origin, coordinates rounded to multiples of `GRID`."""
    positions = structure.positions.double()
    center = positions[structure.present].mean(0)
    hetero = replace(structure.hetero, positions=_rounded(structure.hetero.positions.double() - center))
    return replace(structure.with_positions(_rounded(positions - center)), hetero=hetero)


def in_dtype(structure: Structure, dtype: torch.dtype) -> Structure:
    """The structure with coordinates of another precision."""
    hetero = replace(structure.hetero, positions=structure.hetero.positions.to(dtype))
    return replace(structure, positions=structure.positions.to(dtype), hetero=hetero)


def reorder_chains(structure: Structure, order: torch.Tensor) -> Structure:
    """The same structure with its chains in another order, and numbered in that order."""
    taken = structure.take(order)
    old = list(dict.fromkeys(taken.chains.tolist()))
    new = torch.tensor([old.index(i) if i in old else -1 for i in range(len(structure.chain_ids))])
    return replace(
        taken,
        chains=new[taken.chains],
        chain_ids=tuple(structure.chain_ids[i] for i in old),
        label_chain_ids=tuple(structure.label_chain_ids[i] for i in old),
    )


def _rounded(positions: torch.Tensor) -> torch.Tensor:
    """To multiples of `GRID`."""
    return (positions / GRID).round() * GRID

"""A small store of frames whose energies and forces have a formula."""

from __future__ import annotations

from pathlib import Path

import torch

from protein_enn.data.frame_format import Molecule, set_of
from protein_enn.data.frames import Frame, FrameStore, write_manifest, write_shard

ATOMS = {"ALA": [6, 1, 1, 1, 7, 1], "GLY": [8, 1, 1], "TYR": [6, 8, 1, 1]}
"""Residue: elements of its stand-in."""
ENERGIES = {1: -10.0, 6: -50.0, 7: -70.0, 8: -110.0}
"""eV of an atom of each element."""


def energy_of(elements: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Springs of 1.5 Å between all atoms, eV."""
    first, second = torch.triu_indices(len(elements), len(elements), 1)
    away = (positions[first] - positions[second]).norm(dim=1)
    return sum(ENERGIES[int(e)] for e in elements) + (away - 1.5).square().sum()


def write_frames(folder: Path, conformations: int = 120) -> FrameStore:
    """A frame of each conformation, of three molecules in turn, one of them with a held-out residue."""
    molecules = [
        Molecule(
            name=f"ACE-{residue}-NME",
            residues=[residue],
            charge=0,
            elements=elements,
            atoms=[f"{residue} X{i}" for i in range(len(elements))],
            set=set_of([residue]),
        )
        for residue, elements in ATOMS.items()
    ]
    frames = []
    for i in range(conformations):
        elements = torch.tensor(molecules[i % 3].elements)
        generator = torch.Generator().manual_seed(i)
        positions = torch.randn(len(elements), 3, generator=generator, dtype=torch.float64).requires_grad_()
        energy = energy_of(elements, positions)
        (gradient,) = torch.autograd.grad(energy, positions)
        frames.append(
            Frame(elements, positions.detach().float(), 0, float(energy.detach()), -gradient.float(), i % 3, i)
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_shard(folder, 0, frames)
    write_manifest(folder, molecules, 1, seed=1, program="tblite 0.8.0")
    return FrameStore(folder)

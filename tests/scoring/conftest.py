"""A three-helix structure with a random sequence, and a design predictor that nobody trained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.predictor import Predictor, untrained
from protein_enn.structure import Structure

# Cylindrical coordinates (radius Å, angle in degrees, height Å) of a residue of an alpha helix.
HELIX = {"N": (1.55, -28.0, -0.9), "CA": (2.29, 0.0, 0.0), "C": (1.65, 26.0, 1.15), "O": (2.0, 22.0, 2.35)}


def helix(length: int, at: tuple[float, float]) -> Tensor:
    """(length, 37, 3): N, CA, C, O of a helix along z through `at`."""
    positions = torch.zeros(length, 37, 3)
    for name, (radius, angle, height) in HELIX.items():
        rotation = torch.deg2rad(angle + 100.0 * torch.arange(length))
        z = height + 1.5 * torch.arange(length)
        slot = chemistry.ATOM_INDEX[name]
        positions[:, slot] = torch.stack([at[0] + radius * rotation.cos(), at[1] + radius * rotation.sin(), z], -1)
    return positions


@pytest.fixture(scope="session")
def bundle() -> Structure:
    """48 residues in two chains, the first of two helices."""
    positions = torch.cat([helix(16, (0.0, 0.0)), helix(16, (9.0, 1.0)), helix(16, (4.0, 8.5))])
    n = len(positions)
    generator = torch.Generator().manual_seed(5)
    positions = positions + 0.05 * torch.randn(positions.shape, generator=generator)
    present = torch.zeros(n, 37, dtype=torch.bool)
    present[:, list(chemistry.BACKBONE)] = True
    residues = torch.randint(20, (n,), generator=generator)
    chains = torch.tensor([0] * 32 + [1] * 16)
    numbers = torch.cat([torch.arange(1, 33), torch.arange(1, 17)])
    return Structure(
        name="bundle",
        residues=residues,
        positions=positions * present[..., None],
        present=present,
        chains=chains,
        chain_ids=("A", "B"),
        label_chain_ids=("A", "B"),
        numbers=numbers,
        insertion_codes=("",) * n,
        label_numbers=numbers,
        residue_names=tuple(chemistry.RESIDUES[i] for i in residues.tolist()),
        b_factors=torch.zeros(n, 37),
        occupancies=present.float(),
    )


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return untrained("design", {"k": 16, "decoder_layers": 2, "hidden": 32}, seed=1)

"""Copies in an exactly symmetric assembly have the same features, also where neighbors are equally far."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.graph.protein_graph import graph_of_atoms
from protein_enn.io import read_structure
from protein_enn.models import build

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "1bhl.pdb"


def trimer(offset: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Backbone in atom14, mask, residues and chains of three copies around an axis at that distance."""
    protein = read_structure(EXAMPLE)
    backbone = torch.tensor(chemistry.BACKBONE)
    atom14, mask = protein.positions[:, backbone].double(), protein.present[:, backbone]
    center = atom14[:, 1].mean(0) + torch.tensor([offset, 0.0, 0.0])
    copies = []
    for angle in (0.0, 2 * math.pi / 3, 4 * math.pi / 3):
        c, s = math.cos(angle), math.sin(angle)
        rotation = torch.tensor([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]).double()
        copies.append((atom14 - center) @ rotation.T * mask[..., None])
    chains = torch.arange(3).repeat_interleave(len(protein))
    return torch.cat(copies).float(), mask.repeat(3, 1), protein.residues.repeat(3), chains


@pytest.mark.parametrize("encoder", ["invariant", "tensor_field", "gvp", "attention"])
def test_copies_agree_where_neighbors_are_tied(encoder: str) -> None:
    tied = 0
    torch.manual_seed(0)
    model = build("design", {"encoder": encoder, "k": 12}).eval()
    for offset in range(8, 20, 2):
        atom14, mask, residues, chains = trimer(float(offset))
        graph = graph_of_atoms(atom14, mask, residues, chains, 12, side_chains=False)
        if graph.neighbors.shape[1] == 12:
            continue
        tied += 1
        with torch.inference_mode():
            encoding = model.encode(graph)
            sequence = torch.zeros(len(residues), dtype=torch.long)
            logits = model.logits(encoding, sequence, torch.zeros_like(graph.neighbor_mask))
        first, *others = logits.double().chunk(3)
        for other in others:
            assert (other - first).abs().max() < 2e-5 * first.abs().max()
    assert tied, "no assembly has a tie: choose other axes"

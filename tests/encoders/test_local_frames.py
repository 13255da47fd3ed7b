"""Local frames: exactly equivariant to rotations, not to reflections; a residue without N or C has no frame."""

from __future__ import annotations

import pytest
import torch

from protein_enn.encoders import encoder
from protein_enn.geometry.rotations import random_rotation
from protein_enn.graph import protein_graph
from protein_enn.graph.atom_graph import ATOM_WIDTHS
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.testing import equivariance_error, random_structure


def test_it_is_equivariant_to_rotations_but_not_to_reflections() -> None:
    torch.manual_seed(0)
    model = encoder("local_frames", {"layers": 2}, BACKBONE_WIDTHS).double().eval()
    graph = protein_graph(random_structure((14, 9), dtype=torch.float64), 8, side_chains=False)
    shift = torch.tensor([1000.0, 0.0, -1000.0], dtype=torch.float64)
    assert equivariance_error(model, graph, random_rotation(4), shift) < 1e-10
    assert equivariance_error(model, graph, -random_rotation(4), shift) > 1e-3


def test_a_residue_without_a_frame_gives_no_vectors() -> None:
    torch.manual_seed(0)
    model = encoder("local_frames", {"layers": 1}, BACKBONE_WIDTHS).eval()
    graph = protein_graph(random_structure((14,)), 8, side_chains=False)
    graph.vectors[3, 0] = 0.0  # its N is missing
    with torch.no_grad():
        vectors = model(graph)[0].vectors
    assert (vectors[3] == 0).all() and (vectors[4] != 0).any()


def test_graphs_without_backbones_are_refused() -> None:
    with pytest.raises(ValueError, match="local_frames needs"):
        encoder("local_frames", {}, ATOM_WIDTHS)


def test_random_rotations_are_drawn_from_all_of_the_group() -> None:
    generator = torch.Generator().manual_seed(0)
    rotations = torch.stack([random_rotation(generator, reflections=True) for _ in range(400)])
    torch.testing.assert_close(rotations @ rotations.transpose(1, 2), torch.eye(3).double().expand(400, 3, 3))
    assert 150 < int((torch.det(rotations) < 0).sum()) < 250
    assert rotations.mean(0).abs().max() < 0.15
    assert torch.det(random_rotation(generator)) > 0

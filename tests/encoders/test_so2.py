"""The encoder in edge frames, beyond the contract of every encoder: its settings, edges without direction."""

from dataclasses import replace

import pytest
import torch

from protein_enn.encoders import encoder
from protein_enn.graph import protein_graph
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.testing import assert_equivariant, random_structure

STRUCTURE = random_structure((14, 9), dtype=torch.float64)
GRAPH = protein_graph(STRUCTURE, 8, side_chains=False)


def new_encoder(**settings: int | bool) -> torch.nn.Module:
    torch.manual_seed(0)
    return encoder("so2", {"layers": 2, **settings}, BACKBONE_WIDTHS).double().eval()


@pytest.mark.parametrize("settings", [{"lmax": 1}, {"lmax": 3, "mmax": 3}, {"mmax": 0}, {"mmax": 1}, {"chiral": True}])
def test_settings_keep_the_contract(settings):
    assert_equivariant(new_encoder(**settings), GRAPH)


def test_sizes_are_those_of_the_layout():
    model = new_encoder(scalars=24, odd=5, channels=3, lmax=3, edges=11, hidden=13)
    features, edges = model(GRAPH)
    assert model.layout.irreps == "24x0e + 5x0o + 3x1o + 3x2e + 3x3o"
    assert features.flat().shape == (23, 24 + 5 + 3 * (3 + 5 + 7))
    assert edges.scalars.shape == (23, 8, 11)


@pytest.mark.parametrize("chiral", [False, True])
def test_coincident_nodes_are_equivariant_too(chiral):
    """There is no direction from one to the other, and the choice of a frame must not change the result."""
    positions = STRUCTURE.positions.clone()
    positions[3] = positions[4]
    positions[6] = positions[5] + 1e-4  # below the length where a direction shrinks
    graph = protein_graph(replace(STRUCTURE, positions=positions), 8, side_chains=False)
    assert (graph.pos[3] == graph.pos[4]).all()
    assert_equivariant(new_encoder(chiral=chiral), graph, far=0.0)  # far from the origin 1e-4 Å would be rounded


def test_only_tensors_of_a_chiral_encoder_depend_on_chirality():
    """Only odd scalars of the edges are negated, for one layer, whose tensors do not depend on other odd scalars."""
    for chiral in (False, True):
        model = new_encoder(chiral=chiral, layers=1)
        edges = model.edges(GRAPH)
        model.edges.forward = lambda graph, edges=edges: edges
        before = model(GRAPH)[0]
        object.__setattr__(edges, "pseudoscalars", -edges.pseudoscalars)
        odd = GRAPH.clone()
        odd.pseudoscalars = -GRAPH.pseudoscalars
        after = model(odd)[0]
        torch.testing.assert_close(after.pseudoscalars, -before.pseudoscalars)
        difference = (after.tensors - before.tensors).abs().max() / before.tensors.abs().max()
        assert (difference > 1e-3) == chiral

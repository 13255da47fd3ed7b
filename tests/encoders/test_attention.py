"""The attention encoder alone; the contract of all encoders is in test_encoders.py."""

from dataclasses import replace
from typing import cast

import pytest
import torch

from protein_enn.encoders import encoder
from protein_enn.encoders.attention import EquivariantAttention
from protein_enn.graph import protein_graph
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.testing import assert_equivariant, random_structure


def new_encoder(**settings: int) -> EquivariantAttention:
    torch.manual_seed(0)
    return cast(EquivariantAttention, encoder("attention", {"layers": 2, **settings}, BACKBONE_WIDTHS).double().eval())


@pytest.fixture
def graph():
    return protein_graph(random_structure((14, 9), dtype=torch.float64), 8, side_chains=False)


@pytest.mark.parametrize("lmax", [0, 1, 2, 3])
def test_every_degree_is_equivariant(lmax, graph):
    model = new_encoder(lmax=lmax, channels=4)
    assert_equivariant(model, graph)
    features = model(graph)[0]
    assert features.tensors.shape == (23, (lmax + 1) ** 2 - 1, 4 if lmax else 0)
    assert features.flat().shape[1] == 128 + 16 + (4 * features.tensors.shape[1] if lmax else 0)
    for degree in range(1, lmax + 1):
        assert features.tensors[:, degree**2 - 1 : (degree + 1) ** 2 - 1].abs().max() > 1e-3


def test_every_weight_has_a_gradient(graph):
    """Also the logits of every head."""
    model = new_encoder(heads=4)
    model(graph)[0].flat().square().sum().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not idle


def test_attention_depends_on_the_neighbors(graph):
    """Logits of zero weigh all neighbors by their cutoff alone; other logits give other features."""
    model = new_encoder()
    before = model(graph)[0].flat()
    for layer in model.layers:
        torch.nn.init.zeros_(layer.attention.logits.weight)
    assert (model(graph)[0].flat() - before).abs().max() > 1e-4


@pytest.mark.parametrize("lmax", [0, 2])
def test_features_do_not_jump_where_a_neighbor_crosses_the_cutoff(lmax):
    """Two residues, each the only neighbor of the other."""
    structure = random_structure((2,), dtype=torch.float64)
    model = new_encoder(lmax=lmax)

    def at(distance: float) -> torch.Tensor:
        shift = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64) * distance
        offset = shift - structure.ca
        positions = (structure.positions + offset[:, None]) * structure.present[..., None]
        return model(protein_graph(replace(structure, positions=positions), 4, side_chains=False))[0].flat()

    cutoff = model.config.cutoff
    torch.testing.assert_close(at(cutoff - 1e-4), at(cutoff + 1e-4), atol=1e-8, rtol=0)
    assert (at(cutoff - 4) - at(cutoff + 4)).abs().max() > 1e-3


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="96 channels do not make 5 heads"):
        new_encoder(heads=5)
    with pytest.raises(ValueError, match="less than or equal to 3"):
        new_encoder(lmax=4)
    with pytest.raises(ValueError, match="did you mean 'heads'"):
        encoder("attention", {"head": 4}, BACKBONE_WIDTHS)

"""Perceptrons of scalars and vectors: closed forms, and the equivariance of each output."""

import pytest
import torch
from torch.nn.functional import silu

from protein_enn.nn.gvp import GVP, ChiralProducts, GVPConvolution, lengths
from protein_enn.testing import random_rotation

N, K, H, C, E, M, O = 7, 5, 6, 4, 3, 8, 3  # noqa: E741 - nodes, neighbors, scalars, vectors, edges, hidden, odd


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def rotated(vectors: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Vectors whose components are the last axis but one."""
    return rotation @ vectors


ROTATIONS = {"rotation": random_rotation(1), "reflection": -random_rotation(2)}


@pytest.fixture(params=ROTATIONS)
def rotation(request):
    return ROTATIONS[request.param]


def test_lengths_are_those_of_channels():
    vectors = torch.tensor([[[3.0, 0.0], [4.0, 2.0], [0.0, 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(lengths(vectors), torch.tensor([[5.0, 2.0]], dtype=torch.float64), atol=1e-8, rtol=0)


def test_perceptron_in_closed_form():
    """With unit maps and a gate of its own: s' = silu(s + |V|), V' = sigmoid(s') V."""
    layer = GVP((1, 1), (1, 1)).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(1.0)
        layer.scalars.bias.zero_()
        layer.gate.bias.zero_()
    vector = torch.tensor([[[2.0], [-1.0], [2.0]]], dtype=torch.float64)
    scalars, vectors = layer(torch.tensor([[-4.0]], dtype=torch.float64), vector)
    expected = silu(torch.tensor([[-4.0 + 3.0]], dtype=torch.float64))
    torch.testing.assert_close(scalars, expected, atol=1e-8, rtol=0)
    torch.testing.assert_close(vectors, torch.sigmoid(expected)[..., None] * vector, atol=1e-8, rtol=0)
    layer.activation = False
    torch.testing.assert_close(layer(torch.full_like(scalars, -4.0), vector)[0], torch.full_like(scalars, -1.0))


def test_perceptron_is_equivariant(rotation):
    layer = GVP((H, M), (C, O)).double()
    scalars, vectors = normal(N, H), normal(N, 3, C)
    s, v = layer(scalars, vectors)
    rotated_s, rotated_v = layer(scalars, rotated(vectors, rotation))
    torch.testing.assert_close(rotated_s, s, atol=1e-12, rtol=0)
    torch.testing.assert_close(rotated_v, rotated(v, rotation), atol=1e-12, rtol=0)
    assert v.abs().max() > 1e-2


def edges_of_a_graph() -> tuple[torch.Tensor, ...]:
    """Scalars, vectors, edge scalars, directions, neighbors, weight."""
    direction = torch.nn.functional.normalize(normal(N, K, 3), dim=-1)
    weight = torch.rand(N, K, dtype=torch.float64)
    return normal(N, H), normal(N, 3, C), normal(N, K, E), direction, torch.randint(N, (N, K)), weight


def test_convolution_equals_one_perceptron_on_every_edge():
    """The definition: everything of an edge in one vector, one map, gates after W_m's input, then the sum."""
    layer = GVPConvolution(H, C, E, M).double()
    scalars, vectors, edges, direction, neighbors, weight = edges_of_a_graph()
    messages, update = layer(scalars, vectors, edges, direction, neighbors, weight)
    lower_map = torch.cat(
        [layer.target_vectors.weight, layer.source_vectors.weight, layer.direction[:, None]], 1
    )  # (c, c + c + 1)
    scalar_map = torch.cat(
        [layer.target.weight, layer.source.weight, layer.edge.weight, layer.length.weight], 1
    )  # (m, h + h + e + c)
    for i in range(N):
        total = torch.zeros(3, C, dtype=torch.float64)
        for slot, j in enumerate(neighbors[i].tolist()):
            lower = torch.cat([vectors[i], vectors[j], direction[i, slot, :, None]], 1) @ lower_map.T
            joined = torch.cat([scalars[i], scalars[j], edges[i, slot], lengths(lower)])
            message = silu(scalar_map @ joined + layer.target.bias)
            torch.testing.assert_close(messages[i, slot], message, atol=1e-12, rtol=0)
            total += weight[i, slot] * torch.sigmoid(layer.gate(message)) * lower
        torch.testing.assert_close(update[i], layer.upper(total), atol=1e-12, rtol=0)


def test_convolution_is_equivariant(rotation):
    layer = GVPConvolution(H, C, E, M).double()
    scalars, vectors, edges, direction, neighbors, weight = edges_of_a_graph()
    messages, update = layer(scalars, vectors, edges, direction, neighbors, weight)
    ours = layer(scalars, rotated(vectors, rotation), edges, direction @ rotation.T, neighbors, weight)
    torch.testing.assert_close(ours[0], messages, atol=1e-12, rtol=0)
    torch.testing.assert_close(ours[1], rotated(update, rotation), atol=1e-12, rtol=0)
    assert update.abs().max() > 1e-2


def test_chiral_products_in_closed_form():
    """Three vectors x, y, z as the factors: the determinant is 1, and the cross product of x and y is z."""
    layer = ChiralProducts(3, 1).double()
    with torch.no_grad():
        layer.factors.weight.copy_(torch.eye(3))
        layer.odd.weight.fill_(1.0)
        layer.mix.weight.copy_(torch.tensor([[0.0], [0.0], [1.0]]))
    odd = torch.full((1, 1), 0.5, dtype=torch.float64)
    triple, vectors = layer(torch.eye(3, dtype=torch.float64)[None], odd)
    assert triple.item() == 1.0
    expected = torch.zeros(1, 3, 3, dtype=torch.float64)
    expected[0, 2, 2] = odd.tanh().item()
    torch.testing.assert_close(vectors, expected)


def test_chiral_products_transform_by_their_parity(rotation):
    layer = ChiralProducts(C, O).double()
    vectors, odd, sign = normal(N, 3, C), normal(N, O), rotation.det().sign()
    triple, update = layer(vectors, odd)
    ours = layer(rotated(vectors, rotation), sign * odd)
    torch.testing.assert_close(ours[0], sign * triple, atol=1e-12, rtol=0)
    torch.testing.assert_close(ours[1], rotated(update, rotation), atol=1e-12, rtol=0)
    assert triple.abs().max() > 1e-2
    assert update.abs().max() > 1e-2

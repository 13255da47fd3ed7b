"""EGNN: the points of a layer move by its formula."""

import torch
from torch.nn.functional import silu

from protein_enn.encoders import encoder
from protein_enn.graph import protein_graph
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.testing import random_structure

STRUCTURE = random_structure((14, 9), dtype=torch.float64)
GRAPH = protein_graph(STRUCTURE, 8, side_chains=False)


def new_encoder(**settings: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return encoder("egnn", {"layers": 1, **settings}, BACKBONE_WIDTHS).double()


def test_points_move_by_the_formula():
    """Edge by edge, from the points themselves instead of their offsets."""
    model, (n, k) = new_encoder(), GRAPH.neighbors.shape
    features, edges = model(GRAPH)
    layer = model.layers[0]
    points = GRAPH.pos[..., None] + model.nodes.vectors(GRAPH.vectors.transpose(1, 2))
    lengths = GRAPH.vectors.square().sum(-1).add(1e-8).sqrt()
    h = layer.norm(model.nodes.scalars(torch.cat([GRAPH.scalars, lengths], -1)))
    for i in range(n):
        moved = points[i] - GRAPH.pos[i, :, None]
        for slot in range(k):
            j = GRAPH.neighbors[i, slot]
            difference = points[j] - points[i]
            distance = difference.norm(dim=0)
            scalars = layer.target(h[i]) + layer.source(h[j]) + layer.edge(edges.scalars[i, slot])
            message = silu(scalars + layer.distance(torch.log(1 + distance**2)))
            moved = moved + edges.weight[i, slot] * layer.step(message) / (distance + 1) * difference
        torch.testing.assert_close(features.vectors[i], moved, atol=1e-8, rtol=0)


def test_messages_depend_on_the_points():
    """Larger first offsets of the points, all else equal, change the scalars."""
    model = new_encoder()
    before = model(GRAPH)[0].scalars
    with torch.no_grad():
        model.nodes.vectors.weight.mul_(2.0)
    assert (model(GRAPH)[0].scalars - before).abs().max() > 1e-3


def test_sizes_are_those_of_the_layout():
    model = new_encoder(scalars=24, odd=5, channels=3, edges=11, hidden=13)
    features, edges = model(GRAPH)
    assert model.layout.irreps == "24x0e + 5x0o + 3x1o"
    assert features.flat().shape == (23, 24 + 5 + 3 * 3)
    assert edges.scalars.shape == (23, 8, 11)


def test_points_are_float32_under_autocast():
    """Points that no message moves are the same as without autocast."""
    torch.manual_seed(0)
    model = encoder("egnn", {"layers": 1}, BACKBONE_WIDTHS)
    graph = protein_graph(random_structure((20,)), 8, side_chains=False)
    with torch.no_grad():
        model.layers[0].step.weight.zero_()
        exact = model.nodes.vectors(graph.vectors.transpose(1, 2))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = model(graph)[0].vectors
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors, exact, atol=1e-6, rtol=0)


def test_gradients_are_finite_where_rows_are_padded():
    """A node without k neighbors fills its row with itself, at distance zero from its own points."""
    graph = protein_graph(random_structure((2,), dtype=torch.float64), 8, side_chains=False)
    graph.pos.requires_grad_(True)
    graph.vectors.requires_grad_(True)
    model = new_encoder()
    model(graph)[0].flat().square().sum().backward()
    assert graph.pos.grad.isfinite().all()
    assert graph.vectors.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)

"""GVP beyond the contract of every encoder."""

import torch

from protein_enn.encoders import encoder
from protein_enn.graph import atom_graph, protein_graph
from protein_enn.graph.atom_graph import ATOM_WIDTHS
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.testing import random_structure

STRUCTURE = random_structure((14, 9), dtype=torch.float64)


def test_atoms_without_vectors_get_odd_scalars():
    """From triple products of vectors that come from directions; distances alone do not determine chirality."""
    torch.manual_seed(0)
    model = encoder("gvp", {"layers": 2}, ATOM_WIDTHS).double()
    graph = atom_graph(STRUCTURE, 8)
    mirror = graph.moved(-torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    odd = model(graph)[0].pseudoscalars
    assert odd.abs().max() > 1e-6
    torch.testing.assert_close(model(mirror)[0].pseudoscalars, -odd, atol=1e-12, rtol=0)


def test_vectors_depend_on_chirality():
    """Cross products weighted by odd scalars are part of the vectors of a layer, and of nothing else in it."""
    torch.manual_seed(0)
    model = encoder("gvp", {"layers": 1}, BACKBONE_WIDTHS).double()
    graph = protein_graph(STRUCTURE, 8, side_chains=False)
    with torch.no_grad():
        before = model(graph)[0]
        model.layers[0].chiral.mix.weight.zero_()
        after = model(graph)[0]
    assert (after.vectors - before.vectors).abs().max() > 1e-3
    torch.testing.assert_close(after.scalars, before.scalars, atol=0, rtol=0)


def test_sizes_are_those_of_the_layout():
    settings = {"layers": 1, "scalars": 24, "odd": 5, "channels": 7, "edges": 11, "hidden": 13}
    model = encoder("gvp", settings, BACKBONE_WIDTHS).double()
    features, edges = model(protein_graph(STRUCTURE, 8, side_chains=False))
    assert model.layout.irreps == "24x0e + 5x0o + 7x1o"
    assert features.flat().shape == (23, 24 + 5 + 3 * 7)
    assert edges.scalars.shape == (23, 8, 11)

"""What GVP promises beyond the contract of an encoder."""

import torch

from protein_enn.graph import atom_graph, protein_graph
from protein_enn.graph.atom_graph import ATOM_WIDTHS
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.models import encoder
from protein_enn.testing import random_structure

STRUCTURE = random_structure((14, 9), dtype=torch.float64)


def test_atoms_without_vectors_get_odd_scalars():
    """From triple products of the vectors that directions made; distances alone could not tell the hands apart."""
    torch.manual_seed(0)
    model = encoder("gvp", {"layers": 2}, ATOM_WIDTHS).double()
    graph = atom_graph(STRUCTURE, 8)
    mirror = graph.moved(-torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    odd = model(graph)[0].pseudoscalars
    assert odd.abs().max() > 1e-6
    torch.testing.assert_close(model(mirror)[0].pseudoscalars, -odd, atol=1e-12, rtol=0)


def test_vectors_know_handedness():
    """Two graphs that differ in the sign of the given odd scalars alone get different vectors."""
    torch.manual_seed(0)
    model = encoder("gvp", {"layers": 2}, BACKBONE_WIDTHS).double()
    graph = protein_graph(STRUCTURE, 8, side_chains=False)
    other = graph.clone()
    other.pseudoscalars = -graph.pseudoscalars
    assert (model(other)[0].vectors - model(graph)[0].vectors).abs().max() > 1e-5


def test_sizes_are_what_the_layout_says():
    settings = {"layers": 1, "scalars": 24, "odd": 5, "channels": 7, "edges": 11, "hidden": 13}
    model = encoder("gvp", settings, BACKBONE_WIDTHS).double()
    features, edges = model(protein_graph(STRUCTURE, 8, side_chains=False))
    assert model.layout.irreps == "24x0e + 5x0o + 7x1o"
    assert features.flat().shape == (23, 24 + 5 + 3 * 7)
    assert edges.scalars.shape == (23, 8, 11)

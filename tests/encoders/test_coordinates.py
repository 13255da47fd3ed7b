"""The control is equivariant to translations and to nothing else: otherwise it would be no control."""

import pytest
import torch

from protein_enn.encoders import encoder
from protein_enn.graph import atom_graph, protein_graph
from protein_enn.graph.all_atoms import ALL_ATOM_WIDTHS
from protein_enn.graph.atom_graph import ATOM_WIDTHS
from protein_enn.graph.fields import GeometricGraph
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.testing import equivariance_error, random_rotation, random_structure

STRUCTURE = random_structure((14, 9), dtype=torch.float64)
GRAPHS = {
    "backbone": (protein_graph(STRUCTURE, 8, side_chains=False), BACKBONE_WIDTHS),
    "all atoms": (protein_graph(STRUCTURE, 8, side_chains=True), ALL_ATOM_WIDTHS),
    "atom graph": (atom_graph(STRUCTURE, 8), ATOM_WIDTHS),
}
NONE = torch.zeros(3, dtype=torch.float64)


@pytest.fixture(params=GRAPHS)
def pair(request) -> tuple[torch.nn.Module, GeometricGraph]:
    torch.manual_seed(0)
    graph, widths = GRAPHS[request.param]
    return encoder("coordinates", {"layers": 2}, widths).double().eval(), graph


def test_translations_change_nothing(pair):
    shift = torch.tensor([1000.0, -1000.0, 1000.0], dtype=torch.float64)
    assert equivariance_error(*pair, torch.eye(3).double(), shift) < 1e-10


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["rotation", "reflection"])
def test_it_is_not_equivariant_to_rotations_and_reflections(pair, sign):
    model, graph = pair
    assert not model.equivariant
    assert equivariance_error(model, graph, sign * random_rotation(1), NONE) > 0.1


def test_even_its_scalars_change_under_rotation(pair):
    model, graph = pair
    rotated = graph.moved(random_rotation(1), NONE)
    assert (model(rotated)[0].scalars - model(graph)[0].scalars).abs().max() > 0.1
    assert (model(rotated)[1].scalars - model(graph)[1].scalars).abs().max() > 0.1


def test_a_node_depends_on_its_own_components():
    """Also without any neighbor: the features of a single residue change under rotation."""
    torch.manual_seed(0)
    graph = protein_graph(random_structure((1,), dtype=torch.float64), 8, side_chains=False)
    model = encoder("coordinates", {"layers": 1}, BACKBONE_WIDTHS).double()
    rotated = graph.moved(random_rotation(1), NONE)
    assert (model(rotated)[0].scalars - model(graph)[0].scalars).abs().max() > 1e-3


def test_shapes_are_those_of_the_layout(pair):
    model, graph = pair
    features, edges = model(graph)
    assert model.layout.irreps == "128x0e + 16x0o + 16x1o"
    assert features.flat().shape == (len(graph.pos), 128 + 16 + 3 * 16)
    assert edges.scalars.shape == (*graph.neighbors.shape, model.edge_width)


def test_every_component_of_a_vector_counts():
    torch.manual_seed(0)
    graph, widths = GRAPHS["backbone"]
    model = encoder("coordinates", {"layers": 1}, widths).double()
    before = model(graph)[0].flat()
    for component in range(3):
        changed = graph.clone()
        changed.vectors = graph.vectors.clone()
        changed.vectors[4, 1, component] += 1.0
        assert (model(changed)[0].flat() - before).abs().max() > 1e-2

"""The contract of every encoder: whatever is registered in ENCODERS is tested here."""

from dataclasses import replace

import pytest
import torch

from protein_enn.encoders import ENCODERS, encoder
from protein_enn.graph import atom_graph, batch, protein_graph
from protein_enn.graph.all_atoms import ALL_ATOM_WIDTHS
from protein_enn.graph.atom_graph import ATOM_WIDTHS
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.testing import assert_equivariant, random_structure

SYMMETRIC = [name for name in ENCODERS if ENCODERS[name].equivariant]
"""All but the controls."""
VARIANTS = [
    {"lmax": 0},
    {"lmax": 1},
    {"lmax": 3},
    {"pseudochannels": 4},
    {"pseudochannels": 3, "lmax": 3},
    {"edge_updates": True},
]
"""Settings of the tensor field."""
WIDTHS = {"backbone": BACKBONE_WIDTHS, "all atoms": ALL_ATOM_WIDTHS, "atom graph": ATOM_WIDTHS}


def new_encoder(name: str, kind: str = "backbone", **settings: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return encoder(name, {"layers": 2, **settings}, WIDTHS[kind]).double().eval()


def graph_of(structure, kind: str = "backbone", k: int = 8):
    if kind == "atom graph":
        return atom_graph(structure, k)
    return protein_graph(structure, k, side_chains=kind == "all atoms")


@pytest.fixture
def structure():
    return random_structure((14, 9), dtype=torch.float64)


@pytest.mark.parametrize("kind", WIDTHS)
@pytest.mark.parametrize("name", SYMMETRIC)
def test_features_rotate_with_the_protein(name, kind, structure):
    """Rotation, reflection by the parity of each irrep, and 1,000 Å."""
    assert_equivariant(new_encoder(name, kind), graph_of(structure, kind))


@pytest.mark.parametrize("kind", WIDTHS)
@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_every_degree_and_parity_rotates_with_the_protein(settings, kind, structure):
    model = new_encoder("tensor_field", kind, **settings)
    assert_equivariant(model, graph_of(structure, kind))
    features = model(graph_of(structure, kind))[0]
    assert features.flat().shape[1] == sum(
        int(count) * (2 * int(kind[:-1]) + 1)
        for count, kind in (term.split("x") for term in model.layout.irreps.split(" + "))
    )
    if settings.get("pseudochannels") and kind != "atom graph":
        assert features.pseudotensors.abs().max() > 1e-4


@pytest.mark.parametrize("name", SYMMETRIC)
def test_the_mirror_image_differs_only_in_odd_scalars(name, structure):
    graph = graph_of(structure)
    mirror = graph.moved(-torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    ours, theirs = new_encoder(name)(graph)[0], new_encoder(name)(mirror)[0]
    torch.testing.assert_close(ours.scalars, theirs.scalars, atol=1e-10, rtol=0)
    torch.testing.assert_close(ours.pseudoscalars, -theirs.pseudoscalars, atol=1e-10, rtol=0)
    assert ours.pseudoscalars.abs().max() > 1e-3


@pytest.mark.parametrize("name", ENCODERS)
def test_order_of_residues_does_not_matter(name, structure):
    graph = graph_of(structure)
    order = torch.randperm(len(structure), generator=torch.Generator().manual_seed(3))
    rank = order.argsort()
    shuffled = graph.clone()
    for key in ("pos", "scalars", "pseudoscalars", "vectors", "neighbor_mask", "edge_types"):
        shuffled[key] = graph[key][order]
    shuffled.neighbors = rank[graph.neighbors[order]]
    torch.testing.assert_close(
        new_encoder(name)(shuffled)[0].flat(), new_encoder(name)(graph)[0].flat()[order], atol=1e-10, rtol=0
    )


@pytest.mark.parametrize("name", ENCODERS)
def test_order_of_chains_does_not_matter(name, structure):
    order = torch.cat([torch.arange(14, 23), torch.arange(14)])
    swapped = replace(structure.take(order), chains=1 - structure.chains[order], chain_ids=("B", "A"))
    expected = new_encoder(name)(graph_of(structure))[0].flat()[order]
    torch.testing.assert_close(new_encoder(name)(graph_of(swapped))[0].flat(), expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_batch_equals_one_by_one(name):
    graphs = [graph_of(random_structure((length,), seed=length, dtype=torch.float64)) for length in (20, 1, 2, 11)]
    together = new_encoder(name)(batch(graphs))[0].flat()
    torch.testing.assert_close(
        together, torch.cat([new_encoder(name)(g)[0].flat() for g in graphs]), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("name", ENCODERS)
def test_proteins_of_one_and_two_residues(name, length):
    features = new_encoder(name)(graph_of(random_structure((length,), dtype=torch.float64)))[0].flat()
    assert features.shape[0] == length
    assert features.isfinite().all()


@pytest.mark.parametrize("name", ENCODERS)
def test_gradients_are_finite_also_where_atoms_coincide(name, structure):
    positions = structure.positions.clone()
    positions[3] = positions[4]
    graph = graph_of(replace(structure, positions=positions), "all atoms")
    graph.pos.requires_grad_(True)
    graph.vectors.requires_grad_(True)
    model = new_encoder(name, "all atoms")
    model(graph)[0].flat().square().sum().backward()
    assert graph.pos.grad.isfinite().all()
    assert graph.vectors.grad.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_chain_beyond_the_cutoff_changes_nothing(name):
    alone = random_structure((12,), dtype=torch.float64)
    pair = random_structure((12, 12), dtype=torch.float64)
    positions = torch.cat([alone.positions, alone.positions + 500.0 * alone.present[..., None]])
    pair = replace(
        pair,
        residues=alone.residues.repeat(2),
        residue_names=alone.residue_names * 2,
        positions=positions,
        present=alone.present.repeat(2, 1),
    )
    # k larger than the chain, so that the far chain is among the neighbors
    ours, theirs = graph_of(alone, k=20), graph_of(pair, k=20)
    torch.testing.assert_close(
        new_encoder(name)(theirs)[0].flat()[:12], new_encoder(name)(ours)[0].flat(), atol=1e-9, rtol=0
    )


def test_unknown_names_are_refused_with_a_suggestion():
    with pytest.raises(ValueError, match=f"no encoder 'tensorfield'; there are {', '.join(ENCODERS)}"):
        encoder("tensorfield", {}, BACKBONE_WIDTHS)
    with pytest.raises(ValueError, match="did you mean 'channels'"):
        encoder("tensor_field", {"chanels": 3}, BACKBONE_WIDTHS)


@pytest.mark.parametrize("name", ENCODERS)
def test_chunks_change_nothing(name):
    """Without gradients nodes are computed in chunks: more nodes than one chunk give the same features."""
    graph = graph_of(random_structure((150,), dtype=torch.float64))
    whole = new_encoder(name)(graph)[0].flat()
    with torch.no_grad():
        torch.testing.assert_close(new_encoder(name)(graph)[0].flat(), whole, atol=1e-12, rtol=0)

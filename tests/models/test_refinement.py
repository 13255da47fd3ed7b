"""The refinement model: displacements rotate with the protein; small moves keep the graph valid."""

from dataclasses import replace

import pytest
import torch

from protein_enn.geometry.atom14 import from_atom14, to_atom14
from protein_enn.predictor import untrained
from protein_enn.structure import KINDS, HeteroAtoms
from protein_enn.testing import random_rotation, random_structure

SETTINGS = {"k": 8, "encoder_settings": {"layers": 2, "channels": 8}}
MODEL = untrained("refinement", SETTINGS).model.double()
STRUCTURE = random_structure((18, 6), dtype=torch.float64)


def run(structure, steps):
    """The last state of a run and its prediction."""
    return list(MODEL.iterate(MODEL.graph(structure), steps))[-1]


def with_ion(structure):
    near = structure.ca[3] + torch.tensor([2.0, 1.0, 0.5], dtype=structure.positions.dtype)
    kinds = torch.tensor([KINDS.index("ion")])
    ion = HeteroAtoms(near[None], ("ZN",), ("ZN",), ("ZN",), ("A:99",), kinds, torch.zeros(1), torch.ones(1))
    return replace(structure, hetero=ion)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_rotated_or_mirrored_structure_gets_rotated_or_mirrored_displacements(sign):
    rotation, shift = sign * random_rotation(5), torch.tensor([1000.0, 0.0, -1000.0], dtype=torch.float64)
    structure = with_ion(STRUCTURE)
    ours, prediction = run(structure, 2)
    theirs, prediction_moved = run(structure.moved(rotation, shift), 2)
    expected = (ours.atom14 @ rotation.T + shift)[ours.mask]
    torch.testing.assert_close(theirs.atom14[ours.mask], expected, atol=1e-8, rtol=0)
    torch.testing.assert_close(prediction_moved.lddt, prediction.lddt, atol=1e-9, rtol=0)
    torch.testing.assert_close(prediction_moved.error, prediction.error, atol=1e-9, rtol=0)
    start = MODEL.graph(structure).atom14
    assert (ours.atom14 - start)[ours.mask].norm(dim=-1).max() > 1e-3


def test_steps_from_a_rotated_graph_are_the_rotated_steps():
    """The graph is rebuilt after each step from the atoms in its fields, so all of these must be rotated."""
    rotation, shift = random_rotation(6), torch.tensor([20.0, -30.0, 10.0], dtype=torch.float64)
    graph = MODEL.graph(with_ion(STRUCTURE))
    *_, (ours, _) = MODEL.iterate(graph, 2)
    *_, (theirs, _) = MODEL.iterate(graph.moved(rotation, shift), 2)
    expected = (ours.atom14 @ rotation.T + shift)[ours.mask]
    torch.testing.assert_close(theirs.atom14[ours.mask], expected, atol=1e-8, rtol=0)


def test_absent_atoms_do_not_move_and_no_steps_are_no_moves():
    state, _ = run(STRUCTURE, 2)
    assert (state.atom14[~state.mask] == 0).all()
    states = list(MODEL.iterate(MODEL.graph(STRUCTURE), 0))
    assert len(states) == 1 and torch.equal(states[0][0].atom14, MODEL.graph(STRUCTURE).atom14)


def test_an_ion_changes_residues_near_it_and_no_others():
    far = replace(with_ion(STRUCTURE).hetero, positions=STRUCTURE.ca[3][None] + 500.0)
    near, far_away, without = (MODEL(MODEL.graph(s)).lddt for s in (
        with_ion(STRUCTURE), replace(STRUCTURE, hetero=far), STRUCTURE
    ))  # fmt: skip
    assert (near - without).abs().max() > 1e-6
    torch.testing.assert_close(far_away, without, atol=1e-12, rtol=0)


def test_after_a_small_move_the_graph_with_the_same_neighbors_is_the_new_graph():
    graph = MODEL.graph(with_ion(STRUCTURE))
    moved = graph.atom14 + 1e-3 * torch.randn_like(graph.atom14) * graph.mask[..., None]
    same, new = MODEL.with_same_neighbors(graph, moved), MODEL.with_atoms(graph, moved)
    for name in ("pos", "scalars", "vectors", "pseudoscalars", "atom14"):
        torch.testing.assert_close(same[name], new[name], atol=1e-9, rtol=0)
    near = (graph.context_kinds > 0) & (new.context_kinds > 0)
    assert near.any()
    torch.testing.assert_close(same.context_vectors[near], new.context_vectors[near], atol=1e-9, rtol=0)


def test_steps_may_be_replaced():
    graph = MODEL.graph(STRUCTURE)
    kept = [state.atom14 for state, _ in MODEL.iterate(graph, 2, lambda state, step: state.atom14 + 0 * step)]
    assert all(torch.equal(atom14, graph.atom14) for atom14 in kept) and len(kept) == 3


def test_conversion_to_atom14_and_back_restores_positions():
    atom14, mask = to_atom14(STRUCTURE.positions, STRUCTURE.present, STRUCTURE.residues)
    assert int(mask.sum()) == int(STRUCTURE.present.sum())
    back = from_atom14(atom14, STRUCTURE.residues, torch.zeros_like(STRUCTURE.positions))
    assert torch.equal(back[STRUCTURE.present], STRUCTURE.positions[STRUCTURE.present])

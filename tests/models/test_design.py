"""The design model: what its logits depend on, and that a joint likelihood is exact."""

import pytest
import torch
from torch.testing import assert_close

from protein_enn.models.design import DesignModel, order_visibility
from protein_enn.nn.chunks import chunk_size
from protein_enn.predictor import untrained
from protein_enn.testing import random_rotation, random_structure

MODEL = untrained("design", {"k": 8, "encoder_settings": {"layers": 2}}).model.double()
assert isinstance(MODEL, DesignModel)
STRUCTURE = random_structure((16, 7), dtype=torch.float64)
GRAPH = MODEL.graph(STRUCTURE)
ENCODING = MODEL.encode(GRAPH)
SMALL = {"encoder": "invariant", "k": 8, "hidden": 32, "encoder_settings": {"layers": 1}}


def test_a_later_residue_never_changes_an_earlier_one():
    """Changing residue j changes only residues decoded after j, so the product of conditionals is a joint."""
    rank = torch.randperm(23, generator=torch.Generator().manual_seed(0)).double()
    visible = order_visibility(GRAPH, rank)
    before = MODEL.logits(ENCODING, STRUCTURE.residues, visible)
    any_changed = False
    for j in range(23):
        changed = STRUCTURE.residues.clone()
        changed[j] = (changed[j] + 5) % 20
        affected = (MODEL.logits(ENCODING, changed, visible) - before).abs().max(1).values > 1e-12
        assert not affected[rank <= rank[j]].any()
        any_changed |= bool(affected.any())
    assert any_changed


def test_single_mode_depends_on_neighbors_but_not_on_itself():
    j = 5
    changed = STRUCTURE.residues.clone()
    changed[j] = (changed[j] + 5) % 20
    before = MODEL.logits(ENCODING, STRUCTURE.residues, GRAPH.neighbor_mask)
    after = MODEL.logits(ENCODING, changed, GRAPH.neighbor_mask)
    affected = (after - before).abs().max(1).values > 1e-12
    has_j = ((GRAPH.neighbors == j) & GRAPH.neighbor_mask).any(1)
    assert torch.equal(affected, has_j)


def test_unconditional_mode_depends_on_no_identity():
    hidden = torch.zeros_like(GRAPH.neighbor_mask)
    first = MODEL.logits(ENCODING, STRUCTURE.residues, hidden)
    assert torch.equal(first, MODEL.logits(ENCODING, STRUCTURE.residues.flip(0), hidden))


def test_rotation_changes_nothing_but_a_mirror_image_does():
    """Logits are maps of both 0e and 0o, so that they differ between L and D."""
    hidden = torch.zeros_like(GRAPH.neighbor_mask)
    rotation, shift = random_rotation(4), torch.full((3,), 1000.0, dtype=torch.float64)
    logits = MODEL.logits(ENCODING, STRUCTURE.residues, hidden)
    rotated = MODEL.logits(MODEL.encode(MODEL.graph(STRUCTURE.moved(rotation, shift))), STRUCTURE.residues, hidden)
    torch.testing.assert_close(rotated, logits, atol=1e-9, rtol=0)
    mirror = MODEL.logits(MODEL.encode(MODEL.graph(STRUCTURE.moved(-rotation, shift))), STRUCTURE.residues, hidden)
    assert (mirror - logits).abs().max() > 1e-4


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("several", [False, True])
def test_orders_and_sequences_decoded_at_once_are_those_decoded_one_by_one(depth, several):
    model = DesignModel(DesignModel.Config(**SMALL, decoder_depth=depth)).eval()
    graph = model.graph(random_structure((30, 17), seed=3))
    encoding = model.encode(graph)
    sequences = torch.randint(21, (3 if several else 1, graph.num_nodes)).expand(3, -1)
    visible = graph.neighbor_mask & (torch.rand(3, *graph.neighbors.shape) < 0.5)
    together = model.logits_by_order(encoding, sequences, visible)
    alone = torch.stack([model.logits(encoding, *order) for order in zip(sequences, visible, strict=True)])
    assert_close(together, alone, atol=1e-5, rtol=1e-5)
    with torch.inference_mode(), chunk_size(7):
        assert_close(model.logits_by_order(encoding, sequences, visible), alone, atol=1e-5, rtol=1e-5)


def test_orders_decoded_at_once_have_the_gradients_of_orders_decoded_one_by_one():
    model = DesignModel(DesignModel.Config(**SMALL, decoder_depth=2))
    graph = model.graph(random_structure((20,)))
    sequences = torch.randint(20, (20,)).expand(2, -1)
    visible = graph.neighbor_mask & (torch.rand(2, *graph.neighbors.shape) < 0.5)

    def gradients(together):
        encoding = model.encode(graph)
        orders = zip(sequences, visible, strict=True)
        logits = model.logits_by_order(encoding, sequences, visible) if together else None
        logits = torch.stack([model.logits(encoding, *order) for order in orders]) if logits is None else logits
        used = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return torch.autograd.grad(logits.square().sum(), used, allow_unused=True)

    for one, other in zip(gradients(True), gradients(False), strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert_close(one, other, atol=1e-4, rtol=1e-4)

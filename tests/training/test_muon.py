"""Muon: orthogonal steps for matrices, AdamW for the rest, against torch's own optimizers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from protein_enn.training.muon import Muon, orthogonal


class Net(nn.Module):
    """Every kind of parameter: two matrices of one shape, one tall, an embedding, biases, gains."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 12)
        self.first, self.second = nn.Linear(12, 12), nn.Linear(12, 12)
        self.norm = nn.LayerNorm(12)
        self.last = nn.Linear(12, 30)

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        return self.last(self.norm(self.second(torch.tanh(self.first(self.table(index))))))


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


def trained(net: Net, optimizers: list[torch.optim.Optimizer], steps: int) -> Net:
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        index = torch.randint(7, (16,), generator=generator)
        loss = nn.functional.cross_entropy(net(index), index * 3)
        net.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    return net


@pytest.mark.parametrize("shape", [(3, 12, 12), (2, 30, 12), (2, 12, 30)])
def test_orthogonal_keeps_the_singular_vectors(shape: tuple[int, int, int]) -> None:
    g = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    found = orthogonal(g)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.3 and values.max() < 1.3
    u, _, vt = torch.linalg.svd(g, full_matrices=False)
    within = u.mT @ found @ vt.mT  # in the singular vectors of g only the diagonal is left
    assert (within - torch.diag_embed(within.diagonal(dim1=1, dim2=2))).abs().max() < 1e-4


def test_agrees_with_the_optimizers_of_torch(net: Net) -> None:
    """torch's Muon takes its Newton-Schulz steps in bfloat16: the same to a tenth of the way gone."""
    reference, lr, decay = copy.deepcopy(net), 0.01, 0.1
    matrices = [m.weight for m in (reference.first, reference.second, reference.last)]
    vectors = [p for p in reference.parameters() if p.ndim == 1]
    theirs = trained(
        reference,
        [
            torch.optim.Muon(matrices, lr=lr, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW([reference.table.weight], lr=lr, betas=(0.9, 0.98), weight_decay=decay),
            torch.optim.AdamW(vectors, lr=lr, betas=(0.9, 0.98), weight_decay=0.0),
        ],
        steps=5,
    )
    start = {name: value.clone() for name, value in net.named_parameters()}
    ours = trained(net, [Muon(net, lr, decay)], steps=5)
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        way = (b - start[name]).norm()
        assert (a - b).norm() < 0.15 * way, name


def test_one_learning_rate_moves_matrices_and_vectors_alike(net: Net) -> None:
    before = {name: value.clone() for name, value in net.named_parameters()}
    trained(net, [Muon(net, 0.01, 0.0)], steps=1)
    for name, value in net.named_parameters():
        step = (value - before[name]).square().mean().sqrt()
        assert 0.001 < step < 0.011, name


def test_parameters_keep_the_order_of_the_model() -> None:
    """State is found by index: embeddings of one shape must keep their order from process to process."""
    tables = nn.ModuleList(nn.Embedding(5, 4) for _ in range(20))
    assert [id(p) for group in Muon(tables, 0.1).param_groups for p in group["params"]] == [
        id(p) for p in tables.parameters()
    ]


def test_goes_on_from_its_state_bit_by_bit(net: Net) -> None:
    optimizer = Muon(net, 0.02)
    trained(net, [optimizer], steps=4)
    resumed = copy.deepcopy(net)
    other = Muon(resumed, 0.02)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    trained(net, [optimizer], steps=3)
    trained(resumed, [other], steps=3)
    for one, two in zip(net.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, two)


def test_steps_made_orthogonal_in_bfloat16_are_nearly_those_of_float32(net: Net) -> None:
    found = []
    for precision in (torch.float32, torch.bfloat16):
        one = copy.deepcopy(net)
        trained(one, [Muon(one, lr=0.01, precision=precision)], 5)
        found.append(one.first.weight.detach())
        assert one.first.weight.dtype == torch.float32
    way = (found[0] - net.first.weight).norm()
    assert 0 < (found[0] - found[1]).norm() < 0.2 * way

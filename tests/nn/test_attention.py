"""Attention against its definition: head by head, edge by edge; and what happens at the cutoff."""

import pytest
import torch

from protein_enn.nn.attention import NeighborAttention, log_attention
from protein_enn.nn.radial import smooth_cutoff
from protein_enn.nn.spherical import spherical_harmonics
from protein_enn.nn.tensor_convolution import TensorConvolution

N, K, HIDDEN, HEADS = 7, 5, 12, 3


def layer() -> NeighborAttention:
    torch.manual_seed(0)
    module = NeighborAttention(HIDDEN, HEADS).double()
    with torch.no_grad():
        module.logits.weight.mul_(5)  # attention that is far from uniform
    return module


@pytest.fixture
def messages() -> torch.Tensor:
    return torch.randn(N, K, HIDDEN, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def cutoff() -> torch.Tensor:
    """In [0, 1]; the last node has no neighbor, the one before it a single one."""
    values = torch.rand(N, K, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    values[-1] = 0
    values[-2, 1:] = 0
    values[0, 3] = 0
    return values


def attended(messages: torch.Tensor, cutoff: torch.Tensor) -> torch.Tensor:
    """sum_j w_ij m'_ij."""
    values, weight = layer()(messages, cutoff)
    return (weight[..., None] * values).sum(1)


def by_definition(messages: torch.Tensor, cutoff: torch.Tensor) -> torch.Tensor:
    """a_ij^g = c_ij exp(z_ij^g) / (1 + sum_j c_ij exp(z_ij^g)), (n, k, heads)."""
    odds = cutoff[..., None] * layer().logits(messages).exp()
    return odds / (1 + odds.sum(1, keepdim=True))


def test_a_sum_over_neighbors_attends_with_every_head(messages, cutoff):
    attention = by_definition(messages, cutoff)
    expected = torch.einsum("nkg,nkgd->ngd", attention, messages.view(N, K, HEADS, -1)).flatten(1)
    torch.testing.assert_close(attended(messages, cutoff), expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(layer()(messages, cutoff)[1], attention.mean(-1), atol=1e-12, rtol=0)
    assert attention[:-2].std(1).max() > 0.1, "uniform attention would make these tests pointless"


def test_tensor_values_attend_with_every_head(messages, cutoff):
    """One convolution of attended messages is the sum over heads of convolutions, each with its own attention."""
    convolution = TensorConvolution(4, 2, HIDDEN).double()
    x = torch.randn(N, 9, 4, dtype=torch.float64)
    directions = torch.nn.functional.normalize(torch.randn(N, K, 3, dtype=torch.float64), dim=-1)
    harmonics, neighbors = spherical_harmonics(2, directions), torch.randint(N, (N, K))

    def convolved(m: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        features = convolution(x, m, harmonics, neighbors, weight)
        return torch.cat([features.scalars, features.tensors.flatten(1)], 1)

    ours = convolved(*layer()(messages, cutoff))
    attention, nothing = by_definition(messages, cutoff), torch.zeros_like(messages)
    # The constant part of the radial weights uses the mean attention over heads.
    expected = convolved(nothing, attention.mean(-1))
    for head in range(HEADS):
        own = nothing.clone()
        inside = slice(head * HIDDEN // HEADS, (head + 1) * HIDDEN // HEADS)
        own[..., inside] = messages[..., inside]
        expected = expected + convolved(own, attention[..., head]) - convolved(nothing, attention[..., head])
    torch.testing.assert_close(ours, expected, atol=1e-11, rtol=0)


def test_weights_are_positive_and_sum_to_less_than_one(messages, cutoff):
    for scale in (1.0, 100.0):
        logits = scale * layer().logits(messages).transpose(1, 2)
        attention = cutoff[:, None] * log_attention(logits, cutoff).exp()
        assert (attention >= 0).all()
        assert (attention.sum(-1) <= 1 + 1e-12).all()
    weight = layer()(messages, cutoff)[1]
    assert (weight.sum(1) < 1).all()
    assert weight.sum(1)[0] > 0.5


def test_beyond_the_cutoff_the_weight_is_exactly_zero(messages, cutoff):
    assert ((layer()(messages, cutoff)[1] == 0) == (cutoff == 0)).all()


def test_without_neighbors_the_sum_is_zero_and_gradients_are_finite(messages, cutoff):
    messages.requires_grad_()
    cutoff.requires_grad_()
    module = layer()
    values, weight = module(messages, cutoff)
    result = (weight[..., None] * values).sum(1)
    assert (result[-1] == 0).all()
    result.square().sum().backward()
    grads = [messages.grad, cutoff.grad, *(p.grad for p in module.parameters())]
    assert all(g is not None and g.isfinite().all() for g in grads)
    assert messages.grad is not None and (messages.grad[cutoff == 0] == 0).all()


def test_what_is_masked_does_not_matter(messages, cutoff):
    """Not even an infinite message changes the weights."""
    loud = torch.where(cutoff[..., None] > 0, messages, 1e6)
    torch.testing.assert_close(attended(loud, cutoff), attended(messages, cutoff), atol=0, rtol=0)
    endless = torch.where(cutoff[..., None] > 0, messages, torch.inf)
    assert (layer()(endless, cutoff)[1] == layer()(messages, cutoff)[1]).all()


def test_order_of_neighbors_does_not_matter(messages, cutoff):
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(
        attended(messages[:, order], cutoff[:, order]), attended(messages, cutoff), atol=1e-14, rtol=0
    )


@pytest.mark.parametrize("others", [0.0, 0.7])
def test_a_neighbor_leaves_without_a_jump(messages, others):
    """Also the last neighbor: 1e-4 Å within the cutoff its weight is practically zero, and so is the slope."""
    distance = torch.tensor([24.0 - 1e-4, 24.0, 24.0 + 1e-4], dtype=torch.float64, requires_grad=True)
    cutoff = torch.full((3, K), others, dtype=torch.float64)
    same = messages[:1].expand(3, -1, -1)
    sums = attended(same, torch.cat([smooth_cutoff(distance, 24.0)[:, None], cutoff[:, 1:]], 1))
    torch.testing.assert_close(sums[0], sums[1], atol=1e-8, rtol=0)
    torch.testing.assert_close(sums[2], sums[1], atol=0, rtol=0)
    (slope,) = torch.autograd.grad(sums.sum(), distance)
    torch.testing.assert_close(slope, torch.zeros(3, dtype=torch.float64), atol=1e-4, rtol=0)


def test_large_logits_overflow_nowhere(cutoff):
    logits = torch.tensor([-1e4, -200.0, 0.0, 200.0, 1e4]).expand(N, HEADS, K).clone().requires_grad_()
    weights = cutoff.float()[:, None] * log_attention(logits, cutoff.float()).exp()
    assert weights.isfinite().all()
    torch.testing.assert_close(weights[1, :, 4], torch.ones(HEADS))
    weights.square().sum().backward()
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_weights_keep_float32_where_messages_are_bfloat16(messages, cutoff):
    module = layer().float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values, weight = module(messages.bfloat16(), cutoff.float())
    assert values.dtype == torch.bfloat16
    assert weight.dtype == torch.float32


@pytest.mark.parametrize("heads", [0, 5])
def test_heads_that_do_not_fit(heads):
    with pytest.raises(ValueError, match=f"hidden = 12 channels do not make {heads} heads"):
        NeighborAttention(HIDDEN, heads)

"""The convolution against its definition: couple every edge with e3nn's 3j symbols, then sum."""

import torch
from e3nn import o3

from protein_enn.nn.norm import TensorNorm
from protein_enn.nn.spherical import degree_slice, gaunt, spherical_harmonics
from protein_enn.nn.tensor_convolution import TensorConvolution


def test_sum_first_couple_later_equals_coupling_every_edge():
    torch.manual_seed(0)
    n, k, channels, lmax, hidden = 7, 5, 4, 2, 6
    layer = TensorConvolution(channels, lmax, hidden).double()
    x = torch.randn(n, 9, channels, dtype=torch.float64)
    messages = torch.randn(n, k, hidden, dtype=torch.float64)
    harmonics = spherical_harmonics(2, torch.nn.functional.normalize(torch.randn(n, k, 3, dtype=torch.float64), dim=-1))
    neighbors, weight = torch.randint(n, (n, k)), torch.rand(n, k, dtype=torch.float64)
    invariants, tensors = layer(x, messages, harmonics, neighbors, weight)

    radial = layer.radial(messages).view(n, k, lmax + 1, channels)
    blocks: dict[int, list[torch.Tensor]] = {0: [], 1: [], 2: []}
    for a, b, c in layer.paths:
        three_j = o3.wigner_3j(a, b, c, dtype=torch.float64)
        three_j = three_j * (three_j * gaunt(a, b, c)).sum().sign() * (2 * c + 1) ** 0.5
        edge = torch.einsum(
            "nk,nkc,nka,nkbc,abm->nkmc",
            weight, radial[:, :, a], harmonics[..., degree_slice(a)], x[neighbors][:, :, degree_slice(b)], three_j,
        )  # fmt: skip
        blocks[c].append(edge.sum(1))
    expected = torch.cat([b[:, 0] for b in blocks[0]], -1)
    torch.testing.assert_close(invariants, expected, atol=1e-11, rtol=0)
    first = layer.mix[0](torch.cat(blocks[1], -1))
    second = layer.mix[1](torch.cat(blocks[2], -1))
    torch.testing.assert_close(tensors, torch.cat([first, second], 1), atol=1e-11, rtol=0)


def test_eleven_paths_at_degree_two():
    """35 coupled numbers of 81 products, as the parity rule says."""
    layer = TensorConvolution(4, 2, 6)
    assert len(layer.paths) == 11
    assert layer.coupling.shape == (35, 81)


def test_norm_bounds_length_and_keeps_direction():
    x = 100 * torch.randn(5, 8, 3)
    y = TensorNorm(2)(x)
    ratio = y[:, :3] / x[:, :3]
    torch.testing.assert_close(ratio, ratio[:, :1, :1].expand_as(ratio))
    assert y[:, :3].square().sum(1).mean(-1).max() <= 1.0


def test_chunks_change_nothing():
    torch.manual_seed(0)
    layer = TensorConvolution(4, 2, 6, chunk=3)
    x, messages, harmonics = torch.randn(10, 9, 4), torch.randn(10, 5, 6), torch.randn(10, 5, 9)
    arguments = (x, messages, harmonics, torch.randint(10, (10, 5)), torch.rand(10, 5))
    whole = layer(*arguments)
    with torch.no_grad():
        pieces = layer(*arguments)
    for one, other in zip(whole, pieces, strict=True):
        torch.testing.assert_close(one, other)

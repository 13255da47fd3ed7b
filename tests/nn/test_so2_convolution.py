"""The convolution in edge frames against the full tensor product, edge by edge, and against its definition."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3

from protein_enn.nn.chunks import chunk_size
from protein_enn.nn.edge_rotations import EdgeAlignment, WignerMatrices, edge_frames
from protein_enn.nn.so2_convolution import SO2Convolution
from protein_enn.nn.spherical import degree_slice, gaunt, spherical_harmonics
from protein_enn.nn.tensor_convolution import TensorConvolution
from protein_enn.testing import random_rotation, representation

N, K, CHANNELS, HIDDEN, ODD = 7, 5, 4, 6, 3


def inputs(lmax: int) -> tuple[torch.Tensor, ...]:
    """Node features, messages, directions (two of them along the poles), neighbors, weights, odd scalars."""
    generator = torch.Generator().manual_seed(lmax)
    shapes = [(N, (lmax + 1) ** 2, CHANNELS), (N, K, HIDDEN), (N, K, 3), (N, K), (N, K, ODD)]
    x, messages, d, weight, odd = (torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
    d[0, 0], d[0, 1] = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, -1.0, 0.0])
    neighbors = torch.randint(N, (N, K), generator=generator)
    return x, messages, torch.nn.functional.normalize(d, dim=-1), neighbors, weight.square(), odd


def layer_of(lmax: int, mmax: int | None = None, odd: int = 0) -> SO2Convolution:
    torch.manual_seed(lmax)
    return SO2Convolution(CHANNELS, lmax, HIDDEN, mmax, odd).double()


@torch.no_grad()
def take_paths(layer: SO2Convolution, couplings: dict[tuple[int, int, int], torch.Tensor], weights: dict) -> None:
    """W^|m|_l3,l2 = sum over l1 of Y_l1(pole) C_0mm times the path's weight: `layer` becomes their product."""
    for degree, matrix in enumerate(layer.mix.parameters(), start=1):
        blocks = []
        for m in range(min(degree, layer.mmax) + 1):
            scale = ((2 * degree + 1) / (2 if m else 1)) ** 0.5
            for source in range(m, layer.lmax + 1):
                block = torch.zeros(CHANNELS, CHANNELS, dtype=torch.float64)
                for (a, b, c), coupling in couplings.items():
                    if (b, c) == (source, degree):
                        element = coupling[a, b + m, c + m] * (2 * a + 1) ** 0.5
                        block += weights[a, b, c] * element / scale
                blocks.append(block)
        matrix.copy_(torch.cat(blocks, 1))


@torch.no_grad()
def same_for_all(radial: torch.nn.Linear) -> None:
    """One radial function for all degrees or all |m|, which the two kinds of layer distribute differently."""
    for parameter in radial.parameters():
        first = parameter[:CHANNELS]
        parameter.copy_(first.repeat(len(parameter) // CHANNELS, *[1] * (parameter.ndim - 1)))


@pytest.mark.parametrize("lmax", [1, 2, 3])
def test_equals_the_full_product_of_all_paths(lmax):
    """e3nn's harmonics to 2 lmax and its 3j symbols, every edge coupled, then summed."""
    layer = layer_of(lmax)
    same_for_all(layer.radial)
    x, messages, d, neighbors, weight, _ = inputs(lmax)
    degrees = range(lmax + 1)
    paths = [(a, b, c) for c in degrees[1:] for b in degrees for a in range(abs(b - c), b + c + 1, 2)]
    couplings = {path: o3.wigner_3j(*path, dtype=torch.float64) for path in paths}
    weights = {path: torch.randn(CHANNELS, CHANNELS, dtype=torch.float64) for path in paths}
    take_paths(layer, couplings, weights)
    # as many weights as the product has: nothing is left out and nothing added
    assert sum(mix.numel() for mix in layer.mix.parameters()) == len(paths) * CHANNELS**2
    source = layer.radial(messages)[:, :, None, :CHANNELS] * x[neighbors] * weight[..., None, None]
    expected = [torch.zeros(N, 2 * c + 1, CHANNELS, dtype=torch.float64) for c in degrees]
    for (a, b, c), coupling in couplings.items():
        harmonics = o3.spherical_harmonics(a, d, normalize=False, normalization="component")
        edge = torch.einsum(
            "abm,nka,nkbu,vu->nkmv", coupling, harmonics, source[:, :, degree_slice(b)], weights[a, b, c]
        )
        expected[c] += edge.sum(1)
    _, tensors = layer(x, messages, EdgeAlignment(lmax)(d, neighbors), neighbors, weight)
    torch.testing.assert_close(tensors, torch.cat(expected[1:], 1), atol=1e-10, rtol=0)


def invariants_of(scalars: torch.Tensor, lmax: int) -> torch.Tensor:
    """Scalars of the paths (l, l, 0) in the edge frame: their 3j symbol times Y_l(pole) is 1 up to sign."""
    signs = [gaunt(degree, degree, 0)[degree, degree, 0].sign() for degree in range(lmax + 1)]
    return scalars * torch.stack(signs).repeat_interleave(CHANNELS)


@pytest.mark.parametrize("lmax", [1, 2, 3])
def test_equals_the_tensor_product_convolution(lmax):
    ours, theirs = layer_of(lmax), TensorConvolution(CHANNELS, lmax, HIDDEN).double()
    same_for_all(theirs.radial)
    same_for_all(ours.radial)
    ours.radial.weight.data[:] = theirs.radial.weight[:CHANNELS].repeat(lmax + 1, 1)
    ours.radial.bias.data[:] = theirs.radial.bias[:CHANNELS].repeat(lmax + 1)
    weights, couplings = {}, {}
    for degree, mix in enumerate(theirs.mix.parameters(), start=1):
        paths = [path for path in theirs.paths if path[2] == degree]
        for path, block in zip(paths, mix.detach().split(CHANNELS, 1), strict=True):
            weights[path], couplings[path] = block, gaunt(*path) * (2 * degree + 1) ** 0.5
    take_paths(ours, couplings, weights)
    x, messages, d, neighbors, weight, _ = inputs(lmax)
    expected = theirs(x, messages, spherical_harmonics(lmax, d), neighbors, weight)
    invariants, tensors = ours(x, messages, EdgeAlignment(lmax)(d, neighbors), neighbors, weight)
    torch.testing.assert_close(invariants, invariants_of(expected.scalars, lmax), atol=1e-10, rtol=0)
    torch.testing.assert_close(tensors, expected.tensors, atol=1e-10, rtol=0)


def by_definition(layer: SO2Convolution, lmax: int) -> torch.Tensor:
    """Edge by edge in its frame, the pair (+m, -m) as a complex number; tensors of degrees 1 .. lmax."""
    x, messages, d, neighbors, weight, odd = inputs(lmax)
    result = torch.zeros(N, (lmax + 1) ** 2, CHANNELS, dtype=torch.float64)
    weights = list(layer.mix.parameters())
    for i in range(N):
        for slot in range(K):
            frame = edge_frames(d[i, slot])
            matrix = torch.block_diag(torch.ones(1, 1).double(), *WignerMatrices(lmax)(frame))
            local = matrix @ x[neighbors[i, slot]]
            radial = layer.radial(messages[i, slot]).split(CHANNELS)
            twist = layer.twist(odd[i, slot]).split(CHANNELS) if layer.twist is not None else None
            mixed = torch.zeros_like(local)
            for degree in range(1, lmax + 1):
                blocks = list(weights[degree - 1].split(CHANNELS, 1))
                for m in range(min(degree, layer.mmax) + 1):
                    scale = ((2 * degree + 1) / (2 if m else 1)) ** 0.5
                    for source in range(m, lmax + 1):
                        first = source * source + source
                        z = torch.complex(local[first + m], local[first - m] if m else torch.zeros(CHANNELS).double())
                        z = (
                            z
                            * radial[m]
                            * (1 if twist is None or not m else torch.complex(radial[0] * 0 + 1, twist[m - 1]))
                        )
                        z = (scale * blocks.pop(0)).to(z) @ z
                        middle = degree * degree + degree
                        mixed[middle + m] += z.real
                        if m:
                            mixed[middle - m] += z.imag
            result[i] += weight[i, slot] * matrix.T @ mixed
    return result[:, 1:]


@pytest.mark.parametrize(("lmax", "mmax", "odd"), [(1, 1, 0), (2, 2, ODD), (2, 1, 0), (3, 2, ODD), (3, 0, 0)])
def test_equals_the_formula(lmax, mmax, odd):
    layer = layer_of(lmax, mmax, odd)
    x, messages, d, neighbors, weight, odds = inputs(lmax)
    rotations = EdgeAlignment(lmax, mmax)(d, neighbors)
    _, tensors = layer(x, messages, rotations, neighbors, weight, odds if odd else None)
    torch.testing.assert_close(tensors, by_definition(layer, lmax), atol=1e-11, rtol=0)


@pytest.mark.parametrize("odd", [0, ODD])
@pytest.mark.parametrize(("lmax", "mmax"), [(1, 1), (2, 1), (2, 2), (3, 3)])
def test_rotates_with_the_edges(lmax, mmax, odd):
    """Rotation and reflection; odd scalars change sign in the mirror."""
    layer = layer_of(lmax, mmax, odd)
    x, messages, d, neighbors, weight, odds = inputs(lmax)
    irreps = " + ".join(f"1x{degree}{'eo'[degree % 2]}" for degree in range(lmax + 1))

    def result(x: torch.Tensor, d: torch.Tensor, odds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return layer(x, messages, EdgeAlignment(lmax, mmax)(d, neighbors), neighbors, weight, odds if odd else None)

    invariants, tensors = result(x, d, odds)
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    for rotation in (random_rotation(1), -random_rotation(1), mirror):
        matrix = representation(irreps, rotation)
        moved = result(matrix @ x, d @ rotation.T, odds * torch.linalg.det(rotation).sign())
        torch.testing.assert_close(moved[0], invariants, atol=1e-11, rtol=0)
        torch.testing.assert_close(moved[1], matrix[1:, 1:] @ tensors, atol=1e-11, rtol=0)


def test_odd_scalars_distinguish_mirror_images():
    layer = layer_of(2, odd=ODD)
    x, messages, d, neighbors, weight, odd = inputs(2)
    rotations = EdgeAlignment(2)(d, neighbors)
    _, left = layer(x, messages, rotations, neighbors, weight, odd)
    _, right = layer(x, messages, rotations, neighbors, weight, -odd)
    assert (left - right).abs().max() > 1e-2


@pytest.mark.parametrize("odd", [0, ODD])
def test_the_free_angle_of_a_frame_does_not_matter(odd, monkeypatch):
    """The frame of each edge rotated about its axis by an angle of its own."""
    layer = layer_of(3, odd=odd)
    x, messages, d, neighbors, weight, odds = inputs(3)
    before = layer(x, messages, EdgeAlignment(3)(d, neighbors), neighbors, weight, odds if odd else None)
    angle = 6.28 * torch.rand(N, K, dtype=torch.float64)
    c, s, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    spin = torch.stack([c, zero, s, zero, zero + 1, zero, -s, zero, c], -1).view(N, K, 3, 3)
    monkeypatch.setattr("protein_enn.nn.edge_rotations.edge_frames", lambda d: spin @ edge_frames(d))
    rotations = EdgeAlignment(3)(d, neighbors)
    assert (rotations.matrix - EdgeAlignment(3, 3)(-d, neighbors).matrix).abs().max() > 0.1
    after = layer(x, messages, rotations, neighbors, weight, odds if odd else None)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=0)


def test_a_smaller_mmax_leaves_out_the_weights_of_larger_m():
    """The rest equals a layer that has zeros there."""
    whole, part = layer_of(2), layer_of(2, mmax=1)
    with torch.no_grad():
        part.radial.weight.copy_(whole.radial.weight[: 2 * CHANNELS])
        part.radial.bias.copy_(whole.radial.bias[: 2 * CHANNELS])
        part.mix[0].weight.copy_(whole.mix[0].weight)
        part.mix[1].weight.copy_(whole.mix[1].weight[:, : 5 * CHANNELS])
        whole.mix[1].weight[:, 5 * CHANNELS :] = 0.0
    x, messages, d, neighbors, weight, _ = inputs(2)
    expected = whole(x, messages, EdgeAlignment(2)(d, neighbors), neighbors, weight)
    reduced = part(x, messages, EdgeAlignment(2, 1)(d, neighbors), neighbors, weight)
    for one, other in zip(reduced, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=0)


def test_gradients_of_directions_are_those_of_differences():
    """Also through the frames, whose own angle jumps. Directions have length 1, as in an encoder."""
    layer = layer_of(2, odd=ODD)
    x, messages, d, neighbors, weight, odd = inputs(2)

    def result(d: torch.Tensor) -> torch.Tensor:
        unit = torch.nn.functional.normalize(d, dim=-1)
        return layer(x, messages, EdgeAlignment(2)(unit, neighbors), neighbors, weight, odd)[1]

    assert torch.autograd.gradcheck(result, (d.clone().requires_grad_(True),), fast_mode=True)


@pytest.mark.parametrize("odd", [0, ODD])
def test_chunks_change_nothing(odd):
    """Neither results nor gradients, of inputs and of weights."""
    layer = layer_of(2, odd=odd)
    x, messages, d, neighbors, weight, odds = inputs(2)
    leaves = [t.requires_grad_(True) for t in (x, messages, d)]
    runs = []
    for size in (N, 3):
        with chunk_size(size):
            rotations = EdgeAlignment(2)(d, neighbors)
            results = layer(x, messages, rotations, neighbors, weight, odds if odd else None)
            gradients = torch.autograd.grad(sum(r.square().sum() for r in results), [*leaves, *layer.parameters()])
        runs.append([*results, *gradients])
    for one, other in zip(*runs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


def test_odd_scalars_for_a_layer_without_them_are_refused():
    x, messages, d, neighbors, weight, odd = inputs(1)
    with pytest.raises(ValueError, match="odd scalars"):
        layer_of(1)(x, messages, EdgeAlignment(1)(d, neighbors), neighbors, weight, odd)

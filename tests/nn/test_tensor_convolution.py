"""The convolution against e3nn's `TensorProduct`, which couples every edge before the sum."""

import pytest
import torch
from e3nn import o3

from protein_enn.geometry.rotations import random_rotation
from protein_enn.nn import compiled
from protein_enn.nn.chunks import chunk_size
from protein_enn.nn.features import Features, Layout
from protein_enn.nn.rotation import representation
from protein_enn.nn.spherical import coupling, degree_slice, spherical_harmonics
from protein_enn.nn.tensor_convolution import TensorConvolution

HIDDEN = 6


def inputs(lmax: int, width: int, n: int = 7, k: int = 5, dtype: torch.dtype = torch.float64) -> tuple:
    """x, messages, harmonics, neighbors, weight."""
    torch.manual_seed(1)
    directions = torch.nn.functional.normalize(torch.randn(n, k, 3, dtype=dtype), dim=-1)
    return (
        torch.randn(n, (lmax + 1) ** 2, width, dtype=dtype),
        torch.randn(n, k, HIDDEN, dtype=dtype),
        spherical_harmonics(lmax, directions),
        torch.randint(n, (n, k)),
        torch.rand(n, k, dtype=dtype),
    )


def new_layer(channels: int, lmax: int, odd: int = 0) -> TensorConvolution:
    torch.manual_seed(0)
    return TensorConvolution(channels, lmax, HIDDEN, odd)


def parts(f: Features) -> list[torch.Tensor]:
    return [f.scalars, f.pseudoscalars, f.tensors, f.pseudotensors]


def irreps(channels: int, odd: int, lmax: int) -> list[tuple[int, str]]:
    """Channels of each degree: of the harmonics' parity, then of the other."""
    natural = [(channels, f"{d}{'eo'[d % 2]}") for d in range(lmax + 1)]
    return natural + [(odd, f"{d}{'oe'[d % 2]}") for d in range(lmax + 1) if odd]


def by_e3nn(layer: TensorConvolution, x, messages, harmonics, neighbors, weight) -> list[torch.Tensor]:
    """The same function: one uvu instruction for each path and parity, its weights taken from `layer`."""
    c, q, lmax = layer.channels, layer.odd, layer.lmax
    n, k = neighbors.shape
    inside = irreps(c, q, lmax)
    outputs: list[tuple[int, str]] = []
    tensors, instructions, weights = [], [], []
    radial = layer.radial(messages).view(n * k, lmax + 1, c + q)
    for kind, paths in enumerate((layer.paths, layer.cross_paths)):  # in the order of the layer's mixing weights
        for parity, width in enumerate((c, q)):
            for a, b, d in paths:
                if not width:
                    continue
                three_j = o3.wigner_3j(b, a, d, dtype=torch.float64).transpose(0, 1)
                sign = (three_j * coupling(a, b, d)).sum().sign()
                index = parity * (lmax + 1) + b
                instructions.append((index, a, len(outputs), "uvu", True))
                outputs.append((width, inside[(parity ^ kind) * (lmax + 1) + d][1]))
                weights.append(sign * (radial[:, a, :c] if parity == 0 else radial[:, a, c:]))
                tensors.append((parity ^ kind, d))
    torch.set_default_dtype(torch.float64)  # e3nn rounds its constants to the default type when it is built
    try:
        product = o3.TensorProduct(
            o3.Irreps(inside), o3.Irreps([(1, ir) for _, ir in irreps(1, 0, lmax)]), o3.Irreps(outputs), instructions,
            irrep_normalization="component", path_normalization="none", shared_weights=False, internal_weights=False,
        )  # fmt: skip
    finally:
        torch.set_default_dtype(torch.float32)
    flat = torch.cat(
        [part[:, degree_slice(d)].transpose(1, 2).flatten(1) for part in x.split([c, q], 2) for d in range(lmax + 1)], 1
    )
    y = (harmonics * weight[..., None]).flatten(0, 1)
    edges = product(flat[neighbors.flatten()], y, torch.cat(weights, 1))
    summed = edges.view(n, k, -1).sum(1)
    blocks: dict[tuple[int, int], list[torch.Tensor]] = {}
    for (width, ir), piece, where in zip(outputs, product.irreps_out.slices(), tensors, strict=True):
        block = summed[:, piece].view(n, width, o3.Irrep(ir).dim).transpose(1, 2)
        blocks.setdefault(where, []).append(block)
    result = []
    for parity, mix in enumerate((layer.mix, layer.mix_odd)):
        if parity and not q:
            break
        scalars = torch.cat([b[:, 0] for b in blocks[parity, 0]], 1)
        degrees = [linear(torch.cat(blocks[parity, d], 2)) for d, linear in enumerate(mix, start=1)]
        result.append((scalars, torch.cat(degrees, 1)))
    return [t for pair in zip(*result, strict=True) for t in pair]


@pytest.mark.parametrize(
    ("channels", "odd", "lmax"), [(4, 0, 1), (4, 0, 2), (3, 0, 3), (4, 2, 1), (3, 5, 2), (2, 2, 3)]
)
def test_equals_e3nn_tensor_product(channels, odd, lmax):
    layer = new_layer(channels, lmax, odd).double()
    arguments = inputs(lmax, channels + odd)
    ours = [p for p in parts(layer(*arguments)) if p.numel()]
    theirs = by_e3nn(layer, *arguments)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0)


@pytest.mark.parametrize(("channels", "odd", "lmax"), [(3, 0, 0), (3, 2, 0), (3, 0, 1), (3, 2, 2), (2, 1, 3)])
@pytest.mark.parametrize("mirror", [False, True])
def test_rotates_by_the_parity_of_each_output(channels, odd, lmax, mirror):
    layer = new_layer(channels, lmax, odd).double()
    x, messages, harmonics, neighbors, weight = inputs(lmax, channels + odd)
    rotation = -random_rotation(2) if mirror else random_rotation(2)

    def rotated(tensor: torch.Tensor, other_parity: bool) -> torch.Tensor:
        """Components (n, ..., m) of degrees 0 .. lmax."""
        kinds = [f"1x{d}{('oe' if other_parity else 'eo')[d % 2]}" for d in range(lmax + 1)]
        return tensor @ representation(" + ".join(kinds), rotation).T

    moved = torch.cat([rotated(p.mT, bool(i)).mT for i, p in enumerate(x.split([channels, odd], 2))], 2)
    before = layer(x, messages, harmonics, neighbors, weight)
    after = layer(moved, messages, rotated(harmonics, False), neighbors, weight)
    matrix = representation(
        Layout(before.scalars.shape[1], before.pseudoscalars.shape[1], channels, odd, lmax).irreps, rotation
    )
    torch.testing.assert_close(after.flat(), before.flat() @ matrix.T, atol=1e-11, rtol=0)


def test_eleven_paths_at_degree_two():
    """35 coupled numbers of 81 products by the parity rule; with odd channels 16 more."""
    layer = new_layer(4, 2)
    assert len(layer.paths) == 11
    assert layer.coupling.matrix.shape == (35, 81)
    assert new_layer(4, 2, odd=1).coupling.matrix.shape == (35 + 16, 81)


needs_loops = pytest.mark.skipif(
    compiled.library() is None, reason="installed without a C compiler: nothing to compare"
)


def gradients(layer: TensorConvolution, arguments: tuple) -> list[torch.Tensor]:
    """Outputs and gradients with respect to all arguments and weights."""
    x, messages, harmonics, neighbors, weight = (a.clone().requires_grad_(a.is_floating_point()) for a in arguments)
    outputs = [p for p in parts(layer(x, messages, harmonics, neighbors, weight)) if p.numel()]
    parts_of_loss = [(p * torch.linspace(-1, 1, p.numel(), dtype=p.dtype).view_as(p)).sum() for p in outputs]
    loss = torch.stack(parts_of_loss).sum()
    inputs_with_grad = [x, messages, harmonics, weight, *layer.parameters()]
    return [*outputs, *torch.autograd.grad(loss, inputs_with_grad)]


@needs_loops
@pytest.mark.parametrize(("channels", "odd", "lmax"), [(16, 0, 0), (5, 0, 1), (16, 0, 2), (20, 13, 2), (8, 8, 3)])
@pytest.mark.parametrize("chunk", [None, 3])
def test_compiled_loops_equal_torch(channels, odd, lmax, chunk):
    """Values and gradients in float32 against torch operations in float64; also in chunks, also two threads."""
    layer = new_layer(channels, lmax, odd)
    arguments = inputs(lmax, channels + odd, n=23, k=9, dtype=torch.float32)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with chunk_size(chunk or 1000):
            ours = gradients(layer, arguments)
    finally:
        torch.set_num_threads(threads)
    exact = gradients(layer.double(), tuple(a.double() if a.is_floating_point() else a for a in arguments))
    for one, other in zip(ours, exact, strict=True):
        assert (one - other).abs().max() <= 2e-6 * other.abs().max()


@needs_loops
def test_compiled_loops_refuse_an_index_beyond_the_nodes():
    x, messages, harmonics, neighbors, weight = inputs(1, 2, dtype=torch.float32)
    neighbors[3, 2] = 7
    with pytest.raises(IndexError, match="neighbor 7 of 7 nodes"):
        new_layer(2, 1)(x, messages, harmonics, neighbors, weight)


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_chunks_change_nothing(chunk):
    """Values and gradients, with torch operations."""
    layer, arguments = new_layer(4, 2).double(), inputs(2, 4)
    whole = gradients(layer, arguments)
    with chunk_size(chunk):
        pieces = gradients(layer, arguments)
    for one, other in zip(pieces, whole, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


def test_gradients_are_those_of_finite_differences():
    layer, (x, messages, harmonics, neighbors, weight) = new_layer(2, 1).double(), inputs(1, 2, n=4, k=3)
    arguments = tuple(a.requires_grad_() for a in (x, messages, harmonics, weight))

    def outputs(x, messages, harmonics, weight):
        return layer(x, messages, harmonics, neighbors, weight).flat()

    with chunk_size(3):
        assert torch.autograd.gradcheck(outputs, arguments)


def test_bfloat16_products_under_autocast():
    """Learned products may be rounded to 8 bits; the result is float32 and near the exact one."""
    layer, arguments = new_layer(8, 2), inputs(2, 8, n=20, dtype=torch.float32)
    exact = layer(*arguments).tensors
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = layer(*arguments).tensors
    error = (rounded.float() - exact).abs().max() / exact.abs().max()
    assert 0 < error < 3e-2

"""Products of harmonics and neighbors' features, summed over the neighbors and coupled once per node.

    z[i,p,c] = sum_{a,b} K[p,a,b] sum_j y[i,j,a] r[i,j,l(a),c] x[j,b,c],    r[i,j] = W m[i,j] + v

a, b are components of degrees 0 .. lmax, p coupled components, c channels. K does not depend on the neighbor, so the
outer products are summed first: 1/k of the work and memory of coupling every edge. There are two implementations with
the same result: torch operations, for any device and for torch.compile, and compiled loops for float32 on a CPU. Both
can be differentiated twice (`create_graph`), as forces in a loss need it.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import linear, pad

from protein_enn.nn import compiled
from protein_enn.nn.chunks import Source, current_chunk, in_chunks, slices
from protein_enn.nn.spherical import degree_slice

LANES = 16  # channels that the compiled loops compute at a time


@dataclass(frozen=True, eq=False)
class Coupling:
    """K: (coupled, components^2), float64, with (a, b) in column a * components + b; most of it is zero."""

    matrix: Float[Tensor, "p q"]
    lmax: int

    @functools.cached_property
    def entries(self) -> tuple[Int[Tensor, "e"], Int[Tensor, "e"], Float[Tensor, "e"]]:
        """Row, column and value of the nonzero elements, by rows: int32, int32, float32."""
        row, column = self.matrix.nonzero(as_tuple=True)
        return row.int(), column.int(), self.matrix[row, column].float()


def neighbor_products(
    source: Source,
    messages: Float[Tensor, "n k h"],
    harmonics: Float[Tensor, "n k s"],
    radial: torch.nn.Linear,
    coupling: Coupling,
) -> Float[Tensor, "n p c"]:
    """z of the module's formula.

    The memory is that of arguments, result and one chunk of nodes, also with gradients.

    Parameters
    ----------
    source
        x (m, s, c) of the neighbors.
    messages
        m.
    harmonics
        y, already multiplied by the weight of each neighbor.
    radial
        W and v. Its output has (lmax + 1) c numbers, degree first.
    coupling
        K.

    Returns
    -------
    Float[Tensor, "n p c"]
        The coupled sums.
    """
    x = source.values
    if torch.compiler.is_compiling() or x.is_cuda or x.dtype != torch.float32 or not compiled.available():
        return _by_torch(source, messages, harmonics, radial, coupling)
    channels, degrees = x.shape[2], coupling.lmax + 1
    extra = -channels % LANES
    weight: Tensor = radial.weight
    bias: Tensor = radial.bias
    if extra:
        x = pad(x, (0, extra))
        weight = pad(weight.view(degrees, channels, -1), (0, 0, 0, extra)).flatten(0, 1)
        bias = pad(bias.view(degrees, channels), (0, extra)).flatten()
    device = x.device.type
    products = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32
    with torch.autocast(device, enabled=False):
        z = _Loops.apply(
            x, messages, harmonics.float(), source.index, weight, bias, coupling, products, source.distinct
        )
    return z[..., :channels] if extra else z


def _by_torch(
    source: Source, messages: Tensor, harmonics: Tensor, radial: torch.nn.Linear, coupling: Coupling
) -> Tensor:
    """`neighbor_products` by torch operations."""
    channels = source.values.shape[2]
    matrix = coupling.matrix.to(source.values)

    def step(messages: Tensor, harmonics: Tensor, source: Source) -> tuple[Tensor]:
        n, k = harmonics.shape[:2]
        weights = radial(messages).view(n, k, coupling.lmax + 1, 1, channels)
        x, rows = source.gather(), harmonics.transpose(1, 2)
        sums = [
            rows[:, degree_slice(degree)].to(weights) @ (weights[:, :, degree] * x).view(n, k, -1)
            for degree in range(coupling.lmax + 1)
        ]
        return (matrix.to(sums[0]) @ torch.cat(sums, 1).view(n, -1, channels),)

    if source.distinct:  # in a chunk already
        return step(messages, harmonics, source)[0]
    return in_chunks(step, (messages, harmonics), (source.values,), source.index, tuple(radial.parameters()))[0]


class _Work(ctypes.Structure):
    """`Work` of neighbor_products.c."""

    _fields_ = (
        [(name, ctypes.c_void_p) for name in ("x", "r", "v", "y", "nb")]
        + [(name, ctypes.c_int64) for name in ("n", "k", "channels", "entries", "coupled")]
        + [(name, ctypes.c_void_p) for name in ("out", "place", "value", "z", "dz", "dx", "dr", "dy")]
        + [("stride", ctypes.c_int64)]
    )


class _Loops(torch.autograd.Function):
    """The compiled loops. Radial weights are computed chunk by chunk, and again in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        messages: Tensor,
        harmonics: Tensor,
        neighbors: Tensor,
        weight: Tensor,
        bias: Tensor,
        coupling: Coupling,
        products: torch.dtype,
        distinct: bool,
    ) -> Tensor:
        x, messages, harmonics = x.contiguous(), messages.contiguous(), harmonics.contiguous()
        neighbors, bias = neighbors.contiguous(), bias.contiguous()
        if neighbors.numel() and int(neighbors.max()) >= len(x):
            raise IndexError(f"neighbor {int(neighbors.max())} of {len(x)} nodes")
        ctx.save_for_backward(x, messages, harmonics, neighbors, weight, bias)
        ctx.coupling, ctx.products, ctx.distinct = coupling, products, distinct
        z = x.new_empty(len(neighbors), len(coupling.matrix), x.shape[2])
        entries = coupling.entries
        for s in slices(len(neighbors), current_chunk(x.device)):
            r = _radial(messages[s], weight, products)
            work = _work(x, r, bias, harmonics[s], neighbors[s], entries)
            work.coupled, work.z = len(coupling.matrix), z[s].data_ptr()
            _call("protein_enn_forward", work, coupling.lmax, torch.get_num_threads())
        return z

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            return _Loops._differentiable(ctx, dz)
        x, messages, harmonics, neighbors, weight, bias = ctx.saved_tensors
        products, threads = ctx.products, torch.get_num_threads()
        dz, entries = dz.contiguous(), ctx.coupling.entries
        # One per thread: two threads may add to the same node.
        dx = x.new_zeros(1 if ctx.distinct else threads, *x.shape)
        dm, dw, db = torch.empty_like(messages), torch.zeros_like(weight), torch.zeros_like(bias)
        dy = torch.empty_like(harmonics) if ctx.needs_input_grad[2] else None
        for s in slices(len(neighbors), current_chunk(x.device)):
            r = _radial(messages[s], weight, products)
            dr = torch.empty_like(r)
            work = _work(x, r, bias, harmonics[s], neighbors[s], entries)
            work.coupled, work.dz, work.dx, work.dr = dz.shape[1], dz[s].data_ptr(), dx.data_ptr(), dr.data_ptr()
            work.dy = None if dy is None else dy[s].data_ptr()
            work.stride = 0 if ctx.distinct else x.numel()
            _call("protein_enn_backward", work, ctx.coupling.lmax, threads)
            rows = messages[s].flatten(0, 1)
            db += dr.sum(0)
            dr = dr.to(products)
            dw.addmm_(dr.T, rows.to(products)) if products == dw.dtype else dw.add_(dr.T @ rows.to(products))
            _product(dr, weight.to(products), dm[s].flatten(0, 1))
        return dx.sum(0) if len(dx) > 1 else dx[0], dm, dy, None, dw, db, None, None, None

    @staticmethod
    def _differentiable(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients as functions that can be differentiated: those with respect to r are taken first."""
        x, messages, harmonics, neighbors, weight, bias = ctx.saved_tensors
        rows = messages.flatten(0, 1)
        r = linear(rows, weight, bias)
        dx, dr, dy = _Gradients.apply(x, r, harmonics, dz, neighbors, ctx.coupling)
        dm = (dr @ weight).view_as(messages)
        return dx, dm, dy, None, dr.T @ rows, dr.sum(0), None, None, None


class _Gradients(torch.autograd.Function):
    """Gradients of <dz, z(x, r, y)> with respect to x, r and y, where r is given: differentiable once.

    z is linear in each of x, r and y, so that the gradients of this function are values and gradients of z again, each
    with one of the three replaced by its cotangent.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, r: Tensor, y: Tensor, dz: Tensor, neighbors: Tensor, coupling: Coupling
    ) -> tuple[Tensor, Tensor, Tensor]:
        x, r, y, dz = x.contiguous(), r.contiguous(), y.contiguous(), dz.contiguous()
        ctx.save_for_backward(x, r, y, dz, neighbors)
        ctx.coupling = coupling
        return _gradients(x, r, y, dz, neighbors, coupling)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gx: Tensor, gr: Tensor, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, r, y, dz, neighbors = ctx.saved_tensors
        gx, gr, gy = gx.contiguous(), gr.contiguous(), gy.contiguous()
        first = _values(gx, r, y, neighbors, ctx.coupling)
        second = _values(x, gr, y, neighbors, ctx.coupling)
        third = _values(x, r, gy, neighbors, ctx.coupling)
        _, r1, y1 = _gradients(gx, r, y, dz, neighbors, ctx.coupling)
        x2, _, y2 = _gradients(x, gr, y, dz, neighbors, ctx.coupling)
        x3, r3, _ = _gradients(x, r, gy, dz, neighbors, ctx.coupling)
        return x2 + x3, r1 + r3, y1 + y2, first + second + third, None, None


def _values(x: Tensor, r: Tensor, y: Tensor, neighbors: Tensor, coupling: Coupling) -> Float[Tensor, "n p c"]:
    """z of given r, by the compiled loops."""
    z, zeros = x.new_empty(len(neighbors), len(coupling.matrix), x.shape[2]), r.new_zeros(r.shape[1])
    work = _work(x, r, zeros, y, neighbors, coupling.entries)
    work.coupled, work.z = len(coupling.matrix), z.data_ptr()
    _call("protein_enn_forward", work, coupling.lmax, torch.get_num_threads())
    return z


def _gradients(
    x: Tensor, r: Tensor, y: Tensor, dz: Tensor, neighbors: Tensor, coupling: Coupling
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of <dz, z> with respect to x, r and y, by the compiled loops."""
    threads = torch.get_num_threads()
    dx, dr, dy = x.new_zeros(threads, *x.shape), torch.empty_like(r), torch.empty_like(y)
    zeros = r.new_zeros(r.shape[1])
    work = _work(x, r, zeros, y, neighbors, coupling.entries)
    work.coupled, work.dz, work.stride = dz.shape[1], dz.data_ptr(), x.numel()
    work.dx, work.dr, work.dy = dx.data_ptr(), dr.data_ptr(), dy.data_ptr()
    _call("protein_enn_backward", work, coupling.lmax, threads)
    return dx.sum(0) if threads > 1 else dx[0], dr, dy


def _radial(messages: Tensor, weight: Tensor, products: torch.dtype) -> Float[Tensor, "e w"]:
    """W m; the loops add v."""
    return linear(messages.flatten(0, 1).to(products), weight.to(products)).float()


def _product(a: Tensor, b: Tensor, out: Tensor) -> None:
    """out = a b, without a copy where the types are equal."""
    torch.mm(a, b, out=out) if a.dtype == out.dtype else out.copy_(a @ b)


def _work(
    x: Tensor, r: Tensor, v: Tensor, y: Tensor, neighbors: Tensor, entries: tuple[Tensor, Tensor, Tensor]
) -> _Work:
    """The arguments that forward and backward passes have in common."""
    row, column, value = entries
    n, k = neighbors.shape
    return _Work(
        x=x.data_ptr(),
        r=r.data_ptr(),
        v=v.data_ptr(),
        y=y.data_ptr(),
        nb=neighbors.data_ptr(),
        n=n,
        k=k,
        channels=x.shape[2],
        entries=len(value),
        out=row.data_ptr(),
        place=column.data_ptr(),
        value=value.data_ptr(),
    )


def _call(name: str, work: _Work, lmax: int, threads: int) -> None:
    """Runs a function of the library."""
    library = compiled.library()
    assert library is not None, "call compiled.available() first"
    getattr(library, name)(ctypes.byref(work), ctypes.c_int64(lmax), ctypes.c_int64(threads))

"""Messages along edges, summed, and updates of edges, in bfloat16 on CPUs with AMX; with gradients.

    summed_messages     sum_j w_ij m_ij,  m = silu(A e_ij + t_i + s_j + c[kind_ij]),  at depth 2  m = silu(B m + b)
    updated_edges       e_ij + B silu(A (norm e_ij) + t_i + s_j) + b,  norm of mean 0 and variance 1 over the features

e (n, k, d), t (n, h), s (m, h), c (kinds, h), w (n, k). Each is one pass over the edges of a few nodes at a time.
Intermediate values of an edge stay in the cache; the backward pass computes them again. Products are bfloat16 with
32-bit sums, as in autocast. `supported` tests whether the compiled loops can be used; elsewhere torch operations are.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.nn import compiled

WIDEST = 256
_SUM, _SUM_BACK, _UPDATE, _UPDATE_BACK = range(4)


def supported(device: torch.device, *widths: int) -> bool:
    """Whether the loops exist, allow these widths, and autocast to bfloat16 is on, on a CPU with AMX."""
    if device.type != "cpu" or not torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        return False
    fits = all(width % 32 == 0 and 0 < width <= WIDEST for width in widths)
    return fits and torch.get_autocast_dtype("cpu") == torch.bfloat16 and compiled.edges_supported()


def summed_messages(
    edges: Float[Tensor, "n k d"],
    target: Float[Tensor, "n h"],
    source: Float[Tensor, "m h"],
    neighbors: Int[Tensor, "n k"],
    weight: Float[Tensor, "n k"],
    matrix: Float[Tensor, "h d"],
    deeper: torch.nn.Linear | None = None,
    table: Float[Tensor, "q h"] | None = None,
    kinds: Int[Tensor, "n k"] | None = None,
) -> Float[Tensor, "n h"]:
    """sum_j w_ij m_ij of the module's formula.

    Parameters
    ----------
    edges, target, source
        e, t and s.
    neighbors
        Index into `source` of each neighbor.
    weight
        w. It gets no gradient.
    matrix
        A.
    deeper
        B and b, for messages of depth 2.
    table, kinds
        c, and the row of c of each edge.

    Returns
    -------
    Float[Tensor, "n h"]
        Sums over neighbors, float32.
    """
    with torch.autocast("cpu", enabled=False):
        inner, bias = (None, None) if deeper is None else (deeper.weight, deeper.bias)
        inputs = (edges.bfloat16(), target.float(), source.float(), table, matrix, inner, bias)
        result: Tensor = _Summed.apply(*inputs, neighbors, kinds, weight.float())
        return result


def updated_edges(
    edges: Float[Tensor, "n k d"],
    target: Float[Tensor, "n h"],
    source: Float[Tensor, "m h"],
    neighbors: Int[Tensor, "n k"],
    matrix: Float[Tensor, "h d"],
    outer: torch.nn.Linear,
) -> Float[Tensor, "n k d"]:
    """The edges after the update of the module's formula.

    Parameters
    ----------
    edges, target, source
        e, t and s. An offset of the norm is added to `target` by the caller.
    neighbors
        Index into `source` of each neighbor.
    matrix
        A. A gain of the norm is multiplied into it by the caller.
    outer
        B and b.

    Returns
    -------
    Float[Tensor, "n k d"]
        Edges, bfloat16.
    """
    with torch.autocast("cpu", enabled=False):
        inputs = (edges.bfloat16(), target.float(), source.float(), matrix, outer.weight, outer.bias)
        result: Tensor = _Updated.apply(*inputs, neighbors)
        return result


def gaussians(r: Float[Tensor, "*n"], centers: Float[Tensor, "b"], inverse_width: float) -> Float[Tensor, "*n b"]:
    """exp(-((r - mu_b) inverse_width)^2) in bfloat16, without gradient. ValueError for more than 16 centers mu."""
    r, centers = r.detach().float().contiguous(), centers.float().contiguous()
    out = torch.empty(*r.shape, len(centers), dtype=torch.bfloat16)
    library = compiled.edges_library()
    assert library is not None, "call supported() first"
    pointers = (ctypes.c_void_p(x.data_ptr()) for x in (r, centers, out))
    sizes = (ctypes.c_int64(r.numel()), ctypes.c_int64(len(centers)), ctypes.c_double(inverse_width))
    if not library.protein_enn_gaussians(*pointers, *sizes):
        raise ValueError(f"1 to 16 centers are possible, not {len(centers)}")
    return out


_INPUTS = ("e", "t", "s", "c", "w", "nb", "kind", "a", "b", "bias", "a_back", "b_back")
_RESULTS = ("out", "e_out", "d_out", "de_out", "de", "dt", "ds", "dc", "da", "db", "dbias")


class _Work(ctypes.Structure):
    """`Work` of edge_messages.c."""

    _fields_ = (
        [(name, ctypes.c_void_p) for name in _INPUTS]
        + [(name, ctypes.c_int64) for name in ("n", "k", "m", "d", "h", "kinds")]
        + [(name, ctypes.c_void_p) for name in _RESULTS]
    )


class _Summed(torch.autograd.Function):
    """`summed_messages` by the compiled loops."""

    @staticmethod
    def forward(
        ctx: Any,
        e: Tensor,
        t: Tensor,
        s: Tensor,
        c: Tensor | None,
        matrix: Tensor,
        inner: Tensor | None,
        bias: Tensor | None,
        neighbors: Tensor,
        kinds: Tensor | None,
        weight: Tensor,
    ) -> Tensor:
        e, t, s, weight = e.contiguous(), t.contiguous(), s.contiguous(), weight.contiguous()
        neighbors = _checked_index(neighbors, len(s))
        kinds = None if kinds is None or c is None else _checked_index(kinds, len(c))
        ctx.save_for_backward(e, t, s, c, matrix, inner, bias, neighbors, kinds, weight)
        out = torch.empty_like(t)
        fields = {"e": e, "t": t, "s": s, "c": c, "w": weight, "nb": neighbors, "kind": kinds, "out": out}
        _call(_SUM, torch.get_num_threads(), **fields, **_packed_matrices(matrix, inner, bias))
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        e, t, s, c, matrix, inner, bias, neighbors, kinds, weight = ctx.saved_tensors
        threads = torch.get_num_threads()
        gradients: dict[str, Tensor] = {"de": torch.empty_like(e), "dt": torch.empty_like(t)}
        for name, like in (("ds", s), ("dc", c), ("da", matrix), ("db", inner), ("dbias", bias)):
            if like is not None:
                gradients[name] = like.new_zeros(threads, *like.shape)
        _call(
            _SUM_BACK, threads, e=e, t=t, s=s, c=c, w=weight, nb=neighbors, kind=kinds, d_out=d_out.contiguous(),
            **_packed_matrices(matrix, inner, bias), **gradients,
        )  # fmt: skip
        ds, dc, da, db, dbias = (_total(gradients.get(name)) for name in ("ds", "dc", "da", "db", "dbias"))
        return gradients["de"], gradients["dt"], ds, dc, da, db, dbias, None, None, None


class _Updated(torch.autograd.Function):
    """`updated_edges` by the compiled loops."""

    @staticmethod
    def forward(
        ctx: Any, e: Tensor, t: Tensor, s: Tensor, matrix: Tensor, outer: Tensor, bias: Tensor, neighbors: Tensor
    ) -> Tensor:
        e, t, s, neighbors = e.contiguous(), t.contiguous(), s.contiguous(), _checked_index(neighbors, len(s))
        ctx.save_for_backward(e, t, s, matrix, outer, bias, neighbors)
        out = torch.empty_like(e)
        packed = _packed_matrices(matrix, outer, bias)
        _call(_UPDATE, torch.get_num_threads(), e=e, t=t, s=s, nb=neighbors, e_out=out, **packed)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, de_out: Tensor) -> tuple[Tensor | None, ...]:
        e, t, s, matrix, outer, bias, neighbors = ctx.saved_tensors
        threads = torch.get_num_threads()
        gradients = {"de": torch.empty_like(e), "dt": torch.empty_like(t)}
        for name, like in (("ds", s), ("da", matrix), ("db", outer), ("dbias", bias)):
            gradients[name] = like.new_zeros(threads, *like.shape)
        _call(
            _UPDATE_BACK, threads, e=e, t=t, s=s, nb=neighbors, de_out=de_out.contiguous(),
            **_packed_matrices(matrix, outer, bias), **gradients,
        )  # fmt: skip
        ds, da, db, dbias = (_total(gradients[name]) for name in ("ds", "da", "db", "dbias"))
        return gradients["de"], gradients["dt"], ds, da, db, dbias, None


def _packed_matrices(matrix: Tensor, second: Tensor | None, bias: Tensor | None) -> dict[str, Tensor | None]:
    """The matrices in the layout of the tile unit, forward and transposed: pairs of rows interleaved."""
    packed: dict[str, Tensor | None] = {"bias": None if bias is None else bias.detach().float().contiguous()}
    for name, value in (("a", matrix), ("b", second)):
        if value is not None:
            half = value.detach().bfloat16()
            rows, columns = half.shape
            packed[name] = half.view(rows, columns // 2, 2).transpose(0, 1).contiguous()
            packed[f"{name}_back"] = half.view(rows // 2, 2, columns).transpose(1, 2).contiguous()
    return packed


def _call(operation: int, threads: int, **tensors: Tensor | None) -> None:
    """Runs one of the four operations on these fields of `_Work`."""
    e, t, s, c = (tensors.get(name) for name in ("e", "t", "s", "c"))
    assert e is not None and t is not None and s is not None
    n, k, d = e.shape
    work = _Work(n=n, k=k, m=len(s), d=d, h=t.shape[1], kinds=0 if c is None else len(c))
    for name, value in tensors.items():
        setattr(work, name, None if value is None else value.data_ptr())
    library = compiled.edges_library()
    assert library is not None, "call supported() first"
    arguments = ctypes.byref(work), ctypes.c_int64(operation), ctypes.c_int64(threads)
    if n and k and not library.protein_enn_edges(*arguments):
        raise MemoryError("no memory for the edges of a few nodes")


def _total(parts: Tensor | None) -> Tensor | None:
    """The sum over threads."""
    return None if parts is None else parts[0] if len(parts) == 1 else parts.sum(0)


def _checked_index(index: Tensor, limit: int) -> Tensor:
    """The index, contiguous; IndexError where it reaches `limit`."""
    if index.numel() and int(index.max()) >= limit:
        raise IndexError(f"row {int(index.max())} of {limit}")
    return index.contiguous()

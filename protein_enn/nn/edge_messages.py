"""Messages along edges, summed, and updates of edges, in bfloat16 on CPUs with AMX; with gradients.

    summed_messages     sum_j w_ij m_ij,  m = silu(A e_ij + t_i + s_j + c[kind_ij]),  at depth 2  m = silu(B m + b)
    updated_edges       e_ij + B silu(A (norm e_ij) + t_i + s_j) + b,  norm of mean 0 and variance 1 over the features

e (n, k, d), t (n, h), s (m, h), c (kinds, h), w (n, k). Each is one pass over the edges of a few nodes at a time: what
is made for an edge on the way never leaves the cache, and the backward pass makes it again. Products are bfloat16 with
32-bit sums, as in autocast. `supported` says where the compiled loops can be used; elsewhere torch operations do it.
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
    """Whether autocast to bfloat16 is on, on a CPU with AMX, and the loops were compiled and take such widths."""
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
    """The sum over neighbors; no gradient for `weight`."""
    with torch.autocast("cpu", enabled=False):
        inner, bias = (None, None) if deeper is None else (deeper.weight, deeper.bias)
        given = (edges.bfloat16(), target.float(), source.float(), table, matrix, inner, bias)
        result: Tensor = _Summed.apply(*given, neighbors, kinds, weight.float())
        return result


def updated_edges(
    edges: Float[Tensor, "n k d"],
    target: Float[Tensor, "n h"],
    source: Float[Tensor, "m h"],
    neighbors: Int[Tensor, "n k"],
    matrix: Float[Tensor, "h d"],
    outer: torch.nn.Linear,
) -> Float[Tensor, "n k d"]:
    """The edges after an update, bfloat16. A gain of the norm belongs in `matrix`, an offset in `target`."""
    with torch.autocast("cpu", enabled=False):
        given = (edges.bfloat16(), target.float(), source.float(), matrix, outer.weight, outer.bias)
        result: Tensor = _Updated.apply(*given, neighbors)
        return result


def gaussians(r: Float[Tensor, "*n"], centers: Float[Tensor, "b"], inverse_width: float) -> Float[Tensor, "*n b"]:
    """exp(-((r - mu_b) inverse_width)^2) in bfloat16, for up to 16 centers mu; without gradient."""
    r, centers = r.detach().float().contiguous(), centers.float().contiguous()
    out = torch.empty(*r.shape, len(centers), dtype=torch.bfloat16)
    library = compiled.edges_library()
    assert library is not None, "supported() was asked before"
    places = (ctypes.c_void_p(x.data_ptr()) for x in (r, centers, out))
    sizes = (ctypes.c_int64(r.numel()), ctypes.c_int64(len(centers)), ctypes.c_double(inverse_width))
    if not library.protein_enn_gaussians(*places, *sizes):
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
        neighbors = _checked(neighbors, len(s))
        kinds = None if kinds is None or c is None else _checked(kinds, len(c))
        ctx.save_for_backward(e, t, s, c, matrix, inner, bias, neighbors, kinds, weight)
        out = torch.empty_like(t)
        given = {"e": e, "t": t, "s": s, "c": c, "w": weight, "nb": neighbors, "kind": kinds, "out": out}
        _call(_SUM, torch.get_num_threads(), **given, **_packed(matrix, inner, bias))
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        e, t, s, c, matrix, inner, bias, neighbors, kinds, weight = ctx.saved_tensors
        threads = torch.get_num_threads()
        made: dict[str, Tensor] = {"de": torch.empty_like(e), "dt": torch.empty_like(t)}
        for name, like in (("ds", s), ("dc", c), ("da", matrix), ("db", inner), ("dbias", bias)):
            if like is not None:
                made[name] = like.new_zeros(threads, *like.shape)
        _call(
            _SUM_BACK, threads, e=e, t=t, s=s, c=c, w=weight, nb=neighbors, kind=kinds, d_out=d_out.contiguous(),
            **_packed(matrix, inner, bias), **made,
        )  # fmt: skip
        ds, dc, da, db, dbias = (_total(made.get(name)) for name in ("ds", "dc", "da", "db", "dbias"))
        return made["de"], made["dt"], ds, dc, da, db, dbias, None, None, None


class _Updated(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, e: Tensor, t: Tensor, s: Tensor, matrix: Tensor, outer: Tensor, bias: Tensor, neighbors: Tensor
    ) -> Tensor:
        e, t, s, neighbors = e.contiguous(), t.contiguous(), s.contiguous(), _checked(neighbors, len(s))
        ctx.save_for_backward(e, t, s, matrix, outer, bias, neighbors)
        out = torch.empty_like(e)
        _call(_UPDATE, torch.get_num_threads(), e=e, t=t, s=s, nb=neighbors, e_out=out, **_packed(matrix, outer, bias))
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, de_out: Tensor) -> tuple[Tensor | None, ...]:
        e, t, s, matrix, outer, bias, neighbors = ctx.saved_tensors
        threads = torch.get_num_threads()
        made = {"de": torch.empty_like(e), "dt": torch.empty_like(t)}
        for name, like in (("ds", s), ("da", matrix), ("db", outer), ("dbias", bias)):
            made[name] = like.new_zeros(threads, *like.shape)
        _call(
            _UPDATE_BACK, threads, e=e, t=t, s=s, nb=neighbors, de_out=de_out.contiguous(),
            **_packed(matrix, outer, bias), **made,
        )  # fmt: skip
        ds, da, db, dbias = (_total(made[name]) for name in ("ds", "da", "db", "dbias"))
        return made["de"], made["dt"], ds, da, db, dbias, None


def _packed(matrix: Tensor, second: Tensor | None, bias: Tensor | None) -> dict[str, Tensor | None]:
    """The matrices as the tile unit takes them, forward and transposed: pairs of rows interleaved."""
    found: dict[str, Tensor | None] = {"bias": None if bias is None else bias.detach().float().contiguous()}
    for name, value in (("a", matrix), ("b", second)):
        if value is not None:
            half = value.detach().bfloat16()
            rows, columns = half.shape
            found[name] = half.view(rows, columns // 2, 2).transpose(0, 1).contiguous()
            found[f"{name}_back"] = half.view(rows // 2, 2, columns).transpose(1, 2).contiguous()
    return found


def _call(what: int, threads: int, **tensors: Tensor | None) -> None:
    e, t, s, c = (tensors.get(name) for name in ("e", "t", "s", "c"))
    assert e is not None and t is not None and s is not None
    n, k, d = e.shape
    work = _Work(n=n, k=k, m=len(s), d=d, h=t.shape[1], kinds=0 if c is None else len(c))
    for name, value in tensors.items():
        setattr(work, name, None if value is None else value.data_ptr())
    library = compiled.edges_library()
    assert library is not None, "supported() was asked before"
    if n and k and not library.protein_enn_edges(ctypes.byref(work), ctypes.c_int64(what), ctypes.c_int64(threads)):
        raise MemoryError("no memory for the edges of a few nodes")


def _total(parts: Tensor | None) -> Tensor | None:
    """The sum over threads."""
    return None if parts is None else parts[0] if len(parts) == 1 else parts.sum(0)


def _checked(index: Tensor, limit: int) -> Tensor:
    if index.numel() and int(index.max()) >= limit:
        raise IndexError(f"row {int(index.max())} of {limit}")
    return index.contiguous()

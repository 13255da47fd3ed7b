"""Messages along edges, summed, and updates of edges, in float32 without gradients on CPUs with AVX-512.

The formulas of `edge_messages` as one pass over the edges of a few nodes at a time, whose intermediate values stay in
the cache. `supported` tests whether the compiled loops can be used; elsewhere torch operations are.
"""

from __future__ import annotations

import ctypes

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.nn import compiled

WIDEST = 256
LANES = 16
_SUM, _UPDATE = range(2)
_FIELDS = ("e", "t", "s", "c", "w", "nb", "kind", "a", "b", "bias")


def supported(values: Float[Tensor, "*any"], *widths: int) -> bool:
    """Whether the loops exist and allow these values and widths: float32 on a CPU, no gradients, no autocast."""
    if values.device.type != "cpu" or values.dtype != torch.float32 or torch.compiler.is_compiling():
        return False
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return False
    return all(width % LANES == 0 and 0 < width <= WIDEST for width in widths) and compiled.float_edges_supported()


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
    """As `edge_messages.summed_messages`."""
    inner, bias = (None, None) if deeper is None else (deeper.weight, deeper.bias)
    tensors = {"e": edges, "t": target, "s": source, "c": table, "w": weight, "nb": neighbors, "kind": kinds}
    return _run(_SUM, torch.empty_like(target), **tensors, a=matrix, b=inner, bias=bias)


def updated_edges(
    edges: Float[Tensor, "n k d"],
    target: Float[Tensor, "n h"],
    source: Float[Tensor, "m h"],
    neighbors: Int[Tensor, "n k"],
    matrix: Float[Tensor, "h d"],
    outer: torch.nn.Linear,
) -> Float[Tensor, "n k d"]:
    """As `edge_messages.updated_edges`, in float32."""
    tensors = {"e": edges, "t": target, "s": source, "nb": neighbors, "a": matrix}
    return _run(_UPDATE, torch.empty_like(edges), **tensors, b=outer.weight, bias=outer.bias)


class _Work(ctypes.Structure):
    """`Work` of float_edges.c."""

    _fields_ = (
        [(name, ctypes.c_void_p) for name in _FIELDS]
        + [(name, ctypes.c_int64) for name in ("n", "k", "d", "h")]
        + [("out", ctypes.c_void_p)]
    )


def _run(operation: int, out: Tensor, **given: Tensor | None) -> Tensor:
    """The result of one of the two operations on these fields of `_Work`."""
    tensors = {name: value.contiguous() for name, value in given.items() if value is not None}
    for index, rows in (("nb", tensors["s"]), ("kind", tensors.get("c"))):
        if index in tensors and rows is not None and tensors[index].numel() and int(tensors[index].max()) >= len(rows):
            raise IndexError(f"row {int(tensors[index].max())} of {len(rows)}")
    n, k, d = tensors["e"].shape
    if not n or not k:
        return out.zero_()
    work = _Work(n=n, k=k, d=d, h=tensors["t"].shape[1], out=out.data_ptr())
    for name, value in tensors.items():
        setattr(work, name, value.data_ptr())
    library = compiled.float_edges_library()
    assert library is not None, "call supported() first"
    arguments = ctypes.byref(work), ctypes.c_int64(operation), ctypes.c_int64(torch.get_num_threads())
    if not library.protein_enn_float_edges(*arguments):
        raise MemoryError("no memory for the edges of a few nodes")
    return out

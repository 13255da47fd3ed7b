"""Sums over neighbors, computed a few nodes at a time. Values per neighbor never exist for all nodes at once.

Without gradients the memory is that of inputs, results and the temporaries of one chunk, which fit the cache. With
gradients all values are kept for up to `KEPT` nodes, which is faster. For more nodes the backward pass computes each
chunk again (arXiv:1604.06174), so that memory is bounded there too. Where the gradients are to be differentiated
themselves (`create_graph`), all values are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

CHUNK = {"cpu": 128, "cuda": 8192}
"""Nodes computed at once. On a CPU it is per thread: the temporaries fit its cache. A GPU needs more work per call."""
KEPT = {"cpu": 4096, "cuda": 32768}
"""Up to this number of nodes the forward pass keeps what the backward pass needs."""
_chunk: ContextVar[int | None] = ContextVar("chunk", default=None)


@dataclass(frozen=True, eq=False)
class Source:
    """Values (m, ...) of the nodes that messages come from: those of all nodes with an index, or a row per neighbor."""

    values: Float[Tensor, "m *f"]
    index: Int[Tensor, "n k"]
    distinct: bool = False  # row i * k + j belongs to neighbor j of node i alone

    def gather(self) -> Float[Tensor, "n k *f"]:
        """values[index], by `index_select`: its gradient is several times faster than that of indexing."""
        rows = self.values if self.distinct else self.values.index_select(0, self.index.reshape(-1))
        return rows.view(*self.index.shape, *self.values.shape[1:])


Step = Callable[..., tuple[Tensor, ...]]
"""step(*rows, *sources) -> results, with a leading axis of nodes."""


@contextmanager
def chunk_size(nodes: int) -> Iterator[None]:
    """Within the block chunks have `nodes` nodes instead of `CHUNK`, and nothing is kept. Results do not change."""
    if nodes < 1:
        raise ValueError(f"a chunk holds at least 1 node, not {nodes}")
    token = _chunk.set(nodes)
    try:
        yield
    finally:
        _chunk.reset(token)


def current_chunk(device: torch.device) -> int:
    """Nodes computed at once on this device."""
    if nodes := _chunk.get():
        return nodes
    return CHUNK["cpu"] * torch.get_num_threads() if device.type == "cpu" else CHUNK["cuda"]


def slices(n: int, chunk: int) -> list[slice]:
    """Rows 0 .. n - 1 in pieces of `chunk`, the last one shorter."""
    return [slice(start, min(start + chunk, n)) for start in range(0, n, chunk)]


def in_chunks(
    step: Step,
    rows: Sequence[Tensor],
    values: Sequence[Tensor],
    neighbors: Int[Tensor, "n k"],
    parameters: Iterable[Tensor] = (),
    divisor: int = 1,
) -> tuple[Tensor, ...]:
    """step(rows, sources), for all n nodes.

    Parameters
    ----------
    step
        Computes the results of some nodes. It draws no random numbers and keeps no state: the backward pass may run it
        a second time.
    rows
        Tensors (n, ...). A step gets the rows of its nodes.
    values
        Tensors (m, ...). A step gets a `Source` of each, with the neighbors of its nodes.
    neighbors
        Index into the m rows of `values`.
    parameters
        All other tensors that `step` uses and that need gradients. Looked at only where gradients are needed.
    divisor
        Chunks are smaller by this factor. For steps that hold many values per neighbor.

    Returns
    -------
    tuple[Tensor, ...]
        The results of `step`, each for n nodes.
    """
    if torch.compiler.is_compiling():  # it makes loops of its own
        return step(*rows, *(Source(v, neighbors) for v in values))
    chunk = -(-current_chunk(neighbors.device) // divisor)
    kept = KEPT.get(neighbors.device.type, 0) if torch.is_grad_enabled() and _chunk.get() is None else 0
    if len(neighbors) <= max(chunk, kept):
        return step(*rows, *(Source(v, neighbors) for v in values))
    if torch.is_grad_enabled():
        return _Recomputed.apply(step, chunk, len(rows), len(values), neighbors, *rows, *values, *parameters)
    return _forward(step, chunk, rows, values, neighbors)


def _forward(
    step: Step, chunk: int, rows: Sequence[Tensor], values: Sequence[Tensor], neighbors: Tensor
) -> tuple[Tensor, ...]:
    """The results of all chunks, joined."""
    parts = []
    for s in slices(len(neighbors), chunk):
        index = neighbors[s]
        parts.append(step(*(r[s] for r in rows), *(Source(v, index) for v in values)))
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


class _Recomputed(torch.autograd.Function):
    """Forward: chunks without gradients; only inputs are kept. Backward: each chunk again, with gradients."""

    @staticmethod
    def forward(
        ctx: Any, step: Step, chunk: int, n_rows: int, n_values: int, neighbors: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.step, ctx.chunk, ctx.n_rows, ctx.n_values = step, chunk, n_rows, n_values
        ctx.save_for_backward(neighbors, *tensors)
        ctx.autocast = _autocast(neighbors.device.type)
        ctx.set_materialize_grads(False)
        return _forward(step, chunk, tensors[:n_rows], tensors[n_rows : n_rows + n_values], neighbors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            return _Recomputed._differentiable(ctx, grads)
        neighbors, *tensors = ctx.saved_tensors
        needs_grad = ctx.needs_input_grad[5:]
        first_parameter = ctx.n_rows + ctx.n_values
        totals = [t.new_zeros(t.shape) if needed else None for t, needed in zip(tensors, needs_grad, strict=True)]
        with_grad = [i for i, needed in enumerate(needs_grad) if needed]
        for s in slices(len(neighbors), ctx.chunk):
            index = neighbors[s]
            own = torch.arange(index.numel(), device=index.device).view_as(index)
            rows = [
                t.detach()[s].requires_grad_(needed)
                for t, needed in zip(tensors[: ctx.n_rows], needs_grad, strict=False)
            ]
            # A row per neighbor: the gradient of a chunk is then as small as the chunk.
            values = [
                t.detach().index_select(0, index.reshape(-1)).requires_grad_(needed)
                for t, needed in zip(tensors[ctx.n_rows : first_parameter], needs_grad[ctx.n_rows :], strict=False)
            ]
            with torch.enable_grad(), torch.autocast(**ctx.autocast):
                results = ctx.step(*rows, *(Source(v, own, distinct=True) for v in values))
            inputs = [*rows, *values, *tensors[first_parameter:]]
            pairs = [(r, g[s]) for r, g in zip(results, grads, strict=True) if g is not None and r.requires_grad]
            gradients = torch.autograd.grad(
                [r for r, _ in pairs], [inputs[i] for i in with_grad], [g for _, g in pairs], allow_unused=True
            )
            for i, gradient in zip(with_grad, gradients, strict=True):
                total = totals[i]
                if gradient is None or total is None:
                    continue
                if i < ctx.n_rows:
                    total[s] = gradient
                elif i < first_parameter:
                    total.index_add_(0, index.reshape(-1), gradient)
                else:
                    total += gradient
        return (None, None, None, None, None, *totals)

    @staticmethod
    def _differentiable(ctx: Any, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """The gradients as functions that can be differentiated, for which all values are kept."""
        neighbors, *tensors = ctx.saved_tensors
        needs_grad = ctx.needs_input_grad[5:]
        with torch.autocast(**ctx.autocast):
            values = (Source(v, neighbors) for v in tensors[ctx.n_rows : ctx.n_rows + ctx.n_values])
            results = ctx.step(*tensors[: ctx.n_rows], *values)
        pairs = [(r, g) for r, g in zip(results, grads, strict=True) if g is not None and r.requires_grad]
        inputs = [t for t, needed in zip(tensors, needs_grad, strict=True) if needed]
        found = iter(
            torch.autograd.grad(
                [r for r, _ in pairs], inputs, [g for _, g in pairs], create_graph=True, allow_unused=True
            )
        )
        return (None, None, None, None, None, *(next(found) if needed else None for needed in needs_grad))


def _autocast(device: str) -> dict[str, Any]:
    """The current settings of autocast, as arguments of `torch.autocast`."""
    return {
        "device_type": device,
        "enabled": torch.is_autocast_enabled(device),
        "dtype": torch.get_autocast_dtype(device),
    }

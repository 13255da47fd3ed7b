"""Sums over neighbors a few nodes at a time: what is made for each neighbor never exists for all nodes at once.

Without gradients memory is that of inputs, results and the temporaries of one chunk, which stay in cache. With
gradients everything is kept up to `KEPT` nodes, which is faster; above, the backward pass works each chunk out again
(arXiv:1604.06174), and memory is bounded there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

CHUNK = {"cpu": 128, "cuda": 8192}
"""Nodes worked through at once: on a CPU for each thread, whose cache their temporaries fit; a GPU wants much to do."""
KEPT = {"cpu": 4096, "cuda": 32768}
"""Nodes up to which a forward pass keeps what its backward pass needs."""
_chunk: ContextVar[int | None] = ContextVar("chunk", default=None)


@dataclass(frozen=True, eq=False)
class Source:
    """Values (m, ...) of the nodes that messages come from: of all nodes with an index, or a row for each neighbor."""

    values: Float[Tensor, "m *f"]
    index: Int[Tensor, "n k"]
    distinct: bool = False  # row i * k + j belongs to neighbor j of node i alone

    def gathered(self) -> Float[Tensor, "n k *f"]:
        """values[index]. `index_select`, because its gradient is several times faster than that of indexing."""
        rows = self.values if self.distinct else self.values.index_select(0, self.index.reshape(-1))
        return rows.view(*self.index.shape, *self.values.shape[1:])


Step = Callable[..., tuple[Tensor, ...]]
"""step(*rows, *sources) -> results, with a leading axis of nodes."""


@contextmanager
def chunk_size(nodes: int) -> Iterator[None]:
    """Within the block, `nodes` at once instead of `CHUNK`, and nothing kept above; the results are the same."""
    if nodes < 1:
        raise ValueError(f"a chunk holds at least 1 node, not {nodes}")
    token = _chunk.set(nodes)
    try:
        yield
    finally:
        _chunk.reset(token)


def current_chunk(device: torch.device) -> int:
    """Nodes worked through at once on this device."""
    if chosen := _chunk.get():
        return chosen
    return CHUNK["cpu"] * torch.get_num_threads() if device.type == "cpu" else CHUNK["cuda"]


def slices(n: int, chunk: int) -> list[slice]:
    """Rows 0 .. n - 1 in pieces of `chunk`, the last one shorter."""
    return [slice(start, min(start + chunk, n)) for start in range(0, n, chunk)]


def in_chunks(
    step: Step,
    rows: Sequence[Tensor],
    values: Sequence[Tensor],
    neighbors: Int[Tensor, "n k"],
    parameters: Sequence[Tensor] = (),
    share: int = 1,
) -> tuple[Tensor, ...]:
    """step(rows, sources), for all n nodes.

    Of each of `rows`, (n, ...), a step sees those of its nodes; of each of `values`, (m, ...), it sees a `Source` with
    the neighbors of its nodes. `parameters` are all tensors that need gradients and that `step` uses besides. The step
    draws no random numbers and keeps no state: backward may run it a second time. `share` is for steps that hold much
    for each neighbor: a chunk is so many times smaller.
    """
    if torch.compiler.is_compiling():  # which makes loops of its own
        return step(*rows, *(Source(v, neighbors) for v in values))
    chunk = -(-current_chunk(neighbors.device) // share)
    kept = KEPT.get(neighbors.device.type, 0) if torch.is_grad_enabled() and _chunk.get() is None else 0
    if len(neighbors) <= max(chunk, kept):
        return step(*rows, *(Source(v, neighbors) for v in values))
    if torch.is_grad_enabled():
        return _Recomputed.apply(step, chunk, len(rows), len(values), neighbors, *rows, *values, *parameters)
    return _forward(step, chunk, rows, values, neighbors)


def _forward(
    step: Step, chunk: int, rows: Sequence[Tensor], values: Sequence[Tensor], neighbors: Tensor
) -> tuple[Tensor, ...]:
    parts = []
    for s in slices(len(neighbors), chunk):
        index = neighbors[s]
        parts.append(step(*(r[s] for r in rows), *(Source(v, index) for v in values)))
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


class _Recomputed(torch.autograd.Function):
    """Forward: chunks without gradients, nothing kept but the inputs. Backward: each chunk again, with gradients."""

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
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        neighbors, *tensors = ctx.saved_tensors
        wanted = ctx.needs_input_grad[5:]
        first_parameter = ctx.n_rows + ctx.n_values
        totals = [t.new_zeros(t.shape) if want else None for t, want in zip(tensors, wanted, strict=True)]
        sought = [i for i, w in enumerate(wanted) if w]
        for s in slices(len(neighbors), ctx.chunk):
            index = neighbors[s]
            own = torch.arange(index.numel(), device=index.device).view_as(index)
            rows = [t.detach()[s].requires_grad_(w) for t, w in zip(tensors[: ctx.n_rows], wanted, strict=False)]
            # Rows of their own for each neighbor: the gradient of a chunk is then as small as the chunk.
            values = [
                t.detach().index_select(0, index.reshape(-1)).requires_grad_(w)
                for t, w in zip(tensors[ctx.n_rows : first_parameter], wanted[ctx.n_rows :], strict=False)
            ]
            with torch.enable_grad(), torch.autocast(**ctx.autocast):
                results = ctx.step(*rows, *(Source(v, own, distinct=True) for v in values))
            inputs = [*rows, *values, *tensors[first_parameter:]]
            pairs = [(r, g[s]) for r, g in zip(results, grads, strict=True) if g is not None and r.requires_grad]
            found = torch.autograd.grad(
                [r for r, _ in pairs], [inputs[i] for i in sought], [g for _, g in pairs], allow_unused=True
            )
            for i, gradient in zip(sought, found, strict=True):
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


def _autocast(device: str) -> dict[str, Any]:
    return {
        "device_type": device,
        "enabled": torch.is_autocast_enabled(device),
        "dtype": torch.get_autocast_dtype(device),
    }

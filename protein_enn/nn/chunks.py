"""Sums over neighbours a few nodes at a time: what is made for each neighbour never exists for all nodes at once.

Memory: inputs, results and the temporaries of one chunk, which stay in cache; also with gradients, since the backward
pass works each chunk out again (arXiv:1604.06174) instead of keeping it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

CHUNK = {"cpu": 128, "cuda": 8192}
"""Nodes worked through at once, by device: on a CPU their temporaries fit the cache, a GPU wants much to do."""
_chunk: ContextVar[int | None] = ContextVar("chunk", default=None)

Step = Callable[..., tuple[Tensor, ...]]
"""step(*rows, *sources) -> results, all with a leading axis of nodes, but for sources (g, n, k, f)."""


@contextmanager
def chunk_size(nodes: int) -> Iterator[None]:
    """Within the block, `nodes` at once instead of `CHUNK`; the results are the same."""
    if nodes < 1:
        raise ValueError(f"a chunk holds at least 1 node, not {nodes}")
    token = _chunk.set(nodes)
    try:
        yield
    finally:
        _chunk.reset(token)


def current_chunk(device: torch.device) -> int:
    """Nodes worked through at once on this device."""
    return _chunk.get() or CHUNK.get(device.type, CHUNK["cuda"])


def slices(n: int, chunk: int) -> list[slice]:
    """Rows 0 .. n - 1 in pieces of `chunk`, the last one shorter."""
    return [slice(start, min(start + chunk, n)) for start in range(0, n, chunk)]


def in_chunks(
    step: Step,
    rows: Sequence[Tensor],
    values: Sequence[Float[Tensor, "g m f"]],
    neighbors: Int[Tensor, "n k"],
    parameters: Sequence[Tensor] = (),
) -> tuple[Tensor, ...]:
    """step(rows, values of the neighbours), for all n nodes.

    Of each of `rows`, (n, ...), a step sees those of its nodes; of each of `values`, (groups, m, f), it sees
    values[:, neighbors]: (groups, n, k, f). `parameters` are all tensors that need gradients and that `step` uses
    besides. The step draws no random numbers and keeps no state: backward runs it a second time.
    """
    chunk, values = current_chunk(neighbors.device), [v.contiguous() for v in values]
    if torch.compiler.is_compiling() or len(neighbors) <= chunk:
        return step(*rows, *(gather_groups(v, neighbors) for v in values))
    if torch.is_grad_enabled():
        return _Recomputed.apply(step, chunk, len(rows), len(values), neighbors, *rows, *values, *parameters)
    parts = [_run(step, [r[s] for r in rows], values, neighbors[s]) for s in slices(len(neighbors), chunk)]
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


def gather_groups(values: Float[Tensor, "g m f"], index: Int[Tensor, "n k"]) -> Float[Tensor, "g n k f"]:
    """values[:, index]. One `index_select` over (group, node) rows: it is several times faster than indexing."""
    g, m, f = values.shape
    flat = _flat_index(g, m, index)
    return values.reshape(g * m, f).index_select(0, flat).view(g, *index.shape, f)


def _flat_index(groups: int, m: int, index: Tensor) -> Tensor:
    if groups == 1:
        return index.reshape(-1)
    return (index.reshape(1, -1) + m * torch.arange(groups, device=index.device)[:, None]).view(-1)


def _run(step: Step, rows: Sequence[Tensor], values: Sequence[Tensor], neighbors: Tensor) -> tuple[Tensor, ...]:
    return step(*rows, *(gather_groups(v, neighbors) for v in values))


class _Recomputed(torch.autograd.Function):
    """Forward: chunks without gradients, nothing kept but the inputs. Backward: each chunk again, with gradients."""

    @staticmethod
    def forward(
        ctx: Any, step: Step, chunk: int, n_rows: int, n_values: int, neighbors: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        rows, values = tensors[:n_rows], tensors[n_rows : n_rows + n_values]
        ctx.step, ctx.chunk, ctx.n_rows, ctx.n_values = step, chunk, n_rows, n_values
        ctx.save_for_backward(neighbors, *tensors)
        ctx.autocast = _autocast(neighbors.device.type)
        ctx.set_materialize_grads(False)
        parts = [_run(step, [r[s] for r in rows], values, neighbors[s]) for s in slices(len(neighbors), chunk)]
        return tuple(torch.cat(part) for part in zip(*parts, strict=True))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        neighbors, *tensors = ctx.saved_tensors
        wanted = ctx.needs_input_grad[5:]
        first_parameter = ctx.n_rows + ctx.n_values
        totals = [t.new_zeros(t.shape) if want else None for t, want in zip(tensors, wanted, strict=True)]
        for s in slices(len(neighbors), ctx.chunk):
            index = neighbors[s]
            inputs = [t.detach()[s].requires_grad_(w) for t, w in zip(tensors[: ctx.n_rows], wanted, strict=False)]
            for t, w in zip(tensors[ctx.n_rows : first_parameter], wanted[ctx.n_rows :], strict=False):
                inputs.append(gather_groups(t.detach(), index).requires_grad_(w))
            with torch.enable_grad(), torch.autocast(**ctx.autocast):
                results = ctx.step(*inputs)
            inputs += tensors[first_parameter:]
            pairs = [(r, g[s]) for r, g in zip(results, grads, strict=True) if g is not None and r.requires_grad]
            sought = [i for i, w in enumerate(wanted) if w]
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
                    groups, m, f = total.shape
                    total.view(groups * m, f).index_add_(0, _flat_index(groups, m, index), gradient.reshape(-1, f))
                else:
                    total += gradient
        return (None, None, None, None, None, *totals)


def _autocast(device: str) -> dict[str, Any]:
    return {
        "device_type": device,
        "enabled": torch.is_autocast_enabled(device),
        "dtype": torch.get_autocast_dtype(device),
    }

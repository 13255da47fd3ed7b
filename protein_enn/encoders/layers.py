"""Layers that several encoders use: invariant messages, odd scalars, updates of edges, transitions."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from protein_enn.encoders.edges import Edges, gather
from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.chunks import Source, in_chunks
from protein_enn.nn.edge_loops import loops_for
from protein_enn.nn.features import Features, Layout


class NodeEmbedding(nn.Module):
    """The first features of every node: W [s, |v|] (0e), U o (0o) and, where the layout has tensors, V v (1o).

    s, o, v are the graph's scalars, pseudoscalars and vectors; all other kinds of features start at zero.
    """

    def __init__(self, widths: Widths, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        self.scalars = nn.Linear(widths.scalars + widths.vectors, layout.scalars)
        self.odd = linear_without_bias(widths.pseudoscalars, layout.pseudoscalars)
        self.vectors = linear_without_bias(widths.vectors, layout.channels) if layout.channels else None

    def forward(self, graph: GeometricGraph) -> Features:
        n = len(graph.pos)
        lengths = graph.vectors.square().sum(-1).add(1e-8).sqrt()
        components = (self.layout.lmax + 1) ** 2 - 1
        tensors = graph.vectors.new_zeros(n, components, self.layout.channels)
        if self.vectors is not None:
            with torch.autocast(graph.pos.device.type, enabled=False):  # geometry is never computed in bfloat16
                first = self.vectors(graph.vectors.transpose(1, 2))
            tensors = torch.cat([first, tensors[:, 3:]], 1)
        return Features(
            self.scalars(torch.cat([graph.scalars, lengths], -1)),
            self.odd(graph.pseudoscalars),
            tensors,
            tensors.new_zeros(n, components, self.layout.pseudochannels),
        )


class PairMessages(nn.Module):
    """m_ij = silu(W1 h_i + W2 h_j + W3 e_ij): two of the three products are computed once per node.

    h (n, scalars), e (n, k, edges) -> m (n, k, hidden), all 0e.
    """

    def __init__(self, scalars: int, edges: int, hidden: int) -> None:
        super().__init__()
        self.target = nn.Linear(scalars, hidden)
        self.source = nn.Linear(scalars, hidden, bias=False)
        self.edge = nn.Linear(edges, hidden, bias=False)

    def forward(self, h: Float[Tensor, "n h"], edges: Edges) -> Float[Tensor, "n k m"]:
        return self.combine(self.target(h), gather(self.source(h), edges.neighbors), edges.scalars)

    def combine(
        self, target: Float[Tensor, "n m"], source: Float[Tensor, "n k m"], e: Float[Tensor, "n k e"]
    ) -> Float[Tensor, "n k m"]:
        """Messages from W1 h_i, W2 h_j and e_ij."""
        return activated_sum(source, e, self.edge.weight, target)


def activated_sum(
    source: Float[Tensor, "n k m"],
    e: Float[Tensor, "n k e"],
    weight: Float[Tensor, "m e"],
    target: Float[Tensor, "n m"],
) -> Float[Tensor, "n k m"]:
    """silu(s_ij + W e_ij + t_i).

    Parameters
    ----------
    source
        s. It is overwritten where no gradients are needed.
    e
        Edges.
    weight
        W.
    target
        t.

    Returns
    -------
    Float[Tensor, "n k m"]
        One message per edge.
    """
    n, k, width = source.shape
    rows, edges = source.reshape(n * k, width), e.reshape(n * k, -1)
    if torch.is_grad_enabled() or torch.is_autocast_enabled(source.device.type):
        return silu(torch.addmm(rows, edges, weight.T).view(n, k, width) + target[:, None])
    return silu(rows.addmm_(edges, weight.T).view(n, k, width).add_(target[:, None]), inplace=True)


class EdgeUpdate(nn.Module):
    """e_ij + W4 silu(W1 h_i + W2 h_j + W3 LayerNorm(e_ij)): an update from both ends, doi 10.1126/science.add2187.

    h (n, scalars), e (n, k, edges) -> the edges with new scalars, all 0e.
    """

    def __init__(self, scalars: int, edges: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(edges)
        self.messages = PairMessages(scalars, edges, edges)
        self.outer = nn.Linear(edges, edges)

    def forward(self, h: Float[Tensor, "n h"], edges: Edges) -> Edges:
        if (loops := loops_for(edges.scalars, edges.scalars.shape[2])) is not None:
            gain, offset, matrix = self.norm.weight, self.norm.bias, self.messages.edge.weight
            target = edges.at_targets(self.messages.target(h)) + (matrix.float() @ offset)
            inputs = (edges.scalars, target, self.messages.source(h), edges.neighbors)
            return replace(edges, scalars=loops.updated_edges(*inputs, matrix * gain, self.outer))
        rows = (edges.at_targets(self.messages.target(h)), edges.scalars)
        values = (self.messages.source(h),)
        (scalars,) = in_chunks(self._update, rows, values, edges.neighbors, self.parameters())
        return replace(edges, scalars=scalars)

    def _update(self, target: Tensor, e: Tensor, source: Source) -> tuple[Tensor]:
        """The new scalars of the edges of some nodes."""
        return (e + self.outer(self.messages.combine(target, source.gather(), self.norm(e))),)


class OddMessages(nn.Module):
    """o_i' = sum_j w_ij g_ij (U o_j + V t_ij), gates g from the even message: 0e x 0o = 0o.

    o (n, odd), t triple products (n, k, t), m (n, k, hidden) -> (n, odd).
    """

    def __init__(self, odd: int, triples: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(hidden, odd) if odd else ZeroOutput(0)
        self.node = linear_without_bias(odd, odd)
        self.edge = nn.Linear(triples, odd, bias=False) if triples and odd else None

    def forward(self, o: Tensor, messages: Tensor, edges: Edges) -> Float[Tensor, "n o"]:
        return self.combine(gather(self.node(o), edges.neighbors), messages, edges.pseudoscalars, edges.weight)

    def combine(self, value: Tensor, messages: Tensor, triples: Tensor, weight: Tensor) -> Float[Tensor, "n o"]:
        """The sum from U o_j, messages, triple products and weights."""
        if self.edge is not None:
            value = value + self.edge(triples)
        return (weight[..., None] * (self.gate(messages) * value)).sum(1)


class Transition(nn.Module):
    """h + W2 D silu(W1 LayerNorm(h)): a residual block on scalars; D is dropout, only in training."""

    def __init__(self, scalars: int, factor: int = 2, extra: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(scalars)
        self.inner = nn.Linear(scalars + extra, factor * scalars)
        self.outer = nn.Linear(factor * scalars, scalars)

    def forward(self, h: Float[Tensor, "*n h"], extra: Float[Tensor, "*n e"] | None = None) -> Float[Tensor, "*n h"]:
        normed = self.norm(h)
        if extra is not None:
            normed = torch.cat([normed, extra], -1)
        return h + self.outer(self.dropout(silu(self.inner(normed))))


def neighbor_sum(weight: Float[Tensor, "n k"], values: Float[Tensor, "n k f"]) -> Float[Tensor, "n f"]:
    """sum_j w_ij v_ij as one small matrix product per node."""
    return (weight[:, None] @ values).squeeze(1)


class ZeroOutput(nn.Module):
    """Replaces a linear layer whose input or output has no features: zeros of the output's width."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, x: Float[Tensor, "*n i"]) -> Float[Tensor, "*n o"]:
        return x.new_zeros(*x.shape[:-1], self.outputs)


def linear_without_bias(inputs: int, outputs: int) -> nn.Module:
    """A linear layer without bias, which is equivariant on odd scalars and vectors; also for 0 features."""
    return nn.Linear(inputs, outputs, bias=False) if inputs and outputs else ZeroOutput(outputs)

"""Layers of ProteinMPNN. Linear maps are split by their inputs, and applied after sums where they commute.

The published network concatenates the features of an edge and of both ends, and maps them once per edge. Here
W [h_i, e_ij, h_j] = W1 h_i + W2 e_ij + W3 h_j, of which two terms are computed once per node. The last map of a
message, which is linear, is applied after the sum over neighbors.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from protein_enn.models.mpnn.graph import POSITION_TYPES

CENTERS, LOWEST, HIGHEST = 16, 2.0, 22.0
"""Number and range (Å) of the Gaussians of a distance."""
LARGEST_EXPONENT = 50.0
"""Of a Gaussian: e^-50 is practically zero, and far above denormal numbers, which are slow."""


def _in_place(x: Tensor) -> bool:
    """Whether temporaries may be overwritten."""
    return not (torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type))


def gelu_in_place(x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
    """gelu(x). It overwrites x where no gradients are needed."""
    if not _in_place(x):
        return gelu(x)
    result: Tensor = torch.ops.aten.gelu_(x)
    return result


def gather(values: Float[Tensor, "n d"], index: Int[Tensor, "m k"]) -> Float[Tensor, "m k d"]:
    """values[index], several times faster than by indexing."""
    return values.index_select(0, index.reshape(-1)).view(*index.shape, -1)


def ideal_cb(vectors: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n 3"]:
    """The ideal CB of an L-amino acid, from N, C and O; all relative to CA."""
    n, c, _ = vectors.unbind(1)
    return -0.58273431 * torch.linalg.cross(-n, c) - 0.56802827 * n - 0.54067466 * c


class EdgeFeatures(nn.Module):
    """LayerNorm(W_r RBF(|a_i - b_j| of N, CA, C, O, CB) + P[offset in sequence]), with an ideal CB."""

    centers: Tensor

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.distances = nn.Linear(25 * CENTERS, hidden, bias=False)
        self.positions = nn.Embedding(POSITION_TYPES, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.outer = nn.Linear(hidden, hidden)
        self.register_buffer("centers", torch.linspace(LOWEST, HIGHEST, CENTERS), persistent=False)

    def frame(self, vectors: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n 3 5"]:
        """N, CA, C, O and CB relative to CA; the axis of x, y, z comes first."""
        n, c, o = vectors.unbind(1)
        return torch.stack([n, torch.zeros_like(n), c, o, ideal_cb(vectors)], 2)

    def forward(
        self, frames: Float[Tensor, "m 3 5"], neighbor_frames: Float[Tensor, "m k 3 5"], types: Int[Tensor, "m k"]
    ) -> Float[Tensor, "m k d"]:
        """Features of edges from the atoms of a node and of its neighbors, both relative to the CA of the node (Å)."""
        m, k = types.shape
        # The axis of x, y, z comes before pairs of atoms, so that every operation is over all pairs at once.
        offset = neighbor_frames[:, :, :, None].expand(m, k, 3, 5, 5).flatten(3)
        offset = offset - frames[:, None, :, :, None].expand(m, 1, 3, 5, 5).flatten(3)
        distance = offset.square_().sum(2).add_(1e-6).sqrt_()
        basis = gaussians(distance, self.centers).flatten(2)
        features = self.distances(basis) + gather(self.positions.weight, types)
        result: Tensor = self.outer(self.norm(features))
        return result


def gaussians(distance: Float[Tensor, "*n"], centers: Float[Tensor, "b"]) -> Float[Tensor, "*n b"]:
    """exp(-((d - mu) / sigma)^2), sigma the range divided by the number of centers (not their spacing)."""
    scale = CENTERS / (HIGHEST - LOWEST)
    steps = (distance * scale)[..., None] - centers * scale
    return steps.square_().clamp_max_(LARGEST_EXPONENT).neg_().exp_()


class Feedforward(nn.Module):
    """W2 gelu(W1 x)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)

    def forward(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        return self.outer(gelu_in_place(self.inner(x)))


class Messages(nn.Module):
    """gelu(W gelu(W1 h_i + W2 e_ij + W3 h_j)), before the last linear map; without h_j where it has no `source`."""

    source: nn.Linear

    def __init__(self, hidden: int, source: bool = True) -> None:
        super().__init__()
        self.target = nn.Linear(hidden, hidden)
        self.edge = nn.Linear(hidden, hidden, bias=False)
        if source:
            self.source = nn.Linear(hidden, hidden, bias=False)
        self.inner = nn.Linear(hidden, hidden)
        self.outer = nn.Linear(hidden, hidden)

    def from_edges(
        self, target: Float[Tensor, "m d"], edges: Float[Tensor, "m k d"], source: Float[Tensor, "m k d"]
    ) -> Float[Tensor, "m k d"]:
        """Messages from W1 h_i, e_ij and W3 h_j. Without gradients `source` is overwritten."""
        rows, flat = source.reshape(-1, source.shape[-1]), edges.reshape(-1, edges.shape[-1])
        add = torch.Tensor.addmm_ if _in_place(source) else torch.addmm
        return self.combine(target, None, add(rows, flat, self.edge.weight.T).view(source.shape))

    def combine(
        self, target: Float[Tensor, "m d"], edge: Float[Tensor, "m k d"] | None, source: Float[Tensor, "m k d"]
    ) -> Float[Tensor, "m k d"]:
        """Messages from W1 h_i, W2 e_ij (None where `source` contains it) and W3 h_j, which may be overwritten."""
        add = torch.Tensor.add_ if _in_place(source) else torch.add
        source = source if edge is None else add(source, edge)
        return gelu_in_place(self.inner(gelu_in_place(add(source, target[:, None]))))

    def weighted_sum(self, weight: Float[Tensor, "m k"], messages: Float[Tensor, "m k d"]) -> Float[Tensor, "m d"]:
        """sum_j w_ij messages_ij."""
        return (weight[:, None].to(messages.dtype) @ messages)[:, 0]

    def map_sum(self, total: Float[Tensor, "*o n d"], weight: Float[Tensor, "n k"]) -> Float[Tensor, "*o n d"]:
        """The last linear map of a sum of messages; its bias counts once per message."""
        return total @ self.outer.weight.T + weight.sum(1, keepdim=True) * self.outer.bias


class EncoderLayer(nn.Module):
    """Updates nodes from their edges and neighbors, then edges from both ends."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.messages, self.edge_messages = Messages(hidden), Messages(hidden)
        self.feedforward = Feedforward(hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(3))

    def nodes(
        self, nodes: Float[Tensor, "n d"], sums: Float[Tensor, "n d"], weight: Float[Tensor, "n k"]
    ) -> Float[Tensor, "n d"]:
        """The nodes after their sums of messages."""
        nodes = self.norms[0](nodes + self.messages.map_sum(sums, weight))
        result: Tensor = self.norms[1](nodes + self.feedforward(nodes))
        return result

    def edges(
        self, edges: Float[Tensor, "m k d"], target: Float[Tensor, "m d"], source: Float[Tensor, "m k d"]
    ) -> Float[Tensor, "m k d"]:
        """Some edges after an update from both ends, W1 h_i and W3 h_j of `edge_messages`."""
        update = self.edge_messages
        flat, rows = edges.reshape(-1, edges.shape[-1]), update.from_edges(target, edges, source).flatten(0, 1)
        result: Tensor = self.norms[2](torch.addmm(flat + update.outer.bias, rows, update.outer.weight.T))
        return result.view(edges.shape)


class NodeUpdate(nn.Module):
    """LayerNorm(h_i + sum_j w_ij message_ij), then LayerNorm(h_i + W2 gelu(W1 h_i))."""

    def __init__(self, hidden: int, messages: Messages) -> None:
        super().__init__()
        self.messages = messages
        self.feedforward = Feedforward(hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(2))

    def states(
        self, states: Float[Tensor, "*o n d"], sums: Float[Tensor, "*o n d"], weight: Float[Tensor, "n k"]
    ) -> Float[Tensor, "*o n d"]:
        """The states after their sums of messages."""
        states = self.norms[0](states + self.messages.map_sum(sums, weight))
        result: Tensor = self.norms[1](states + self.feedforward(states))
        return result


class DecoderLayer(NodeUpdate):
    """The node update of an encoder layer, over neighbors that are decoded (state and identity) or encoded."""

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden, Messages(hidden))
        self.identity = nn.Linear(hidden, hidden, bias=False)

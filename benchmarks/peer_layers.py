"""One layer of each peer, ready to be called: those that are installed and those that need little of their clone.

A builder takes the graph, the widths and the clone's folder (None where the peer is a package), and gives a call
without arguments that returns the layer's results, one row per node or edge.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from layers import call
from stand_ins import one_file, torch_scatter
from surroundings import LMAX, Sizes, Surroundings
from torch import Tensor
from torch_geometric.nn.models.schnet import InteractionBlock
from torch_geometric.nn.models.visnet import ViS_MP

from protein_enn.nn.spherical import spherical_harmonics

CUTOFF = 24.0  # Å, beyond every neighbor's distance here
RADIAL = 32  # functions of the distance
Call = Callable[[], tuple[Tensor, ...]]
Builder = Callable[[Surroundings, Sizes, Path | None], Call]


def as_in_layers(name: str) -> Builder:
    """A layer of benchmarks/layers.py, which has random directions and compares their results: ours, uvu or fc."""

    def build(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
        return call(name, around.nodes, around.graph.k, sizes.channels, sizes.hidden)

    return build


def visnet(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
    """ViSNet's message passing (degrees 1 and 2 in 8 components; arXiv:2210.16518) of torch-geometric."""
    layer = ViS_MP(8, sizes.tied, CUTOFF, None, False)
    x, edges = around.scalars(around.nodes, sizes.tied), around.scalars(around.edges, sizes.tied)
    tensors, y = around.tensors(sizes.tied)[:, 1:].detach().requires_grad_(), spherical_harmonics(LMAX, around.unit)
    return lambda: layer(x, tensors, around.edge_index, around.distance, edges, y[:, 1:])


def schnet(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
    """SchNet's interaction (scalars alone, continuous filters; arXiv:1706.08566) of torch-geometric."""
    layer = InteractionBlock(sizes.scalars, RADIAL, sizes.scalars, CUTOFF)
    x, radial = around.scalars(around.nodes, sizes.scalars), around.radial(RADIAL)
    return lambda: (layer(x, around.edge_index, around.distance, radial),)


def gvp(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
    """GVPConvLayer of drorlab/gvp-pytorch (arXiv:2009.01411) with its default three message GVPs, no dropout."""
    torch_scatter()
    code = one_file("peer_gvp", _given(folder) / "gvp" / "__init__.py")
    layer = code.GVPConvLayer((sizes.scalars, sizes.channels), (sizes.edges, 1), drop_rate=0.0)
    nodes = around.scalars(around.nodes, sizes.scalars), around.vectors(around.nodes, sizes.channels)
    edges = around.scalars(around.edges, sizes.edges), around.unit[:, None]
    return lambda: layer(nodes, around.edge_index, edges)


def egnn(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
    """E_GCL of vgsatorras/egnn (arXiv:2102.09844): scalars and one position."""
    code = one_file("peer_egnn", _given(folder) / "models" / "egnn_clean" / "egnn_clean.py")
    layer = code.E_GCL(sizes.scalars, sizes.scalars, sizes.scalars, edges_in_d=sizes.edges, normalize=True)
    x, edges = around.scalars(around.nodes, sizes.scalars), around.scalars(around.edges, sizes.edges)
    pos = around.pos.clone().requires_grad_()
    rows = around.edge_index.flip(0)  # it sums at the first index
    return lambda: layer(x, rows, pos, edges)[:2]


def _given(folder: Path | None) -> Path:
    if folder is None:
        raise SystemExit("this peer is a clone: name its folder with --peer NAME=DIR")
    return folder


INSTALLED: dict[str, Builder] = {
    **{name: as_in_layers(name) for name in ("uvu", "fc")},
    "visnet": visnet,
    "schnet": schnet,
}
CLONED: dict[str, Builder] = {"gvp": gvp, "egnn": egnn}


def rotation_error(build: Builder, sizes: Sizes, folder: Path | None, nodes: int, neighbors: int) -> float:
    """How much the length of any row of the results changes when the protein is turned, over the largest length.

    A rotation acts within a row and keeps its length, whatever the degrees: so a layer that computes something and is
    equivariant gives nearly 0. SystemExit if a result is not finite.
    """
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))[0]
    lengths = []
    for how in (None, rotation * rotation.det().sign()):
        torch.manual_seed(0)
        layer = build(Surroundings(nodes, neighbors, how), sizes, folder)
        with torch.no_grad():
            results = layer()
        lengths.append(torch.cat([r.flatten(1).norm(dim=1) for r in results]))
    if not (lengths[0].isfinite().all() and lengths[0].max() > 0):
        raise SystemExit("a layer's result is not finite, or all zero")
    return float((lengths[0] - lengths[1]).abs().max() / lengths[0].max())

"""The tensor product convolution beside e3nn's channel-wise ("uvu") tensor product of the same paths and channels.

python benchmarks/layers.py --nodes 256 --neighbors 32 --channels 16 --repeats 5 --json layers.json
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from e3nn import o3
from measurement import answered, fresh_process, machine, median_seconds, peak_megabytes, report
from torch import Tensor, nn

from protein_enn.nn.spherical import degree_slice, spherical_harmonics
from protein_enn.nn.tensor_convolution import TensorConvolution

LMAX = 2
LAYERS = ("ours", "uvu")


class ChannelwiseConvolution(nn.Module):
    """x'_i = mix(sum_j TP_uvu(x_j, w_ij Y(d_ij); W m_ij)): couple every edge, then sum, as NequIP does.

    Features in e3nn's order (multiplicity, component); edges as (source, target) pairs.
    """

    def __init__(self, like: TensorConvolution, hidden: int) -> None:
        super().__init__()
        c, natural = like.channels, [f"{degree}{'eo'[degree % 2]}" for degree in range(LMAX + 1)]
        inputs = o3.Irreps([(c, ir) for ir in natural])
        paths = o3.Irreps([(c, natural[out]) for _, _, out in like.paths])
        # x is the first factor (u), the harmonics the second (v); weights: one for each edge, path and channel.
        instructions = [(b, a, slot, "uvu", True) for slot, (a, b, _) in enumerate(like.paths)]
        self.product = o3.TensorProduct(
            inputs, o3.Irreps([(1, ir) for ir in natural]), paths, instructions,
            irrep_normalization="component", path_normalization="none", shared_weights=False, internal_weights=False,
        )  # fmt: skip
        self.radial = nn.Linear(hidden, self.product.weight_numel)
        self.mix = o3.Linear(paths.simplify(), o3.Irreps([(c, ir) for ir in natural[1:]]))
        self.invariants, self.width = like.invariants, paths.dim
        self._take_weights(like)

    @torch.no_grad()
    def _take_weights(self, like: TensorConvolution) -> None:
        """The same function as `like`, which has one weight for each degree l1 where this has one for each path."""
        degrees = torch.tensor([a for a, _, _ in like.paths])
        c = like.channels
        self.radial.weight.copy_(like.radial.weight.view(LMAX + 1, c, -1)[degrees].flatten(0, 1))
        self.radial.bias.copy_(like.radial.bias.view(LMAX + 1, c)[degrees].flatten())
        for ours, theirs in zip(like.mix.parameters(), self.mix.weight_views(), strict=True):
            theirs.copy_(ours.T * ours.shape[1] ** 0.5)

    def forward(
        self, x: Tensor, messages: Tensor, harmonics: Tensor, source: Tensor, target: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        edges = self.product(x.index_select(0, source), harmonics * weight[:, None], self.radial(messages))
        summed = edges.new_zeros(len(x), self.width).index_add(0, target, edges)
        return summed[:, : self.invariants], self.mix(summed)


Call = Callable[[], tuple[Tensor, Tensor]]


@functools.cache
def built(channels: int, hidden: int) -> tuple[TensorConvolution, ChannelwiseConvolution]:
    """The two layers with the same weights."""
    torch.manual_seed(0)
    ours = TensorConvolution(channels, LMAX, hidden)
    return ours, ChannelwiseConvolution(ours, hidden)


def calls(nodes: int, neighbors: int, channels: int, hidden: int) -> dict[str, Call]:
    """Both layers with the same inputs (made here, not timed), ready to be called."""
    ours, theirs = built(channels, hidden)
    torch.manual_seed(1)
    x = torch.randn(nodes, (LMAX + 1) ** 2, channels, requires_grad=True)
    messages = torch.randn(nodes, neighbors, hidden, requires_grad=True)
    directions = torch.nn.functional.normalize(torch.randn(nodes, neighbors, 3), dim=-1)
    harmonics = spherical_harmonics(LMAX, directions)
    index = torch.randint(nodes, (nodes, neighbors))
    weight = torch.rand(nodes, neighbors) / neighbors
    flat = e3nn_order(x.detach()).requires_grad_()
    rows = messages.detach().flatten(0, 1).requires_grad_()
    target = torch.arange(nodes).repeat_interleave(neighbors)
    edges = (harmonics.flatten(0, 1), index.flatten(), target, weight.flatten())
    return {"ours": lambda: ours(x, messages, harmonics, index, weight), "uvu": lambda: theirs(flat, rows, *edges)}


def warm_up(channels: int, hidden: int) -> None:
    """A few calls on three nodes: what either layer compiles or sets up once is neither timed nor weighed."""
    small = calls(3, 2, channels, hidden)
    for _ in range(3):
        for call in small.values():
            forward(call)
            backward(call)


def e3nn_order(x: Tensor, first: int = 0) -> Tensor:
    """(n, components, channels) of degrees first .. lmax -> (n, channels x components of each degree in turn)."""
    shift = degree_slice(first).start
    parts = [x[:, degree_slice(d).start - shift : degree_slice(d).stop - shift] for d in range(first, LMAX + 1)]
    return torch.cat([part.transpose(1, 2).flatten(1) for part in parts], 1)


def forward(layer: Call) -> None:
    """As in use: no gradients."""
    with torch.no_grad():
        layer()


def backward(layer: Call) -> None:
    """As in training: forward, then gradients of node features, messages and weights."""
    invariants, tensors = layer()
    (invariants.square().sum() + tensors.square().sum()).backward()


def difference(nodes: int, neighbors: int, channels: int, hidden: int) -> float:
    """Largest difference between the two layers' results, over the largest result."""
    layers = calls(nodes, neighbors, channels, hidden)
    with torch.no_grad():
        (invariants, tensors), theirs = layers["ours"](), torch.cat(layers["uvu"](), 1)
        ours = torch.cat([invariants, e3nn_order(tensors, first=1)], 1)
        return float((ours - theirs).abs().max() / ours.abs().max())


def times(repeats: int, threads: int, **sizes: int) -> dict[str, Any]:
    """Milliseconds of both layers, in one process."""
    from protein_enn.training.memory import reuse_freed_memory  # brings Lightning, which `memory` need not wait for

    torch.set_num_threads(threads)
    reuse_freed_memory()
    warm_up(sizes["channels"], sizes["hidden"])
    layers = calls(**sizes)
    result = {}
    for name, work in (("forward", forward), ("backward", backward)):
        works = {layer: functools.partial(work, layers[layer]) for layer in LAYERS}
        for layer, seconds in median_seconds(works, repeats, torch.device("cpu")).items():
            result[f"{layer}_{name}_ms"] = 1000 * seconds
    return {**result, "difference": difference(**sizes)}


def memory(layer: str | None, work: str, threads: int, **sizes: int) -> dict[str, Any]:
    """Peak memory (MB) of a process that makes the inputs and calls one layer once, or none."""
    torch.set_num_threads(threads)
    warm_up(sizes["channels"], sizes["hidden"])
    layers = calls(**sizes)
    if layer is not None:
        {"forward": forward, "backward": backward}[work](layers[layer])
    return {"peak": peak_megabytes()}


def measured(run: Callable[..., dict[str, Any]], repeats: int, threads: int, **sizes: int) -> dict[str, float]:
    """All figures for one size. `hidden` messages are inputs of both layers."""
    figures: dict[str, float] = run(times, repeats=repeats, threads=threads, **sizes)
    base = run(memory, layer=None, work="", threads=threads, **sizes)["peak"]
    for layer in LAYERS:
        for work, key in (("forward", "forward_memory_mb"), ("backward", "memory_mb")):
            peak = run(memory, layer=layer, work=work, threads=threads, **sizes)["peak"]
            figures[f"{layer}_{key}"] = max(peak - base, 0.0)
    for key in ("forward_ms", "backward_ms", "forward_memory_mb", "memory_mb"):
        ours = figures[f"ours_{key}"]
        figures[f"uvu_{key.removesuffix('_ms').removesuffix('_mb')}_ratio"] = (
            figures[f"uvu_{key}"] / ours if ours else 0.0
        )
    return figures


def main(arguments: list[str], run: Callable[..., dict[str, Any]] = fresh_process) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, action="append", help="may be repeated (default 256)")
    parser.add_argument("--neighbors", type=int, default=32)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=96, help="width of the messages that the weights are made from")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    shared = {"neighbors": options.neighbors, "channels": options.channels, "hidden": options.hidden}
    result = {**shared, "threads": options.threads, "repeats": options.repeats, **machine()}
    print(f"{'nodes':>6}  {'':<18}{'ours':>10}{'uvu':>10}{'uvu/ours':>10}")
    for nodes in options.nodes or [256]:
        figures = measured(run, options.repeats, options.threads, nodes=nodes, **shared)
        result |= {"nodes": nodes, **figures}  # unsuffixed: the last size
        result |= {f"{key}_{nodes}": value for key, value in figures.items()}
        for key in ("forward_ms", "backward_ms", "forward_memory_mb", "memory_mb"):
            ratio = figures[f"uvu_{key.removesuffix('_ms').removesuffix('_mb')}_ratio"]
            print(f"{nodes:>6}  {key:<18}{figures[f'ours_{key}']:>10.2f}{figures[f'uvu_{key}']:>10.2f}{ratio:>10.2f}")
    print(f"largest relative difference between their results: {result['difference']:.1e}")
    report(result, options.json)
    return result


if __name__ == "__main__" and not answered(sys.argv[1:], times, memory):
    main(sys.argv[1:])

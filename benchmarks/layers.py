"""The tensor product convolution beside e3nn's products of the same paths and channels.

python benchmarks/layers.py --nodes 256 --nodes 1024 --nodes 4096 --neighbors 32 --channels 16 --json layers.json

`uvu` is the channel-wise product (the same function as ours, weights mapped), `fc` the fully connected product with a
weight for each edge, path and pair of channels, `torch` ours without the compiled loops. Ratios are theirs / ours.
`--alone` times and weighs ours by itself, at sizes where nothing else fits.
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

from protein_enn.nn import compiled
from protein_enn.nn.features import Features
from protein_enn.nn.spherical import degree_slice, spherical_harmonics
from protein_enn.nn.tensor_convolution import TensorConvolution

LMAX = 2
PEERS = ("torch", "uvu", "fc")
FC_LIMIT = 3e9
"""Bytes of per-edge weights up to which the fully connected product is tried; backward takes many times that."""
FIGURES = ("forward_ms", "backward_ms", "forward_memory_mb", "memory_mb")


class ChannelwiseConvolution(nn.Module):
    """x'_i = mix(sum_j TP_uvu(x_j, w_ij Y(d_ij); W m_ij)): couple every edge, then sum, as NequIP does.

    Features in e3nn's order (multiplicity, component); edges as (source, target) pairs.
    """

    def __init__(self, like: TensorConvolution, hidden: int) -> None:
        super().__init__()
        c, natural = like.channels, natural_parity()
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
        self.scalars, self.width = like.scalars, paths.dim
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
        return summed[:, : self.scalars], self.mix(summed)


class FullyConnectedConvolution(nn.Module):
    """x'_i = sum_j TP(x_j, w_ij Y(d_ij); W m_ij) with u x v weights on every path: tensor field networks as in e3nn."""

    def __init__(self, like: TensorConvolution, hidden: int) -> None:
        super().__init__()
        features = o3.Irreps([(like.channels, ir) for ir in natural_parity()])
        harmonics = o3.Irreps([(1, ir) for ir in natural_parity()])
        self.product = o3.FullyConnectedTensorProduct(features, harmonics, features, shared_weights=False)
        self.radial = nn.Linear(hidden, self.product.weight_numel)
        self.channels, self.width = like.channels, features.dim

    def forward(
        self, x: Tensor, messages: Tensor, harmonics: Tensor, source: Tensor, target: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        edges = self.product(x.index_select(0, source), harmonics * weight[:, None], self.radial(messages))
        summed = edges.new_zeros(len(x), self.width).index_add(0, target, edges)
        return summed[:, : self.channels], summed[:, self.channels :]


def natural_parity() -> list[str]:
    return [f"{degree}{'eo'[degree % 2]}" for degree in range(LMAX + 1)]


Call = Callable[[], tuple[Tensor, Tensor]]


@functools.cache
def built(name: str, channels: int, hidden: int) -> nn.Module:
    """A layer; ours and `uvu` with the same weights."""
    torch.manual_seed(0)
    ours = TensorConvolution(channels, LMAX, hidden)
    kinds = {"uvu": ChannelwiseConvolution, "fc": FullyConnectedConvolution}
    return kinds[name](ours, hidden) if name in kinds else ours


def call(name: str, nodes: int, neighbors: int, channels: int, hidden: int) -> Call:
    """One layer with its inputs (made here, not timed; the same for all layers), ready to be called."""
    layer = built(name, channels, hidden)
    torch.manual_seed(1)
    x = torch.randn(nodes, (LMAX + 1) ** 2, channels, requires_grad=True)
    messages = torch.randn(nodes, neighbors, hidden, requires_grad=True)
    directions = torch.nn.functional.normalize(torch.randn(nodes, neighbors, 3), dim=-1)
    harmonics = spherical_harmonics(LMAX, directions)
    index = torch.randint(nodes, (nodes, neighbors))
    weight = torch.rand(nodes, neighbors) / neighbors
    if name in ("ours", "torch"):

        def run() -> tuple[Tensor, Tensor]:
            result: Features = layer(x, messages, harmonics, index, weight)
            return result.scalars, result.tensors

        def run_in_torch() -> tuple[Tensor, Tensor]:
            with compiled.torch_only():
                return run()

        return run if name == "ours" else run_in_torch
    flat = e3nn_order(x.detach()).requires_grad_()
    rows = messages.detach().flatten(0, 1).requires_grad_()
    target = torch.arange(nodes).repeat_interleave(neighbors)
    edges = (harmonics.flatten(0, 1), index.flatten(), target, weight.flatten())
    return lambda: layer(flat, rows, *edges)


def warm_up(name: str, channels: int, hidden: int) -> None:
    """A few calls on three nodes: what a layer compiles or sets up once is neither timed nor weighed."""
    small = call(name, 3, 2, channels, hidden)
    for _ in range(3):
        forward(small)
        backward(small)


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


def difference(**sizes: int) -> float:
    """Largest difference between our result and uvu's, over the largest result."""
    with torch.no_grad():
        (invariants, tensors), theirs = call("ours", **sizes)(), torch.cat(call("uvu", **sizes)(), 1)
        ours = torch.cat([invariants, e3nn_order(tensors, first=1)], 1)
        return float((ours - theirs).abs().max() / ours.abs().max())


def times(names: list[str], repeats: int, threads: int, **sizes: int) -> dict[str, Any]:
    """Milliseconds of the layers, in one process, taking turns."""
    from protein_enn.training.memory import reuse_freed_memory  # brings Lightning, which `memory` need not wait for

    torch.set_num_threads(threads)
    reuse_freed_memory()
    for name in names:
        warm_up(name, sizes["channels"], sizes["hidden"])
    layers = {name: call(name, **sizes) for name in names}
    result: dict[str, Any] = {}
    for key, work in (("forward", forward), ("backward", backward)):
        works = {name: functools.partial(work, layer) for name, layer in layers.items()}
        for name, seconds in median_seconds(works, repeats, torch.device("cpu")).items():
            result[f"{name}_{key}_ms"] = 1000 * seconds
    if "uvu" in names:
        result["difference"] = difference(**sizes)
    return result


def memory(name: str, work: str, threads: int, **sizes: int) -> dict[str, Any]:
    """Peak memory (MB) of a process that makes the inputs and calls a layer once, or not at all."""
    torch.set_num_threads(threads)
    warm_up(name, sizes["channels"], sizes["hidden"])
    layer = call(name, **sizes)
    if work:
        {"forward": forward, "backward": backward}[work](layer)
    return {"peak": peak_megabytes()}


def measured(
    run: Callable[..., dict[str, Any]], names: list[str], repeats: int, threads: int, **sizes: int
) -> dict[str, float]:
    """All figures for one size. `hidden` messages are inputs of all layers."""
    figures: dict[str, float] = run(times, names=names, repeats=repeats, threads=threads, **sizes)
    for name in names:
        base = run(memory, name=name, work="", threads=threads, **sizes)["peak"]
        for work, key in (("forward", "forward_memory_mb"), ("backward", "memory_mb")):
            peak = run(memory, name=name, work=work, threads=threads, **sizes)["peak"]
            figures[f"{name}_{key}"] = max(peak - base, 0.0)
    for key in FIGURES:
        ours = figures[f"ours_{key}"]
        for name in names[1:]:
            ratio = figures[f"{name}_{key}"] / ours if ours else 0.0
            figures[f"{name}_{key.removesuffix('_ms').removesuffix('_mb')}_ratio"] = ratio
    return figures


def main(arguments: list[str], run: Callable[..., dict[str, Any]] = fresh_process) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, action="append", help="may be repeated (default 256)")
    parser.add_argument("--neighbors", type=int, default=32)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=96, help="width of the messages that the weights are made from")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--alone", action="store_true", help="ours without peers")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    shared = {"neighbors": options.neighbors, "channels": options.channels, "hidden": options.hidden}
    result = {**shared, "threads": options.threads, "repeats": options.repeats, **machine()}
    result["compiled_loops"] = compiled.library() is not None
    print(f"{'nodes':>6}  {'':<18}{'ours':>10}" + "".join(f"{name:>10}{'ratio':>8}" for name in PEERS))
    for nodes in options.nodes or [256]:
        weights = built("fc", options.channels, options.hidden).product.weight_numel
        fits = 4 * weights * nodes * options.neighbors <= FC_LIMIT
        names = ["ours"] if options.alone else ["ours", *(p for p in PEERS if p != "fc" or fits)]
        figures = measured(run, names, options.repeats, options.threads, nodes=nodes, **shared)
        result |= {"nodes": nodes, **figures}  # unsuffixed: the last size
        result |= {f"{key}_{nodes}": value for key, value in figures.items()}
        for key in FIGURES:
            line = f"{nodes:>6}  {key:<18}{figures[f'ours_{key}']:>10.2f}"
            for name in names[1:]:
                ratio = figures[f"{name}_{key.removesuffix('_ms').removesuffix('_mb')}_ratio"]
                line += f"{figures[f'{name}_{key}']:>10.2f}{ratio:>8.1f}"
            print(line, flush=True)
    if "difference" in result:
        print(f"largest relative difference between ours and uvu: {result['difference']:.1e}")
    report(result, options.json)
    return result


if __name__ == "__main__" and not answered(sys.argv[1:], times, memory):
    main(sys.argv[1:])

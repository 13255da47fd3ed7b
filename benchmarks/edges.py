"""Messages along edges and updates of edges: the compiled loops beside torch operations, float32 and bfloat16.

python benchmarks/edges.py --nodes 1600 --neighbors 32 --width 128 --json edges.json

Forward, and forward with backward, of one call each; all three ways take turns in one process.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measurement import answered, fresh_process, machine, median_seconds, report
from torch import Tensor, nn
from torch.nn.functional import layer_norm, silu

from protein_enn.nn import compiled
from protein_enn.nn.edge_messages import summed_messages, updated_edges
from protein_enn.training.memory import reuse_freed_memory

CPU = torch.device("cpu")
WAYS = ("loops", "torch_bf16", "torch")
WORK = ("messages", "update")


def calls(nodes: int, neighbors: int, width: int) -> dict[str, Callable[[], Tensor]]:
    """Each kind of work by each way, `WAYS` of `WORK`, on the same random values."""
    torch.manual_seed(0)
    edges = torch.randn(nodes, neighbors, width)
    target, source = (torch.randn(nodes, width, requires_grad=True) for _ in range(2))
    index, weight = torch.randint(nodes, (nodes, neighbors)), torch.rand(nodes, neighbors) / neighbors
    matrix = (torch.randn(width, width) / width**0.5).requires_grad_()
    deeper, outer = nn.Linear(width, width), nn.Linear(width, width)
    whole, half = edges.clone().requires_grad_(), edges.bfloat16().requires_grad_()

    def messages(e: Tensor) -> Tensor:
        first = silu(e @ matrix.T + source[index] + target[:, None])
        return (weight[:, None] @ silu(deeper(first)).to(weight)).squeeze(1)

    def update(e: Tensor) -> Tensor:
        return e + outer(silu(layer_norm(e, (width,)) @ matrix.T + source[index] + target[:, None]))

    def rounded(work: Callable[[Tensor], Tensor], e: Tensor) -> Callable[[], Tensor]:
        def call() -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return work(e)

        return call

    return {
        "loops_messages": lambda: summed_messages(half, target, source, index, weight, matrix, deeper),
        "loops_update": lambda: updated_edges(half, target, source, index, matrix, outer),
        "torch_bf16_messages": rounded(messages, half),
        "torch_bf16_update": rounded(update, half),
        "torch_messages": lambda: messages(whole),
        "torch_update": lambda: update(whole),
    }


def times(nodes: int, neighbors: int, width: int, repeats: int, threads: int) -> dict[str, Any]:
    """Median milliseconds, forward without gradients and forward with backward."""
    torch.set_num_threads(threads)
    reuse_freed_memory()
    if not compiled.edges_supported():
        raise SystemExit("the loops over edges need GCC at installation and a CPU with AMX")
    found: dict[str, Any] = {}
    for name, call in calls(nodes, neighbors, width).items():

        def forward(call: Callable[[], Tensor] = call) -> None:
            with torch.no_grad():
                call()

        def backward(call: Callable[[], Tensor] = call) -> None:
            result = call()
            result.backward(torch.ones_like(result))

        for what, work in (("forward", forward), ("backward", backward)):
            found[f"{name}_{what}_ms"] = 1000 * median_seconds({name: work}, repeats, CPU)[name]
    return found


def main(arguments: list[str], run: Callable[..., dict[str, Any]] = fresh_process) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1600)
    parser.add_argument("--neighbors", type=int, default=32)
    parser.add_argument("--width", type=int, default=128, help="of edges and messages, a multiple of 32")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = vars(parser.parse_args(arguments))
    target = options.pop("json")
    result: dict[str, Any] = {**options, **machine(), **run(times, **options)}
    print(f"{'ms':<22}" + "".join(f"{way:>12}" for way in WAYS) + f"{'ratio':>8}{'ratio':>8}")
    for work in WORK:
        for what in ("forward", "backward"):
            row = [result[f"{way}_{work}_{what}_ms"] for way in WAYS]
            ratios = [other / row[0] for other in row[1:]]
            for way, ratio in zip(WAYS[1:], ratios, strict=True):
                result[f"{way}_{work}_{what}_ratio"] = ratio
            print(f"{work}, {what:<12}" + "".join(f"{v:>12.2f}" for v in row) + "".join(f"{r:>8.1f}" for r in ratios))
    report(result, target)
    return result


if __name__ == "__main__" and not answered(sys.argv[1:], times):
    main(sys.argv[1:])

"""Nearest neighbors of 10 to a million points: each search beside scipy's k-d tree with its defaults.

python benchmarks/neighbors.py --points 1000 --points 30000 --repeats 5 --json neighbors.json
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measurement import answered, fresh_process, machine, median_seconds, peak_megabytes, report
from scipy.spatial import cKDTree
from torch import Tensor

from protein_enn.geometry.neighbors import nearest_neighbors
from protein_enn.geometry.neighbors.all_pairs import all_pairs, all_pairs_of_few
from protein_enn.geometry.neighbors.cell_list import by_cells
from protein_enn.geometry.neighbors.tree import by_tree

KINDS = {"residues": (130.0, 30), "atoms": (17.0, 16)}
"""Å^3 for each point in a folded protein, and k."""
DOMAIN = 30.0
"""Å; points come domain by domain, as residues do, and in no order inside one."""
SIZES = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
LARGEST = {"few": 10_000, "all_pairs": 10_000}
METHODS = ("scipy", "door", "few", "all_pairs", "tree", "cells")


def cloud(n: int, volume: float, device: str, shuffled: bool = False) -> Tensor:
    """Points of even density in a cube."""
    side = (n * volume) ** (1 / 3)
    points = torch.rand(n, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * side
    cells = (points / DOMAIN).long()
    if shuffled:
        return points.to(device)
    order = ((cells[:, 0] << 40) + (cells[:, 1] << 20) + cells[:, 2]).argsort(stable=True)
    return points[order].to(device)


def scipy_default(points: Tensor, k: int) -> Tensor:
    """What one would write without this package; on one thread, and without a rule for ties."""
    data = points.cpu().numpy()
    _, found = cKDTree(data).query(data, k=k + 1)
    return torch.from_numpy(found[:, 1:])


def works(points: Tensor, k: int) -> dict[str, Callable[[], Tensor]]:
    """The searches that are sensible for so many points."""
    n = len(points)
    k, rows = min(k, n - 1), torch.arange(n, device=points.device)
    calls: dict[str, Callable[[], Tensor]] = {
        "scipy": functools.partial(scipy_default, points, k),
        "door": lambda: nearest_neighbors(points, k)[0],
        "few": functools.partial(all_pairs_of_few, points, k),
        "all_pairs": functools.partial(all_pairs, points, rows, k),
        "tree": functools.partial(by_tree, points, rows, k),
        "cells": functools.partial(by_cells, points, rows, k),
    }
    left_out = {name for name, most in LARGEST.items() if n > most}
    if points.is_cuda:
        left_out = (left_out | {"few", "tree"}) - ({"all_pairs"} if n <= 100_000 else set())
    return {name: call for name, call in calls.items() if name not in left_out}


def times(kind: str, n: int, repeats: int, threads: int, device: str, shuffled: bool) -> dict[str, Any]:
    """Milliseconds of each search, in one process, and in how many rows it differs from the door's answer."""
    torch.set_num_threads(threads)
    volume, k = KINDS[kind]
    calls = works(cloud(n, volume, device, shuffled), k)
    seconds = median_seconds(calls, max(1, min(repeats, 300_000 // n)), torch.device(device))
    figures: dict[str, Any] = {f"{name}_ms": 1000 * value for name, value in seconds.items()}
    figures |= {f"{name}_ratio": value / seconds["scipy"] for name, value in seconds.items()}
    answer = calls["door"]().cpu()
    wrong = [int((call().cpu() != answer).any(1).sum()) for call in calls.values()] if n <= 100_000 else [0]
    return {**figures, "differing_rows": max(wrong)}


def memory(kind: str, n: int, method: str | None, threads: int, device: str, shuffled: bool) -> dict[str, Any]:
    """Peak memory (MB) of a process that makes the points and searches once, or not at all; of a GPU, its own."""
    torch.set_num_threads(threads)
    volume, k = KINDS[kind]
    for call in works(cloud(50, volume, device), k).values():  # what is loaded once does not count
        call()
    points = cloud(n, volume, device, shuffled)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    if method is not None:
        works(points, k)[method]()
    return {"peak": torch.cuda.max_memory_allocated() / 1e6 if device == "cuda" else peak_megabytes()}


def measured(run: Callable[..., dict[str, Any]], kind: str, n: int, repeats: int, **where: Any) -> dict[str, float]:
    """All figures of one size."""
    figures: dict[str, float] = run(times, kind=kind, n=n, repeats=repeats, **where)
    base = run(memory, kind=kind, n=n, method=None, **where)["peak"]
    for method in METHODS:
        if f"{method}_ms" in figures:
            peak = run(memory, kind=kind, n=n, method=method, **where)["peak"]
            figures[f"{method}_mb"] = max(peak - base, 0.0)
    return figures


def main(arguments: list[str], run: Callable[..., dict[str, Any]] = fresh_process) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, action="append", help="may be repeated (default: 10 to 1,000,000)")
    parser.add_argument("--kind", choices=KINDS, action="append", help="may be repeated (default: both)")
    parser.add_argument("--repeats", type=int, default=5, help="at most; fewer of more than 60,000 points")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--shuffled", action="store_true", help="points in no order at all")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    where = {"threads": options.threads, "device": options.device, "shuffled": options.shuffled}
    result = {**where, "repeats": options.repeats, **machine(options.device)}
    print("ms, MB added to the process, time over scipy's")
    print(f"{'':<9}{'points':>9}" + "".join(f"{name:>24}" for name in METHODS))
    for kind in options.kind or KINDS:
        for n in options.points or SIZES:
            figures = measured(run, kind, n, options.repeats, **where)
            result |= {f"{kind}_{key}_{n}": value for key, value in figures.items()}
            cells = [
                f"{figures[f'{m}_ms']:>11.2f}{figures[f'{m}_mb']:>7.0f}{figures[f'{m}_ratio']:>6.2f}"
                if f"{m}_ms" in figures
                else f"{'':>24}"
                for m in METHODS
            ]
            print(f"{kind:<9}{n:>9}" + "".join(cells), flush=True)
    report(result, options.json)
    return result


if __name__ == "__main__" and not answered(sys.argv[1:], times, memory):
    main(sys.argv[1:])

"""One equivariant layer of other libraries beside one of ours: time, memory, and whether it is equivariant.

python benchmarks/peers.py --nodes 256 --peer gvp=../gvp-pytorch --peer egnn=../egnn --json peers.json

Peers that are installed (e3nn, torch-geometric) always run; the others are named with the folder of your clone.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from clone_layers import CLONES
from measurement import answered, fresh_process, machine, median_seconds, peak_megabytes, report
from own_layers import layer_of
from peer_layers import INSTALLED, Builder, Call, as_in_layers, rotation_error
from surroundings import Sizes, Surroundings

from protein_enn.encoders import ENCODERS
from protein_enn.training.memory import reuse_freed_memory

BESIDE = {
    "uvu": "convolution", "fc": "convolution", "nequip": "tensor_field", "tensornet": "tensor_field",
    "gvp": "gvp", "painn": "gvp", "egnn": "egnn", "schnet": "invariant", "visnet": "attention",
    "se3_transformer": "attention", "equiformer_v2": "so2", "escn": "so2",
}  # fmt: skip
"""The nearest of ours, whose figures divide a peer's."""
SAME_INPUTS = ("convolution", "uvu", "fc")  # of benchmarks/layers.py, which compares their results
LARGEST = {"se3_transformer": 300}  # nodes: its kernels take several GB there
FIGURES = ("forward_ms", "backward_ms", "forward_memory_mb", "memory_mb")
PREFIX = "ours_"


def builders(folders: dict[str, str]) -> dict[str, tuple[Builder, Path | None]]:
    """Ours (`ours_<encoder>`), the installed peers and those whose clone is given."""
    ours: dict[str, Builder] = {"convolution": as_in_layers("ours"), **{name: layer_of(name) for name in ENCODERS}}
    found: dict[str, tuple[Builder, Path | None]] = {PREFIX + name: (build, None) for name, build in ours.items()}
    found |= {name: (build, None) for name, build in INSTALLED.items()}
    return found | {name: (CLONES[name], Path(folder).resolve()) for name, folder in folders.items()}


def ready(name: str, nodes: int, neighbors: int, sizes: dict[str, int], folders: dict[str, str]) -> Call:
    """A layer with its inputs; the weights are random and the same each time."""
    build, folder = builders(folders)[name]
    torch.manual_seed(0)
    return build(Surroundings(nodes, neighbors), Sizes(**sizes), folder)


def forward(call: Call) -> None:
    """As in use: no gradients."""
    with torch.no_grad():
        call()


def backward(call: Call) -> None:
    """As in training: forward, then gradients of node features, edge features and weights."""
    torch.stack([result.square().sum() for result in call()]).sum().backward()


def times(names: list[str], repeats: int, threads: int, **inputs: Any) -> dict[str, Any]:
    """Milliseconds of all layers, which take turns in one process, and what turning the protein changes."""
    torch.set_num_threads(threads)
    reuse_freed_memory()
    result: dict[str, Any] = {}
    table, sizes = builders(inputs["folders"]), Sizes(**inputs["sizes"])
    nodes = min(inputs["nodes"], 60)
    for name in names:
        if name.removeprefix(PREFIX) not in SAME_INPUTS:
            k = min(inputs["neighbors"], nodes // 2)
            result[f"{name}_turned_error"] = rotation_error(table[name][0], sizes, table[name][1], nodes, k)
    layers = {name: ready(name, **inputs) for name in names}
    for key, work in (("forward_ms", forward), ("backward_ms", backward)):
        works = {name: functools.partial(work, call) for name, call in layers.items()}
        for warm in works.values():
            warm()  # and once more below: e3nn's compiled code settles at its second call
        for name, seconds in median_seconds(works, repeats, torch.device("cpu")).items():
            result[f"{name}_{key}"] = 1000 * seconds
    return result


def settled_megabytes() -> float:
    """Resident memory, MB, once what making the inputs has freed is given back; the peak counts from here (Linux)."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    return peak_megabytes()


def memory(name: str, threads: int, **inputs: Any) -> dict[str, Any]:
    """MB that a call adds to the peak of a process that has made the layer and its inputs."""
    torch.set_num_threads(threads)
    small = ready(name, **{**inputs, "nodes": 12, "neighbors": 4})
    for work in (forward, backward, forward, backward):
        work(small)
    call = ready(name, **inputs)
    start = settled_megabytes()
    forward(call)
    after = peak_megabytes()
    backward(call)
    return {"forward_memory_mb": after - start, "memory_mb": peak_megabytes() - start}


def measured(run: Callable[..., dict[str, Any]], repeats: int, threads: int, **inputs: Any) -> dict[str, Any]:
    """All figures for one size: of each layer, and of each peer over ours."""
    names = [name for name in builders(inputs["folders"]) if inputs["nodes"] <= LARGEST.get(name, inputs["nodes"])]
    figures = run(times, names=names, repeats=repeats, threads=threads, **inputs)
    for name in names:
        weighed = run(memory, name=name, threads=threads, **inputs)
        figures |= {f"{name}_{key}": value for key, value in weighed.items()}
    for name in names:
        if not name.startswith(PREFIX):
            beside = BESIDE[name] if PREFIX + BESIDE[name] in names else "tensor_field"
            figures[f"{name}_beside"] = beside
            for key in FIGURES:
                theirs, ours = figures[f"{name}_{key}"], figures[f"{PREFIX}{beside}_{key}"]
                figures[f"{name}_{key.rsplit('_', 1)[0]}_ratio"] = theirs / ours if ours else 0.0
    return figures


def main(arguments: list[str], run: Callable[..., dict[str, Any]] = fresh_process) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, action="append", help="may be repeated (default 256)")
    parser.add_argument("--neighbors", type=int, default=32)
    widths = Sizes()
    for name in vars(widths):
        parser.add_argument(f"--{name}", type=int, default=getattr(widths, name))
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=DIR", help=f"of {', '.join(CLONES)}")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    folders = dict(peer.split("=", 1) for peer in options.peer if "=" in peer)
    if len(folders) < len(options.peer) or set(folders) - set(CLONES):
        parser.error(f"--peer takes NAME=DIR with a name of {', '.join(CLONES)}")
    sizes = {name: getattr(options, name) for name in vars(widths)}
    result: dict[str, Any] = {"neighbors": options.neighbors, **sizes, "threads": options.threads}
    result |= {"repeats": options.repeats, **machine()}
    for nodes in options.nodes or [256]:
        shared = {"neighbors": options.neighbors, "sizes": sizes, "folders": folders}
        figures = measured(run, options.repeats, options.threads, nodes=nodes, **shared)
        result |= {"nodes": nodes, **figures}  # unsuffixed: the last size
        result |= {f"{key}_{nodes}": value for key, value in figures.items()}
        _print(nodes, figures)
    missing = [name for name in CLONES if name not in folders]
    if missing:
        print(f"not given, so not run: {', '.join(missing)} (--peer NAME=DIR)")
    print("torch_scatter, where a clone asks for it, is torch-geometric's scatter (torch's scatter_add_)")
    report(result, options.json)
    return result


def _print(nodes: int, figures: dict[str, Any]) -> None:
    print(
        f"{f'{nodes} nodes':<20}{'forward':>8}{'ratio':>7}{'+ backward':>12}{'ratio':>7}"
        f"{'MB':>7}{'ratio':>7}{'rotated':>9}  beside"
    )
    for key in figures:
        if not key.endswith("_forward_ms"):
            continue
        name = key.removesuffix("_forward_ms")
        cells = [f"{name:<20}"]
        for figure, wide, digits in (("forward_ms", 8, 1), ("backward_ms", 12, 1), ("memory_mb", 7, 0)):
            ratio = figures.get(f"{name}_{figure.rsplit('_', 1)[0]}_ratio")
            cells += [
                f"{figures[f'{name}_{figure}']:>{wide}.{digits}f}",
                f"{ratio:>7.2f}" if ratio is not None else " " * 7,
            ]
        rotated = figures.get(f"{name}_turned_error")
        cells.append(f"{rotated:>9.0e}" if rotated is not None else " " * 9)
        print("".join(cells), "", figures.get(f"{name}_beside", ""), flush=True)


if __name__ == "__main__" and not answered(sys.argv[1:], times, memory):
    main(sys.argv[1:])

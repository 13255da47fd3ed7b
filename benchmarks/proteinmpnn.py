"""A training step of ProteinMPNN's own code beside one of our design task; `scoring.py` has scores and samples.

python benchmarks/proteinmpnn.py --proteinmpnn ../ProteinMPNN --json proteinmpnn.json

The weights are random ones of its published shape (128 wide, 3 + 3 layers, k = 48) and of ours: speed needs no others.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from inference import predictor_for
from measurement import answered, fresh_process, machine, peak_megabytes, report, seconds_of
from mpnn import PUBLISHED, trained
from training import step

from protein_enn.training.memory import reuse_freed_memory

CPU = torch.device("cpu")


def their_step(folder: str, k: int, plain: bool, length: int, count: int, repeats: int, threads: int) -> dict[str, Any]:
    """Median milliseconds of ProteinMPNN's training step: its model in training mode, its loss, its optimizer.

    `plain` takes the module that scores, which does not recompute its layers in the backward pass; else the training
    folder's, which does.
    """
    torch.set_num_threads(threads)
    reuse_freed_memory()
    learn, parameters = trained(Path(folder), k, plain, length, count)
    median = statistics.median([seconds_of(learn, CPU) for _ in range(repeats + 1)][1:])  # the first warms up
    rate = {"residues_per_second": count * length / median, "step_ms": 1000 * median}
    return {**rate, "residues": count * length, "peak_mb": peak_megabytes(), "parameters": parameters}


def main(
    arguments: list[str],
    run: Callable[..., dict[str, Any]] = fresh_process,
    model: dict[str, Any] | None = None,
) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proteinmpnn", type=Path, required=True, metavar="DIR", help="your clone of ProteinMPNN")
    parser.add_argument("--length", type=int, default=200, help="residues of each training chain")
    parser.add_argument("--budget", type=int, default=2000, help="residues in a training step")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    folder, k = str(options.proteinmpnn.resolve()), predictor_for("design", "cpu").model.config.k  # type: ignore[union-attr]
    shared = {"repeats": options.repeats, "threads": options.threads}
    result: dict[str, Any] = {"length": options.length, "k": k, **shared, **machine()}
    print(f"{'residues/s':<14}{'ours':>10}{'ProteinMPNN':>13}{'ratio':>7}{'at our k':>10}{'ratio':>7}")
    count = max(options.budget // options.length, 1)
    steps = {
        "ours": run(
            step, task="design", length=options.length, budget=options.budget, device="cpu", model=model, **shared
        )
    }
    kinds = [("proteinmpnn", PUBLISHED, False), ("proteinmpnn_same_k", k, False)]
    for name, k, plain in [*kinds, *((f"{name}_plain", k, True) for name, k, _ in kinds)]:
        steps[name] = run(their_step, folder=folder, k=k, plain=plain, length=options.length, count=count, **shared)
    result |= {f"{name}_train_{key}": value for name, one in steps.items() for key, value in one.items()}
    for plain in ("", "_plain"):
        _line(result, plain)
    report(result, options.json)
    return result


def _line(result: dict[str, Any], plain: str) -> None:
    """One row of the table; a ratio is their time over ours."""
    ours = result["ours_train_residues_per_second"]
    cells = f"{'train' + plain:<14}{ours:>10.0f}"
    for name, wide in (("proteinmpnn", 13), ("proteinmpnn_same_k", 10)):
        rate = result[f"{name}{plain}_train_residues_per_second"]
        result[f"{name}{plain}_train_ratio"] = ours / rate
        cells += f"{rate:>{wide}.0f}{ours / rate:>7.2f}"
    print(cells, flush=True)


if __name__ == "__main__" and not answered(sys.argv[1:], their_step, step):
    main(sys.argv[1:])

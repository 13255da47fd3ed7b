"""ProteinMPNN's own code beside our design model: one scoring pass, sampling, a training step, on the same structures.

python benchmarks/proteinmpnn.py --proteinmpnn ../ProteinMPNN --residues 100 --residues 300 --json proteinmpnn.json

The weights are random ones of its published shape (128 wide, 3 + 3 layers, k = 48) and of ours: speed needs no others.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from inference import predictor_for, tiled
from measurement import answered, fresh_process, machine, median_seconds, peak_megabytes, report, seconds_of
from mpnn import Inputs, built, kept, trained
from training import step

import protein_enn as pe
from protein_enn.scoring.likelihood import Backbone, decoding_ranks
from protein_enn.training.memory import reuse_freed_memory

CPU = torch.device("cpu")
PUBLISHED = 48  # neighbours
ORDERS = 8  # of pe.score


def inference(folder: str, residues: int, repeats: int, samples: int, threads: int) -> dict[str, Any]:
    """Median seconds of each call on one structure, which take turns; and that ProteinMPNN's passes compute something.

    `pass`: neighbours, encoder, one decoder pass under a random order, log-probabilities. `score`: ours with its 8
    orders, which share one encoding; theirs is 8 passes, as its script does. `sample`: one sequence at T = 0.1.
    """
    torch.set_num_threads(threads)
    structure, predictor = tiled(residues), predictor_for("design", "cpu")
    inputs, k = Inputs.of([structure]), predictor.model.config.k  # type: ignore[union-attr]
    rank = decoding_ranks(residues, 1, 0)[0]

    def ours_pass() -> torch.Tensor:
        backbone = Backbone(structure, predictor)
        return backbone.log_probs(backbone.seen_in_order(rank))

    works: dict[str, Callable[[], Any]] = {"ours_pass": ours_pass}
    works["ours_score"] = functools.partial(pe.score, structure, predictor=predictor, orders=ORDERS)
    draws: dict[str, Callable[[], Any]] = {"ours_sample": functools.partial(pe.design, structure, predictor=predictor)}
    result: dict[str, Any] = {"weights": predictor.name, "k": k}
    for name, neighbors in (("proteinmpnn", PUBLISHED), ("proteinmpnn_same_k", k)):
        model = built(Path(folder) / "protein_mpnn_utils.py", neighbors).eval()
        works[f"{name}_pass"] = functools.partial(inputs.log_probs, model)
        draws[f"{name}_sample"] = functools.partial(inputs.sampled, model)
        result |= {f"{name}_{key}": value for key, value in kept(model, inputs).items()}
    for calls, times in ((works, repeats), (draws, samples)):
        result |= {f"{name}_seconds": s for name, s in median_seconds(calls, times, CPU).items()}
    for name in ("proteinmpnn", "proteinmpnn_same_k"):
        result[f"{name}_score_seconds"] = ORDERS * result[f"{name}_pass_seconds"]
    return result


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
    parser.add_argument("--residues", type=int, action="append", help="may be repeated (default 100 300 1000)")
    parser.add_argument("--length", type=int, default=200, help="residues of each training chain")
    parser.add_argument("--budget", type=int, default=2000, help="residues in a training step")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--samples", type=int, default=3, help="repeats of sampling")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    folder, sizes = str(options.proteinmpnn.resolve()), options.residues or [100, 300, 1000]
    shared = {"repeats": options.repeats, "threads": options.threads}
    result: dict[str, Any] = {"residues": sizes, "length": options.length, **shared, **machine()}
    print(f"{'residues/s':<26}{'ours':>10}{'ProteinMPNN':>13}{'ratio':>7}{'at our k':>10}{'ratio':>7}")
    for n in sizes:
        one = run(inference, folder=folder, residues=n, samples=options.samples, **shared)
        result |= {key: one.pop(key) for key in ("weights", "k")}
        for key, value in one.items():
            result[f"{key}_{n}"] = value
            if key.endswith("_seconds"):
                result[f"{key.removesuffix('seconds')}residues_per_second_{n}"] = n / value
        for what in ("pass", "score", "sample"):
            _line(result, what, f"_{n}", "seconds")
    count = max(options.budget // options.length, 1)
    steps = {
        "ours": run(
            step, task="design", length=options.length, budget=options.budget, device="cpu", model=model, **shared
        )
    }
    kinds = [("proteinmpnn", PUBLISHED, False), ("proteinmpnn_same_k", result["k"], False)]
    for name, k, plain in [*kinds, *((f"{name}_plain", k, True) for name, k, _ in kinds)]:
        steps[name] = run(their_step, folder=folder, k=k, plain=plain, length=options.length, count=count, **shared)
    result |= {f"{name}_train_{key}": value for name, one in steps.items() for key, value in one.items()}
    for plain_name in ("", "_plain"):
        _line(result, "train", "", "residues_per_second", plain_name)
    report(result, options.json)
    return result


def _line(result: dict[str, Any], what: str, suffix: str, figure: str, plain: str = "") -> None:
    """One row of the table; a ratio is their time over ours."""
    names = ["ours", *(f"{name}{plain}" for name in ("proteinmpnn", "proteinmpnn_same_k"))]
    ours, *theirs = [result[f"{name}_{what}_residues_per_second{suffix}"] for name in names]
    cells = f"{what + suffix + plain:<26}{ours:>10.0f}"
    for name, rate, wide in zip(names[1:], theirs, (13, 10), strict=True):
        result[f"{name}_{what}_ratio{suffix}"] = ours / rate
        cells += f"{rate:>{wide}.0f}{ours / rate:>7.2f}"
    print(cells, flush=True)


if __name__ == "__main__" and not answered(sys.argv[1:], inference, their_step, step):
    main(sys.argv[1:])

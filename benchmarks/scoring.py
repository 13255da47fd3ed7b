"""Scores, mutation scans and sampled sequences of ours beside ProteinMPNN's own code, on the same structures.

python benchmarks/scoring.py --proteinmpnn ../ProteinMPNN --residues 100 --residues 300 --json scoring.json

ProteinMPNN's weights are random ones of its published shape (128 wide, 3 + 3 layers, k = 48), unless `--weights` names
published ones: then its code runs them, and so does this package (`published`). Without `--proteinmpnn` ours are timed
alone.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from inference import predictor_for, tiled
from measurement import answered, fresh_process, machine, median_seconds, peak_megabytes, report, seconds_of
from mpnn import PUBLISHED, Inputs, built, kept
from torch import nn

import protein_enn as pe
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.estimators import ESTIMATORS

CPU = torch.device("cpu")
ORDERS = 8  # of pe.score
SAMPLES = 8
SCANS = tuple(f"scan_{estimator}" for estimator in ESTIMATORS)
WORK = ("pass", "score", "unconditional", *SCANS, "sample", "samples")
Calls = dict[str, Callable[[], Any]]


def our_calls(residues: int, weights: str | None = None) -> tuple[Calls, Predictor]:
    """`pass`: neighbors, encoder, one decoder pass under a random order. `samples`: eight at T = 0.1."""
    structure = tiled(residues)
    predictor = predictor_for("design", "cpu") if weights is None else pe.load_predictor(weights, device="cpu")

    def one_pass() -> torch.Tensor:
        backbone = Backbone(structure, predictor)
        return backbone.log_probs(backbone.earlier_visible(backbone.decoding_ranks(1, 0)[0]))

    score = functools.partial(pe.score, structure, predictor=predictor)
    calls: Calls = {"pass": one_pass, "score": functools.partial(score, orders=ORDERS)}
    calls["unconditional"] = functools.partial(score, mode="unconditional")
    for name, estimator in zip(SCANS, ESTIMATORS, strict=True):
        calls[name] = functools.partial(pe.scan, structure, predictor=predictor, estimator=estimator)
    calls["sample"] = functools.partial(pe.design, structure, predictor=predictor)
    calls["samples"] = functools.partial(calls["sample"], samples=SAMPLES)
    return calls, predictor


def their_calls(folder: str, k: int, residues: int, weights: str | None = None) -> tuple[Calls, nn.Module, Inputs]:
    """The same of ProteinMPNN; `scan` gives one residue given all others, `scan_more` two of them."""
    structure = tiled(residues)
    inputs, copies = Inputs.of([structure]), Inputs.of([structure] * SAMPLES)
    model = built(Path(folder) / "protein_mpnn_utils.py", k).eval()
    if weights is not None:
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["model_state_dict"])
    calls: Calls = {
        "pass": functools.partial(inputs.log_probs, model),
        "unconditional": functools.partial(inputs.unconditional, model),
        "scan": functools.partial(inputs.conditional, model, 1),
        "scan_more": functools.partial(inputs.conditional, model, 3),
        "sample": functools.partial(inputs.sampled, model),
        "samples": functools.partial(copies.sampled, model),
    }
    return calls, model, inputs


def speed(
    folder: str | None, residues: int, repeats: int, samples: int, threads: int, weights: str | None = None
) -> dict[str, Any]:
    """Median seconds of each call on one structure; they take turns. And that ProteinMPNN's computes something.

    `score` of theirs is 8 passes, as its script does; ours shares one encoding. A scan of theirs is its
    `conditional_probs`, a decoder pass for each residue: from that of 1 and of 3 residues on to all, linearly.
    """
    torch.set_num_threads(threads)
    ours, predictor = our_calls(residues)
    k = predictor.model.config.k  # type: ignore[union-attr]
    calls = {f"ours_{name}": call for name, call in ours.items()}
    result: dict[str, Any] = {"weights": predictor.name, "weights_sha256": predictor.sha256, "k": k}
    result |= {f"ours_{key}": value for key, value in size(predictor.model).items()}
    if weights is not None:
        published, theirs_here = our_calls(residues, weights)
        calls |= {f"published_{name}": call for name, call in published.items()}
        result |= {"published_weights": theirs_here.name, "published_weights_sha256": theirs_here.sha256}
    for name, neighbors in (("proteinmpnn", PUBLISHED), ("proteinmpnn_same_k", k)) if folder is not None else ():
        theirs, model, inputs = their_calls(folder, neighbors, residues, weights if neighbors == PUBLISHED else None)
        calls |= {f"{name}_{what}": call for what, call in theirs.items()}
        result |= {f"{name}_{key}": value for key, value in {**size(model), **kept(model, inputs)}.items()}
    drawn = {name: call for name, call in calls.items() if "sample" in name}
    seconds = median_seconds({name: call for name, call in calls.items() if name not in drawn}, repeats, CPU)
    seconds |= median_seconds(drawn, samples, CPU)
    for name in ("proteinmpnn", "proteinmpnn_same_k") if folder is not None else ():
        seconds[f"{name}_score"] = ORDERS * seconds[f"{name}_pass"]
        first, third = seconds.pop(f"{name}_scan"), seconds.pop(f"{name}_scan_more")
        whole = first + (residues - 1) * max(third - first, 0.0) / 2
        seconds |= {f"{name}_{scan}": whole for scan in SCANS}
    return result | {f"{name}_seconds": value for name, value in seconds.items()}


def size(model: nn.Module) -> dict[str, float]:
    """Weights of a model, and MB of 10^6 bytes as float32."""
    parameters = sum(p.numel() for p in model.parameters())
    return {"parameters": parameters, "weights_mb": 4 * parameters / 1e6}


def memory(who: str, what: str, folder: str | None, residues: int, threads: int) -> dict[str, Any]:
    """Peak memory (MB) of a process that does one thing once, and what of it there was before."""
    torch.set_num_threads(threads)
    if who == "ours":
        call = our_calls(residues)[0][what]
    else:
        # A score of theirs is a pass repeated, a scan that of one residue.
        call = their_calls(str(folder), PUBLISHED, residues)[0][{"score": "pass", SCANS[0]: "scan"}.get(what, what)]
    before = peak_megabytes()
    seconds_of(call, CPU)
    return {"peak_mb": peak_megabytes(), "start_mb": before}


def main(arguments: list[str], run: Callable[..., dict[str, Any]] = fresh_process) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proteinmpnn", type=Path, metavar="DIR", help="your clone of ProteinMPNN")
    parser.add_argument("--weights", type=Path, metavar="FILE.pt", help="published weights of ProteinMPNN, k = 48")
    parser.add_argument("--residues", type=int, action="append", help="may be repeated (default 100 300 1000)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--samples", type=int, default=3, help="repeats of sampling")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    folder, sizes = options.proteinmpnn and str(options.proteinmpnn.resolve()), options.residues or [100, 300, 1000]
    result: dict[str, Any] = {"residues": sizes, "repeats": options.repeats, "threads": options.threads, **machine()}
    heads = f"{'ours':>10}{'ProteinMPNN':>13}{'ratio':>8}{'at our k':>10}{'ratio':>8}" if folder else f"{'ours':>10}"
    heads += f"{'published':>10}{'ratio':>8}" if options.weights else ""
    print(f"{'residues/s':<28}{heads}{'peak MB':>8}" + (f"{'theirs':>8}" if folder else ""))
    for n in sizes:
        shared = {"folder": folder, "residues": n, "threads": options.threads}
        weights = None if options.weights is None else str(options.weights.resolve())
        one = run(speed, repeats=options.repeats, samples=options.samples, weights=weights, **shared)
        for key, value in one.items():
            counted = key.endswith(("_seconds", "_difference"))
            result[f"{key}_{n}" if counted else key] = value
        for who in ("ours", "proteinmpnn") if folder else ("ours",):
            for what in ("score", SCANS[0], "samples"):
                found = run(memory, who=who, what=what, **shared)
                result |= {f"{who}_{what}_{key}_{n}": value for key, value in found.items()}
        for what in WORK:
            _line(result, what, n)
    report(result, options.json)
    return result


def _line(result: dict[str, Any], what: str, n: int) -> None:
    """One row of the table, and its rates; a ratio is their time over ours."""
    done = n * (SAMPLES if what == "samples" else 1)
    ours = result[f"ours_{what}_seconds_{n}"]
    result[f"ours_{what}_residues_per_second_{n}"] = done / ours
    cells = f"{f'{what}, {n} residues':<28}{done / ours:>10.0f}"
    for name, wide in (("proteinmpnn", 13), ("proteinmpnn_same_k", 10), ("published", 10)):
        if (theirs := result.get(f"{name}_{what}_seconds_{n}")) is not None:
            result[f"{name}_{what}_residues_per_second_{n}"] = done / theirs
            result[f"{name}_{what}_ratio_{n}"] = theirs / ours
            cells += f"{done / theirs:>{wide}.0f}{theirs / ours:>8.2f}"
    peaks = [result.get(f"{who}_{what}_peak_mb_{n}") for who in ("ours", "proteinmpnn")]
    print(cells + "".join(f"{p:>8.0f}" for p in peaks if p is not None), flush=True)


if __name__ == "__main__" and not answered(sys.argv[1:], speed, memory):
    main(sys.argv[1:])

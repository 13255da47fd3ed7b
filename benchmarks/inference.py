"""Seconds and peak memory of `pe.score` and `pe.refine` for structures of given sizes.

python benchmarks/inference.py --residues 100 --residues 300 --residues 1000 --residues 3000 --json inference.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from measurement import answered, fresh_process, machine, median_seconds, peak_megabytes, report

import protein_enn as pe
from protein_enn.devices import choose_device
from protein_enn.predictor import Predictor, shipped, untrained
from protein_enn.refinement import AcceptanceCriteria
from protein_enn.structure import HeteroAtoms

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "1bhl.pdb"
SPACING = 60.0  # Å between copies; the chain is 48 Å across
CALLS = ("score", "refine")


def tiled(residues: int) -> pe.Structure:
    """Copies of 1BHL's chain, protein only, on a cubic grid 60 Å apart as chains of their own, the last one cut."""
    one = replace(pe.read_structure(EXAMPLE), hetero=HeteroAtoms.empty(), source=None)
    n = len(one)
    copies = -(-residues // n)
    side = next(s for s in range(1, copies + 1) if s**3 >= copies)
    grid = torch.cartesian_prod(*[torch.arange(side)] * 3).view(-1, 3)[:copies]
    positions = one.positions.repeat(copies, 1, 1) + SPACING * grid.repeat_interleave(n, 0)[:, None]
    present, ids = one.present.repeat(copies, 1), tuple(str(i + 1) for i in range(copies))
    whole = replace(
        one,
        name=f"1bhl x {copies}, first {residues} residues",
        residues=one.residues.repeat(copies),
        positions=torch.where(present[..., None], positions, 0.0),
        present=present,
        chains=torch.arange(copies).repeat_interleave(n),
        chain_ids=ids,
        label_chain_ids=ids,
        numbers=one.numbers.repeat(copies),
        insertion_codes=one.insertion_codes * copies,
        label_numbers=one.label_numbers.repeat(copies),
        residue_names=one.residue_names * copies,
        b_factors=one.b_factors.repeat(copies, 1),
        occupancies=one.occupancies.repeat(copies, 1),
    )
    return whole.take(torch.arange(residues))


def predictor_for(task: str, device: str) -> Predictor:
    """The shipped weights of a task, or random ones."""
    if task in shipped():
        return pe.load_predictor(task, device=device)
    where, random = choose_device(device), untrained(task)
    return replace(random, model=random.model.to(where), device=where)


def call(name: str, residues: int, repeats: int, threads: int, device: str) -> dict[str, Any]:
    """Median seconds of `score` or `refine` after a warm-up, and the peak memory (MB) of the whole process."""
    torch.set_num_threads(threads)
    structure = tiled(residues)
    predictor = predictor_for("design" if name == "score" else "refinement", device)
    # Random weights expect no gain from any move; all residues are evaluated for acceptance as they would be in use.
    criteria = AcceptanceCriteria(margin=-1.0) if predictor.name == "untrained" else AcceptanceCriteria()
    moved = 0

    def work() -> None:
        nonlocal moved
        if name == "score":
            pe.score(structure, predictor=predictor)
        else:
            moved = pe.refine(structure, predictor=predictor, acceptance=criteria).status.count("moved")

    before = peak_megabytes()
    seconds = median_seconds({name: work}, repeats, predictor.device)[name]
    result: dict[str, Any] = {"seconds": seconds, "residues_per_second": residues / seconds}
    result |= {"peak_mb": peak_megabytes(), "start_mb": before, "moved": moved}
    result |= {"weights": predictor.name, "weights_sha256": predictor.sha256}
    if predictor.device.type == "cuda":
        result["gpu_peak_mb"] = torch.cuda.max_memory_allocated() / 1e6
    return result


def main(arguments: list[str], run: Callable[..., dict[str, Any]] = fresh_process) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--residues", type=int, action="append", help="may be repeated (default 100 300 1000 3000)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    device = choose_device(options.device).type
    sizes = options.residues or [100, 300, 1000, 3000]
    shared = {"device": device, "threads": options.threads, "repeats": options.repeats}
    result: dict[str, Any] = {"residues": sizes, **shared, **machine(device)}
    print(f"{'residues':>8}  {'':<8}{'seconds':>9}{'residues/s':>12}{'peak MB':>9}{'GPU MB':>9}  weights")
    for residues in sizes:
        for name in CALLS:
            one = run(call, name=name, residues=residues, **shared)
            for key in ("seconds", "residues_per_second", "peak_mb", "gpu_peak_mb"):
                if key in one:
                    result[f"{name}_{key}_{residues}"] = one[key]
            result |= {f"{name}_weights": one["weights"], f"{name}_weights_sha256": one["weights_sha256"]}
            result[f"{name}_start_mb_{residues}"] = one["start_mb"]
            if name == "refine":
                result[f"refine_moved_{residues}"] = one["moved"]
            gpu = f"{one['gpu_peak_mb']:.0f}" if "gpu_peak_mb" in one else "-"
            print(
                f"{residues:>8}  {name:<8}{one['seconds']:>9.3f}{one['residues_per_second']:>12.0f}"
                f"{one['peak_mb']:>9.0f}{gpu:>9}  {one['weights']}",
                flush=True,
            )
    if "untrained" in (result["score_weights"], result["refine_weights"]):
        print("note: weights marked untrained are random, because none are shipped; every move goes through the gate")
    report(result, options.json)
    return result


if __name__ == "__main__" and not answered(sys.argv[1:], call):
    main(sys.argv[1:])

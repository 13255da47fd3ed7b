"""`pe.refine` beside OpenMM's restrained minimization: the same inputs in the same process, seconds and lDDT of both.

python benchmarks/refinement.py --residues 100 --residues 300 --noise 0.3 --noise 1.0 --noise 0 --json refinement.json

A figure that stands in the JSON file already, of the same weights and threads, is not measured again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from inference import predictor_for, tiled
from measurement import machine, median_seconds, report, seconds_of

import protein_enn as pe
from protein_enn.evaluation.refinement.cases import add_noise
from protein_enn.metrics import lddt, stereochemistry
from protein_enn.predictor import Predictor
from protein_enn.refinement.relax import relaxation

CPU = torch.device("cpu")
SEED = 0  # of the noise


def quality(structure: pe.Structure, native: pe.Structure) -> dict[str, float]:
    """All-heavy-atom lDDT, clashes per 1,000 atoms and further faults."""
    score = lddt(structure.positions, native.positions, native.present, residues=native.residues).mean
    geometry = stereochemistry(structure).summary()
    wrong = ("bond_outliers", "angle_outliers", "ramachandran_outliers", "omega_outliers", "chirality_errors")
    return {
        "lddt": score,
        "clashes_per_1000": geometry["clashes_per_1000_atoms"],
        "outliers": sum(geometry[key] for key in wrong),
    }


def compared(native: pe.Structure, noise: float, predictor: Predictor, repeats: int, threads: int) -> dict[str, float]:
    """Seconds of both (ours: median after a warm-up; OpenMM: once), what they made of the input, and the ratio."""
    model = add_noise(native, noise, SEED)
    made: dict[str, pe.Structure] = {"input": model}

    def ours() -> None:
        made["refine"] = pe.refine(model, predictor=predictor).structure

    def openmm() -> None:
        made["openmm"] = relaxation(model, threads=threads).structure

    result = {"refine_seconds": median_seconds({"ours": ours}, repeats, CPU)["ours"]}
    result["openmm_seconds"] = seconds_of(openmm, CPU)
    result["ratio"] = result["openmm_seconds"] / result["refine_seconds"]
    for who, structure in made.items():
        result |= {f"{who}_{key}": value for key, value in quality(structure, native).items()}
    return result


def inputs(paths: list[Path], sizes: list[int]) -> dict[str, Callable[[], pe.Structure]]:
    """By name: the files' structures, else copies of the example of the given sizes."""
    if paths:
        return {path.name.split(".")[0]: lambda path=path: pe.read_structure(path) for path in paths}  # type: ignore[misc]
    return {str(size): lambda size=size: tiled(size) for size in sizes}  # type: ignore[misc]


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--residues", type=int, action="append", help="may be repeated (default 100 300)")
    parser.add_argument("--structure", type=Path, action="append", default=[], help="natives, instead of the example")
    parser.add_argument("--noise", type=float, action="append", help="Å per coordinate; may be repeated (0.3 1.0 0)")
    parser.add_argument("--repeats", type=int, default=3, help="of ours; OpenMM runs once")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    predictor = predictor_for("refinement", "cpu")
    noises = options.noise or [0.3, 1.0, 0.0]
    conditions = {"threads": options.threads, "weights": predictor.name, "weights_sha256": predictor.sha256}
    result: dict[str, Any] = {"noise": noises, "repeats": options.repeats, **conditions, **machine()}
    known = json.loads(options.json.read_text()) if options.json is not None and options.json.is_file() else {}
    if any(known.get(key) != value for key, value in conditions.items()):
        known = {}
    result = known | result
    print(f"{'input':>8}{'noise':>7}{'lDDT':>8}  {'refine':>8}{'s':>9}  {'openmm':>8}{'s':>9}{'ratio':>8}")
    for name, load in inputs(options.structure, options.residues or [100, 300]).items():
        for noise in noises:
            tail = f"_{noise:g}_{name}"
            if f"ratio{tail}" not in result:
                found = compared(load(), noise, predictor, options.repeats, options.threads)
                result |= {key + tail: value for key, value in found.items()}
                report(result, options.json)
            of = {key: result[key + tail] for key in ("input_lddt", "refine_lddt", "openmm_lddt", "ratio")}
            print(
                f"{name:>8}{noise:>7g}{of['input_lddt']:>8.4f}  {of['refine_lddt']:>8.4f}"
                f"{result[f'refine_seconds{tail}']:>9.3f}  {of['openmm_lddt']:>8.4f}"
                f"{result[f'openmm_seconds{tail}']:>9.2f}{of['ratio']:>8.1f}",
                flush=True,
            )
    report(result, options.json)
    return result


if __name__ == "__main__":
    main(sys.argv[1:])

"""Refine one structure with the Python API, and say what moved and why.

python scripts/refine.py model.pdb refined.pdb
python scripts/refine.py model.pdb refined.pdb --residues "within 10 of ligand" --side-chains-only
python scripts/refine.py trimer.cif refined.cif --symmetry C3 --hold plddt --candidates 4
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path

import protein_enn as pe
from protein_enn.refinement import RefineOptions


def main() -> int:
    """Exit status 2 for input that cannot be refined."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="PDB, mmCIF or BinaryCIF file, gzipped or not")
    parser.add_argument("output", help="file to write, in the same format")
    parser.add_argument("--weights", default="refinement", help="name of shipped weights or a .safetensors file")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--confidence-in-b", action="store_true", help="write 100 x predicted lDDT as B factors")
    add_options(parser)
    given = parser.parse_args()
    if Path(given.output).exists() and Path(given.output).samefile(given.model):
        parser.error(f"{given.output} is the input: give another file to write")
    options = RefineOptions(**{option.name: getattr(given, option.name) for option in fields(RefineOptions)})
    try:
        options.check()
        predictor = pe.load_predictor(given.weights, device=given.device)
        refinement = pe.refine(pe.read_structure(given.model), predictor=predictor, options=options)
        refinement.write(given.output, confidence_in_b=given.confidence_in_b)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    report(refinement)
    return 0


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `pe.refine`, as `RefineOptions` declares them."""
    group = parser.add_argument_group("options of pe.refine")
    for option in fields(RefineOptions):
        name = option.metadata.get("option", f"--{option.name.replace('_', '-')}")
        text = option.metadata["help"].replace("%", "%%")
        if option.default is False:
            group.add_argument(name, dest=option.name, action="store_true", help=text)
        else:
            kind = option.metadata.get("type", type(option.default))
            metavar = option.metadata.get("metavar")
            group.add_argument(name, dest=option.name, type=kind, default=option.default, metavar=metavar, help=text)


def report(refinement: pe.Refinement) -> None:
    """What was done, with how many residues, and why."""
    before, after = refinement.geometry_before.summary(), refinement.geometry_after.summary()
    print(f"{len(refinement.structure)} residues in {refinement.seconds:.2f} s with {refinement.weights}")
    for (status, reason), count in Counter(zip(refinement.status, refinement.reason, strict=True)).most_common():
        print(f"{count:6d} {status}: {reason}")
    confidence = refinement.confidence_before.nanmean(), refinement.confidence_after.nanmean()
    print(f"predicted lDDT {confidence[0]:.3f} -> {confidence[1]:.3f}")
    for fault in ("clashes", "bond_outliers", "ramachandran_outliers"):
        print(f"{fault.replace('_', ' ')} {before[fault]} -> {after[fault]}")
    if refinement.rebuilt:
        print(f"rebuilt: {', '.join(refinement.rebuilt)}")
    if refinement.symmetry_deviation is not None:
        print(f"{refinement.symmetry}, {refinement.symmetry_deviation:.1e} Å off its operators")


if __name__ == "__main__":
    sys.exit(main())

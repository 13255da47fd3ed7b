"""Refine one structure with the Python API, and say what moved and why.

python scripts/refine.py model.pdb refined.pdb
python scripts/refine.py model.pdb refined.pdb --region "within 10 of ligand" --side-chains-only
python scripts/refine.py trimer.cif refined.cif --symmetry C3 --hold plddt --candidates 4
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import protein_enn as pe


def main() -> int:
    """Exit status 2 for input that cannot be refined."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="PDB, mmCIF or BinaryCIF file, gzipped or not")
    parser.add_argument("output", help="file to write, in the same format")
    parser.add_argument("--weights", default="refinement", help="name of shipped weights or a .safetensors file")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--confidence-in-b", action="store_true", help="write 100 x predicted lDDT as B factors")
    controls = parser.add_argument_group("controls, as of pe.refine")
    controls.add_argument("--steps", type=int, default=3, help="iterations of the network; 0 keeps the input")
    controls.add_argument("--region", help="residues that may move: 'A:45-60', 'within 8 of ligand'")
    controls.add_argument("--fixed", help="residues that stay: 'chain B'")
    controls.add_argument("--hold", help="plddt, b_factor or a CSV file with the columns residue,hold")
    controls.add_argument("--symmetry", help="detect, C3, D2, ...: copies are kept exactly alike")
    controls.add_argument("--side-chains-only", action="store_true", help="the backbone stays")
    controls.add_argument("--rebuild", action="store_true", help="first add missing side-chain atoms")
    controls.add_argument("--candidates", type=int, default=1, help="try so many and keep the best")
    controls.add_argument("--max-seconds", type=float, help="begin no step after so long")
    controls.add_argument("--seed", type=int, default=0)
    options = vars(parser.parse_args())
    model, output, weights, device, in_b = (
        options.pop(name) for name in ("model", "output", "weights", "device", "confidence_in_b")
    )
    if Path(output).exists() and Path(output).samefile(model):
        parser.error(f"{output} is the input: give another file to write")
    try:
        predictor = pe.load_predictor(weights, device=device)
        refinement = pe.refine(pe.read_structure(model), predictor=predictor, **options)
        refinement.write(output, confidence_in_b=in_b)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    report(refinement)
    return 0


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

"""Refine one structure with the Python API, and say what moved.

python scripts/refine.py model.pdb refined.pdb
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

import protein_enn as pe


def main() -> int:
    """Exit status 2 for input that cannot be refined."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="PDB, mmCIF or BinaryCIF file, gzipped or not")
    parser.add_argument("output", help="file to write, in the same format")
    parser.add_argument("--weights", default="refinement", help="name of shipped weights or a .safetensors file")
    parser.add_argument("--steps", type=int, default=3, help="iterations of the network; 0 keeps the input")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    options = parser.parse_args()
    try:
        predictor = pe.load_predictor(options.weights, device=options.device)
        refinement = pe.refine(pe.read_structure(options.model), predictor=predictor, steps=options.steps)
        refinement.write(options.output)
    except (ValueError, OSError) as error:
        parser.error(str(error))

    before, after = refinement.geometry_before.summary(), refinement.geometry_after.summary()
    print(f"{len(refinement.structure)} residues in {refinement.seconds:.2f} s with {refinement.weights}")
    print(", ".join(f"{count} {status}" for status, count in sorted(Counter(refinement.status).items())))
    confidence = refinement.confidence_before.nanmean(), refinement.confidence_after.nanmean()
    print(f"predicted lDDT {confidence[0]:.3f} -> {confidence[1]:.3f}")
    print(f"clashes {before['clashes']} -> {after['clashes']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

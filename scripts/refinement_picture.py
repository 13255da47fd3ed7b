"""Draw a refinement before and after as an SVG image: the one in docs/how-to/refinement.md if nothing else is named.

python scripts/refinement_picture.py                        # examples/1bhl_perturbed.pdb, docs/images/refinement.svg
python scripts/refinement_picture.py model.pdb picture.svg  # any other
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import protein_enn as pe
from protein_enn.io import atomic
from protein_enn.report import refinement_picture

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Exit status 2 for input that cannot be refined."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=ROOT / "examples" / "1bhl_perturbed.pdb", type=Path)
    parser.add_argument("picture", nargs="?", default=ROOT / "docs" / "images" / "refinement.svg", type=Path)
    parser.add_argument("--weights", default="refinement", help="name of shipped weights or a .safetensors file")
    options = parser.parse_args()
    try:
        predictor = pe.load_predictor(options.weights, device="cpu")
        refinement = pe.refine(pe.read_structure(options.model), predictor=predictor)
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(options.picture, refinement_picture(refinement.record()))
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())

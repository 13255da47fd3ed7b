"""Rank a folder of designs: best log-likelihood first, as a CSV file and a table.

python scripts/score_designs.py designs/ ranking.csv
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import protein_enn as pe
from protein_enn.cli.output import write_rows
from protein_enn.io import StructureError, find_structures


def main() -> int:
    """Exit status 1 if a design could not be scored; it is listed last, with its error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("designs", nargs="+", help="structure files, folders or glob patterns")
    parser.add_argument("table", type=Path, help="the CSV file to write")
    parser.add_argument("--weights", default="design", help="name of shipped weights or a .safetensors file")
    parser.add_argument("--mode", default="conditional", choices=("conditional", "single", "unconditional"))
    parser.add_argument("--orders", type=int, default=8, help="decoding orders averaged (conditional)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    options = parser.parse_args()
    try:
        paths = find_structures(options.designs)
        predictor = pe.load_predictor(options.weights, device=options.device)
    except (ValueError, OSError) as error:
        parser.error(str(error))

    scored, failed = [], []
    for path in paths:
        try:
            structure = pe.read_structure(path)
            score = pe.score(
                structure, predictor=predictor, mode=options.mode, orders=options.orders, seed=options.seed
            )
            scored.append({**score.row(), "file": str(path)})
        except (StructureError, ValueError, OSError) as error:
            failed.append({"name": path.name, "file": str(path), "error": str(error)})
    scored.sort(key=lambda row: -row["log_likelihood"])
    rows = [{"rank": rank, **row} for rank, row in enumerate(scored, 1)] + failed

    write_rows(options.table, rows, list(rows[0]) if scored else ("rank", "name", "file", "error"))
    for row in rows:
        value = f"FAILED {row['error']}" if row["error"] else f"{row['log_likelihood']:8.4f} {row['perplexity']:7.3f}"
        print(f"{row.get('rank', '-'):>4} {value}  {row['name']}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

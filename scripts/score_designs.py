"""Rank designs: the old way to call `protein-enn rank`.

python scripts/score_designs.py designs/ ranking.csv

The table is the last argument, all options are those of the command.
"""

from __future__ import annotations

import sys

from protein_enn.cli import app


def arguments(given: list[str]) -> list[str]:
    """The arguments of the command: the last path is its --output.

    Examples
    --------
    >>> arguments(["a.pdb", "b.pdb", "r.csv", "--orders", "4"])
    ['rank', 'a.pdb', 'b.pdb', '--output', 'r.csv', '--orders', '4']
    """
    end = next((i for i, word in enumerate(given) if word.startswith("--")), len(given))
    if end < 2:
        return ["rank", *given]
    return ["rank", *given[: end - 1], "--output", given[end - 1], *given[end:]]


if __name__ == "__main__":
    print("scripts/score_designs.py is now the command: protein-enn rank IN... -o TABLE", file=sys.stderr)
    app(arguments(sys.argv[1:]))

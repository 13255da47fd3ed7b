"""Write the table of columns and the output of the example commands into docs/how-to/scoring.md, between its marks.

python scripts/scoring_examples.py

To be run from the repository root when a column or the shipped weights have changed.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path

from typer.testing import CliRunner

from protein_enn.cli.application import app
from protein_enn.io import atomic
from protein_enn.scoring.columns import COLUMNS, RESULTS

PAGE = Path("docs/how-to/scoring.md")
OUT = "ranking.csv"
EXAMPLES = (
    "protein-enn score examples/1bhl.pdb examples/1bhl_perturbed.pdb",
    'protein-enn score examples/1bhl.pdb --mode single --residues "A:60-69"',
    'protein-enn score examples/2gtl_chains_ad.cif.gz --interface "A|D"',
    "protein-enn scan examples/1bhl.pdb --estimator single",
    "protein-enn scan examples/1bhl.pdb --combine 2 --omit CP",
    "protein-enn scan examples/1bhl.pdb --mutant A:H185F --mutant A:H185F,A:W131A",
    'protein-enn design examples/1bhl.pdb --samples 2 --fixed "A:60-180" --omit C',
    f"protein-enn rank examples/1bhl.pdb examples/1bhl_perturbed.pdb examples/2gtl_chain_a.cif -o {OUT}",
)
LINES, WIDTH = 5, 118
"""What is shown of an output."""


def columns_table() -> str:
    """Every column of the tables of scores, in Markdown: those of all kinds of results, then those of each kind."""
    lines = ["| column | meaning | unit | which way is better |", "|---|---|---|---|"]
    own = dict.fromkeys(name for kind in RESULTS.values() for name in kind.columns)
    for name in [*(name for name in COLUMNS if name not in own), *own]:  # in whatever order the kinds were imported
        column = COLUMNS[name]
        lines.append(f"| `{name}` | {column.meaning} | {column.unit or ''} | {column.sign or ''} |")
    return "\n".join(lines)


def examples(folder: Path) -> str:
    """The commands and the first lines of their outputs."""
    parts = []
    for command in EXAMPLES:
        arguments = [str(folder / part) if part == OUT else part for part in shlex.split(command)]
        result = CliRunner().invoke(app, arguments[1:])
        if result.exit_code:
            raise SystemExit(f"{command}: {result.output}")
        lines = aligned(result.stdout.splitlines()[: LINES + 1])
        parts += [f"$ {command}", *lines[:LINES], *(["..."] if len(lines) > LINES else []), ""]
    return "\n".join(["```", *parts[:-1], "```"])


def aligned(lines: list[str]) -> list[str]:
    """Tab-separated lines with their cells below each other, cut at `WIDTH`."""
    rows = [line.split("\t") for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    whole = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..." for line in whole]


def replaced(text: str, mark: str, content: str) -> str:
    """The text with this content between `<!-- mark -->` and `<!-- end of mark -->`."""
    before, rest = text.split(f"<!-- {mark} -->\n", 1)
    _, after = rest.split(f"<!-- end of {mark} -->", 1)
    return f"{before}<!-- {mark} -->\n{content}\n<!-- end of {mark} -->{after}"


def main() -> int:
    text = replaced(PAGE.read_text(), "columns", columns_table())
    with tempfile.TemporaryDirectory() as folder:
        text = replaced(text, "examples", examples(Path(folder)))
    atomic.write_text(PAGE, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

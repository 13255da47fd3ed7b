"""The options of `scan` that choose mutations: at which residues, to which amino acids, how many, which together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.options import joined_selection, residues_option
from protein_enn.cli.output import Row

if TYPE_CHECKING:
    from protein_enn.structure import Structure

_PANEL = "Which mutations"
MOST = 8
"""Mutations that are combined: 255 mutants."""


@dataclass(frozen=True)
class ScanChoice:
    """Which mutations of a whole scan are kept. Each field is an option."""

    residues: Annotated[list[str] | None, residues_option("Mutate only these residues", _PANEL)] = None
    omit: Annotated[str, typer.Option(rich_help_panel=_PANEL, help="Leave out mutations to these amino acids: CW.")] = (
        ""
    )
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            rich_help_panel=_PANEL,
            help="Print and write only so many mutations of each structure, the best first.",
            show_default="all; the best 10 are printed",
        ),
    ] = None
    combine: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=MOST,
            rich_help_panel=_PANEL,
            help="Score the best mutations of so many residues in all combinations instead, the best mutant first.",
        ),
    ] = None

    @property
    def given(self) -> bool:
        """Whether anything is chosen."""
        return bool(self.residues or self.omit or self.top or self.combine)

    def check(self, named: bool, matrix: bool) -> None:
        """typer.BadParameter where options contradict each other."""
        from protein_enn.scoring.parsing import parse_amino_acids

        if named and self.given:
            raise typer.BadParameter(
                "--residues, --omit, --top and --combine are of a whole scan: leave out --mutant and --mutant-file"
            )
        if matrix and (self.top or self.combine):
            raise typer.BadParameter("--top and --combine choose mutations, and --matrix has all: leave it out")
        try:
            parse_amino_acids(self.omit)
        except ValueError as error:
            raise typer.BadParameter(f"--omit: {error}") from error

    def kept(self, structure: Structure, rows: list[Row]) -> list[Row]:
        """The rows of a scan that are asked for; those of a matrix keep their columns, which may be empty.

        ValueError for a residue that is not there.
        """
        from protein_enn.scoring.parsing import parse_amino_acids, residues_of

        selection, letters = joined_selection(self.residues), parse_amino_acids(self.omit)
        if selection is not None:
            chosen = residues_of(structure, selection, "residues").nonzero()[:, 0].tolist()
            ids = {structure.residue_id(i) for i in chosen}
            rows = [row for row in rows if f"{row['chain']}:{row['number']}{row['icode']}" in ids]
        if rows and "mutant" not in rows[0]:
            return [{**row, **{letter: None for letter in letters if letter != row["wt"]}} for row in rows]
        rows = [row for row in rows if row["mutant"] not in letters]
        return rows if self.top is None else best_first(rows)[: self.top]

    def combinations(self, rows: list[Row]) -> list[str]:
        """Mutants of the best mutations, one for each residue, in all combinations; ValueError where there is none."""
        best: dict[str, Row] = {}
        for row in best_first(rows):
            best.setdefault(f"{row['chain']}:{row['number']}{row['icode']}", row)
        names = [row["mutations"] for row in list(best.values())[: self.combine]]
        if not names:
            raise ValueError("no mutation to combine: choose other residues")
        return [",".join(chosen) for size in range(1, len(names) + 1) for chosen in combinations(names, size)]


def named(row: Row) -> Row:
    """The row of a mutation with its name in `mutations`: A:T26I."""
    return {**row, "mutations": f"{row['chain']}:{row['wt']}{row['number']}{row['icode']}{row['mutant']}"}


def best_first(rows: list[Row]) -> list[Row]:
    """The rows by their scores."""
    return sorted(rows, key=lambda row: -float(row.get("score") or 0.0))

"""The option --sequences: which sequences of a FASTA file a structure gets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.output import Row

if TYPE_CHECKING:
    from protein_enn.structure import Structure

Sequences = Annotated[
    Path | None,
    typer.Option(
        "--sequences",
        metavar="FASTA",
        exists=True,
        dir_okay=False,
        help="Sequences by the names of the structures (of one structure, by any names), chains joined by / or a "
        "record each, as NAME_A; or as `design --fasta`, ProteinMPNN and LigandMPNN write them.",
    ),
]


class SequenceFile:
    """What a FASTA file holds for structures; typer.BadParameter if it cannot be read.

    Parameters
    ----------
    path
        The file.
    alone
        Whether there is one structure, which all sequences are for.
    """

    def __init__(self, path: Path, alone: bool) -> None:
        from protein_enn.packing.sequences import read_sequences

        self.alone = alone
        try:
            self.sequences = read_sequences(path)
        except (ValueError, OSError) as error:
            raise typer.BadParameter(f"--sequences: {error}") from error

    def of(self, name: str, structure: Structure) -> dict[str, str]:
        """The sequences of a structure by label; ValueError where there is none."""
        from protein_enn.packing.sequences import of_structure

        chains = [structure.chain_ids[k] for k in structure.chains.unique().tolist()]
        return of_structure(self.sequences, name, self.alone, chains)


def with_labels(
    columns: Sequence[str], shown: Sequence[str], of_residues: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The columns of a table with several sequences for a structure: `label` after the name, `sequence` at the end."""
    difference = ("difference_to_input",) if "log_likelihood" in columns else ()
    before, after = columns[: columns.index("seed")], columns[columns.index("seed") :]
    at = shown.index("seconds")
    return (
        (columns[0], "label", *before[1:], *difference, "sequence", *after),
        (shown[0], "label", *shown[1:at], *difference, *shown[at:]),
        tuple(of_residues),
    )


def with_differences(rows: list[Row]) -> list[Row]:
    """The rows of one structure with their distance from that of its own sequence (of the same chain)."""
    from protein_enn.scoring.sequences import INPUT

    own = {row.get("chain"): row["log_likelihood"] for row in rows if row["label"] == INPUT and not row["error"]}
    for row in rows:
        value, base = row.get("log_likelihood"), own.get(row.get("chain"))
        row["difference_to_input"] = None if value is None or base is None else value - base
    return rows


def text_of(structure: Structure) -> str:
    """The sequence of a structure, its chains joined by /."""
    from protein_enn.scoring.designs import chain_sequences

    return "/".join(chain_sequences(structure, structure.residues).values())

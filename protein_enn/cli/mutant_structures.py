"""How `scan` writes the structures of mutants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from protein_enn.cli.batch import Row, overwrites
from protein_enn.cli.options import Reading
from protein_enn.cli.refinement import output_suffix
from protein_enn.io.batch import Item, explain, safe_name
from protein_enn.io.csv_text import printable

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor
    from protein_enn.structure import Structure
    from protein_enn.structure.substitutions import Substitution


@dataclass(frozen=True)
class MutantWriter:
    """Packs and writes mutants to a folder.

    Parameters
    ----------
    packer
        A predictor for packing.
    folder
        Where `NAME_A-H18A` goes.
    batch
        The inputs, which are not to be overwritten.
    reading
        How they were read.
    repack_within
        Å; see `packing.pack_mutants`.
    seed
        Of all draws.
    keep
        Whether a file of an earlier run stays, and is an error.
    """

    packer: Predictor
    folder: Path
    batch: Sequence[Item]
    reading: Reading
    repack_within: float | None
    seed: int
    keep: bool

    def write(self, item: Item, structure: Structure, rows: list[Row]) -> None:
        """Write the mutant of each row that has no error, and put into its `output` where.

        Where a mutant cannot be made, a named one has an error; one of a whole scan keeps its score, and standard error
        says why.
        """
        from protein_enn.structure.substitutions import Substitution, parse_mutant

        suffix = output_suffix(structure, self.reading, item.path)
        structure = replace(structure, source=None)  # mutants are files of their own
        for row in rows:
            if row.get("error"):
                continue
            named = None if "mutant" in row else row["mutations"]
            if named:
                mutant = parse_mutant(named, structure)
            else:
                mutant = (Substitution(row["chain"], row["wt"], f"{row['number']}{row['icode']}", row["mutant"]),)
            try:
                row["output"] = str(self._written(item, structure, mutant, suffix))
            except Exception as error:  # one mutant that cannot be made never stops the others
                if named:
                    row["error"] = explain(error)
                where = ",".join(map(str, mutant))
                typer.echo(printable(f"{item.name}, {where}: {explain(error)}"), err=True)

    def _written(self, item: Item, structure: Structure, mutant: tuple[Substitution, ...], suffix: str) -> Path:
        """Where the mutant was written."""
        from protein_enn.io import write_structure
        from protein_enn.packing.mutants import mutant_name, pack_mutants

        target = self.folder / f"{item.name}_{safe_name(mutant_name(mutant))}{suffix}"
        if replaced := overwrites(self.batch, [target]):
            raise ValueError(f"the input {replaced} would be overwritten; write to another folder")
        if self.keep and target.exists():
            raise ValueError(f"{target} is there from an earlier run; choose another folder or write over it (--force)")
        (packing,) = pack_mutants(
            structure, [mutant], repack_within=self.repack_within, seed=self.seed, predictor=self.packer
        )
        write_structure(packing.structure, target)
        return target

"""How `pack` writes packed structures, each with its records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from protein_enn.cli.batch import Row, overwrites
from protein_enn.cli.output import json_text, untimed
from protein_enn.io.batch import Item

if TYPE_CHECKING:
    from protein_enn.metrics import Stereochemistry
    from protein_enn.packing import Packing
    from protein_enn.predictor import Predictor
    from protein_enn.refinement import Refinement

STEPS = 1
"""Of the refinement of --idealize: clashes and wrong geometry go, side chains hardly leave the packed rotamers."""
LEFT = "atoms-not-rebuilt"
"""The finding about residues that lack atoms and could not be completed."""


@dataclass(frozen=True)
class PackedFiles:
    """How the structures of one packing are written."""

    item: Item
    packing: Packing
    refiner: Predictor | None
    output: Path
    suffix: str
    seconds: bool

    def name(self, number: int) -> str:
        """The name of a structure; several are `NAME_packing1`, `NAME_packing2`, ..."""
        return f"{self.item.name}_packing{number + 1}" if len(self.packing.structures) > 1 else self.item.name

    def check(self, batch: list[Item]) -> None:
        """ValueError if a file would replace an input."""
        names = [self.name(number) for number in range(len(self.packing.structures))]
        targets = [self.output / f"{name}{suffix}" for name in names for suffix in (self.suffix, ".packing.json")]
        if replaced := overwrites(batch, targets):
            raise ValueError(f"the input {replaced} would be overwritten; write to another folder")

    def write(self, number: int) -> tuple[Row, list[Row]]:
        """Write a structure and its records, all or none; its row, and those of its residues."""
        from protein_enn.io import write_structure
        from protein_enn.metrics import stereochemistry

        packing, name = self.packing, self.name(number)
        target, structure = self.output / f"{name}{self.suffix}", self.packing.structures[number]
        refinement = None if self.refiner is None else _idealized(packing, number, self.refiner)
        before = stereochemistry(structure) if refinement is None else refinement.geometry_before
        after = before if refinement is None else refinement.geometry_after
        residues = packing.rows(number)
        record = {
            "kind": "packing",
            **packing.record(),
            "name": name,
            "input": self.item.path,
            "output": target.name,
            "sample": number + 1,
            "idealized": None if refinement is None else f"{name}.refinement.json",
            "per_residue": residues,
            "geometry_packed": before.summary(),
            "geometry": after.summary(),
            "audit": structure.audit.to_dict(),
            "error": None,
        }
        files = {f"{name}.packing.json": record}
        if refinement is not None:
            moved = {**refinement.record(target.name), "name": name, "input": self.item.path}
            files[f"{name}.refinement.json"] = moved if self.seconds else untimed(moved)
        companions = {self.output / file: f"{json_text(value)}\n".encode() for file, value in files.items()}
        write_structure(structure if refinement is None else refinement.structure, target, companions=companions)
        row = _row(record, packing, number) | {"file": self.item.path, "output": str(target)}
        if refinement is not None:
            row |= {"clashes_packed": before.summary()["clashes"], "outliers_packed": _outliers(before)}
            row["moved"] = refinement.status.count("moved")
        row |= {"clashes": after.summary()["clashes"], "outliers": _outliers(after)}
        place = {key: row[key] for key in ("name", "file", "output", "sample")}
        return row, [{**place, **one} for one in residues]


def _idealized(packing: Packing, number: int, refiner: Predictor) -> Refinement:
    """A packed structure with its new side chains refined; all else stays."""
    import torch

    from protein_enn.refinement import refine

    structure = packing.structures[number]
    region = torch.zeros(len(structure), dtype=torch.bool)
    region[packing.packed] = True
    steps = STEPS if region.any() else 0
    return refine(structure, predictor=refiner, steps=steps, region=region, side_chains_only=True)


def _outliers(geometry: Stereochemistry) -> int | float:
    from protein_enn.metrics.outliers import total

    return total(geometry.summary())


def _row(record: Row, packing: Packing, number: int) -> Row:
    """One row of pack.csv; of what the model says, means over the packed residues."""

    def mean(name: str) -> float | None:
        values = [row[name] for row in record["per_residue"] if row[name] is not None]
        return fmean(values) if values else None

    return {
        "name": record["name"],
        "sample": number + 1,
        "residues": record["residues"],
        "packed": record["packed"],
        "skipped": len(record["skipped"]),
        "incomplete": sum(f.count or 0 for f in packing.structures[number].audit.findings if f.code == LEFT),
        "log_density": packing.samples[number].log_density if packing.samples else None,
        "probability": mean("probability"),
        "entropy": mean("entropy"),
        "predicted_error": mean("error"),
        "temperature": record["temperature"],
        "error": None,
    }

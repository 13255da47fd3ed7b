"""What every result of scoring has: the structure, which weights made it, the rows of a table, and a JSON record.

A kind of result is one class. It states its `kind`, the `layout` of a row (which columns, in which order), the meaning
of the `columns` that no other kind has, and in `metrics` their values. All else is here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring.column import HIGHER, LOWER, NATS, PROVENANCE, Column
from protein_enn.scoring.property_columns import PROPERTIES
from protein_enn.structure import Structure
from protein_enn.structure.audit import Audit

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "COLUMNS", "COUNTS", "HIGHER", "LOWER", "NATS", "ORIGIN", "PROVENANCE", "SOURCE", "Column", "Provenance", "Result",
    "SequenceScore", "number", "residue_names", "standard_error",
]  # fmt: skip

COLUMNS: dict[str, Column] = {
    # what was scored
    "name": Column(None, None, "name of the structure: its file's, made unique in the batch"),
    "file": Column(None, None, "path of the structure's file as it was given; - is standard input"),
    "chain": Column(None, None, "author chain id"),
    "residues": Column("residues", None, "protein residues in the structure"),
    "designed": Column("residues", None, "residues whose sequence is scored, or was sampled; the others are given"),
    "scored": Column("residues", None, "of them, those that count: known amino acid with N, CA and C"),
    # how
    "mode": Column(None, None, "what a residue sees: conditional, single or unconditional"),
    "groups": Column(None, None, "sides of the interface, A,B|C; empty where a mutation's score is not of binding"),
    "orders": Column("decoding orders", None, "decoding orders averaged; 1 where the mode has none"),
    "seed": Column(None, None, "seed of every random choice"),
    "weights": Column(None, None, "name of the weights"),
    "weights_sha256": Column(None, None, "sha256 of the weights' file"),
    "condition": Column(None, None, "which of their teachers the weights answered like; empty where they have none"),
    "precision": Column(None, None, "of matrix products: float32 or bfloat16"),
    # what was found
    "log_likelihood": Column(
        NATS, HIGHER, "mean natural-log probability of scored (or sampled) residues; over models too"
    ),
    "recovery": Column(None, HIGHER, "fraction of scored residues that are the most probable (sampled: unchanged) one"),
    "id": Column(None, None, "author chain, number and insertion code: A:52B"),
    "residue": Column(None, None, "amino acid in the structure, three letters"),
    # of several sequences on one backbone
    "label": Column(None, None, "input is the sequence of the structure, other labels are those of the FASTA file"),
    "difference_to_input": Column(
        NATS, None, "log_likelihood minus that of the structure's own sequence, in the same decoding orders"
    ),
    # of a ranking and of an evaluation
    "rank": Column(None, LOWER, "place by log_likelihood, 1 is the best; empty where there is no score"),
    "difference_to_next": Column(NATS, None, "log_likelihood minus that of the next in rank"),
    "separated": Column(
        None, None, "whether difference_to_next exceeds twice difference_error; empty where that is not known"
    ),
    "same_sequence_as": Column(None, None, "name of the best design that has the same chains, where it is another"),
    "identity": Column(None, None, "fraction of residues with the amino acid of the reference"),
    "target": Column(None, None, "name of the structure whose backbone it was designed for, or that is first with it"),
    "reference_sequence": Column(
        None, None, "sequence that it is compared with, chains separated by /: of --reference, else of its target"
    ),
    "target_rank": Column(None, LOWER, "place among the designs of the same target, 1 is the best"),
    "confidence_after": Column(None, HIGHER, "predicted lDDT after refinement, mean over residues, 0 to 1"),
    "outliers_after": Column(
        None, LOWER, "outliers after: bonds, angles, planes, Ramachandran, rotamers, omega, chirality"
    ),
    "set": Column(None, None, "data sets that hold the protein, joined by |"),
    "recovery_decoded": Column(None, HIGHER, "fraction of residues that decoding at temperature 0 gives back"),
    "perplexity_unconditional": Column(None, LOWER, "perplexity of each residue given the backbone alone"),
    "recovery_unconditional": Column(None, HIGHER, "recovery of each residue given the backbone alone"),
    # of written structures
    "output": Column(None, None, "path of the structure that was written, empty where none was"),
    "packing_weights": Column(None, None, "name of the weights that packed its side chains, empty where none did"),
    "packing_weights_sha256": Column(None, None, "sha256 of their file"),
    **PROPERTIES,
    # of the run and of the input
    "seconds": Column("s", None, "time taken on the machine at hand, reading not included"),
    "audit_severity": Column(None, LOWER, "worst finding about the input: note, warning or error; empty without any"),
    "audit_findings": Column(None, LOWER, "codes of the audit's findings"),
    "stage": Column(None, None, "stage that failed, empty where none did"),
    "error": Column(None, None, "why there is no result, empty where there is one"),
}
"""What all kinds of results have; each kind adds its own columns. `scoring.columns` holds them all."""

SOURCE = ("name", "file")
COUNTS = ("residues", "designed", "scored")
ORIGIN = (*PROVENANCE, "seconds", "audit_severity", "audit_findings", "error")
"""How a row ends: which weights made it, in what time, and the audit of the input."""


@dataclass(frozen=True)
class Provenance:
    """Which weights made a result, and how."""

    weights: str
    sha256: str  # of the weights' file
    condition: str | None  # which of their teachers they answered like; None where they have none
    precision: str = "float32"  # of matrix products

    @staticmethod
    def of(predictor: Predictor) -> Provenance:
        """That of all results of this predictor."""
        return Provenance(predictor.name, predictor.sha256, predictor.condition, predictor.precision)

    def row(self) -> dict[str, str | None]:
        """Its columns of a table."""
        return dict(zip(PROVENANCE, (self.weights, self.sha256, self.condition, self.precision), strict=True))


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Result(ABC):
    """What was found for one structure.

    A class for a new kind is all there is to write: its columns are explained in every table that it fills.
    ValueError when a class gives a column another meaning than it has elsewhere.
    """

    kind: ClassVar[str]
    """How its JSON record is named."""
    layout: ClassVar[tuple[str, ...]]
    """The columns of `row`, in their order."""
    columns: ClassVar[Mapping[str, Column]] = {}
    """The meaning of columns that no other kind has: of rows, and of residues in the record."""

    structure: Structure
    provenance: Provenance
    seconds: float  # taken by the call that made it

    def __init_subclass__(cls) -> None:
        for name, column in cls.columns.items():
            if COLUMNS.setdefault(name, column) != column:
                raise ValueError(f"{cls.__name__}: the column {name!r} has another meaning elsewhere: rename it")

    def __repr__(self) -> str:
        numbers = [f"{name}={value:.4g}" for name, value in self.metrics().items() if isinstance(value, int | float)]
        return f"{type(self).__name__}({', '.join([repr(self.structure.name), f'weights={self.weights!r}', *numbers])})"

    @abstractmethod
    def metrics(self) -> dict[str, Any]:
        """Values of the columns of this kind, for `row`."""

    def details(self) -> dict[str, Any]:
        """What the record holds beyond the row and the audit, ready for JSON."""
        return {}

    @property
    def weights(self) -> str:
        """Name of the weights."""
        return self.provenance.weights

    @property
    def sha256(self) -> str:
        """sha256 of the weights' file."""
        return self.provenance.sha256

    @property
    def condition(self) -> str | None:
        """Which of their teachers the weights answered like; None where they have none."""
        return self.provenance.condition

    @property
    def audit(self) -> Audit:
        """The findings about the input."""
        return self.structure.audit

    def row(self) -> dict[str, Any]:
        """The result as a whole in one row of a table; None where a number is undefined."""
        values = {**self._shared(), **self.metrics()}
        return {name: number(values[name]) for name in self.layout}

    def rows(self) -> list[dict[str, Any]]:
        """The rows of a table of such results: `row` alone, where a result is not of many things."""
        return [self.row()]

    def to_csv(self, path: str | Path) -> None:
        """Write `rows` to a CSV file; `scoring.to_csv` takes many results."""
        from protein_enn.scoring.tabular import to_csv

        to_csv(self, path)

    def to_dataframe(self) -> DataFrame:
        """`rows` as a data frame, which needs pandas; `scoring.to_dataframe` takes many results."""
        from protein_enn.scoring.tabular import to_dataframe

        return to_dataframe(self)

    def record(self) -> dict[str, Any]:
        """All that was found, ready for JSON: `row`, the weights, the audit of the input and the details."""
        whole = {**self.row(), **self.provenance.row()}
        return {"kind": self.kind, **whole, "audit": self.audit.to_dict(), **self.details()}

    def _shared(self) -> dict[str, Any]:
        """Values of the columns that every kind has."""
        return {
            "name": self.structure.name,
            "file": "" if self.structure.source is None else self.structure.source.path,
            "residues": len(self.structure),
            **self.provenance.row(),
            "seconds": self.seconds,
            **self.audit.summary(),
            "error": None,
        }


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SequenceScore(Result):
    """A score of the sequence that the structure has, residue by residue, under decoding orders."""

    mode: str
    seed: int
    designed: Bool[Tensor, "n"]  # residues whose sequence is scored; the others are given

    @property
    @abstractmethod
    def orders(self) -> int:
        """Decoding orders averaged."""

    @property
    @abstractmethod
    def scored(self) -> Bool[Tensor, "n"]:
        """Which residues count."""

    @abstractmethod
    def residue_metrics(self) -> dict[str, Tensor | list[Any]]:
        """What was found for each of the n residues, column by column; nan where not scored."""

    def per_residue(self) -> dict[str, list[Any]]:
        """`residue_metrics` with the ids of the residues, ready for JSON; None where not scored."""
        columns = {name: v.tolist() if isinstance(v, Tensor) else v for name, v in self.residue_metrics().items()}
        return {**residue_names(self.structure), **{name: [number(v) for v in vs] for name, vs in columns.items()}}

    def details(self) -> dict[str, Any]:
        """What was found for each residue."""
        return {"per_residue": self.per_residue()}

    def _shared(self) -> dict[str, Any]:
        counts = {"designed": int(self.designed.sum()), "scored": int(self.scored.sum())}
        return {**super()._shared(), **counts, "mode": self.mode, "orders": self.orders, "seed": self.seed}


def residue_names(structure: Structure) -> dict[str, list[str]]:
    """Id and amino acid of each residue."""
    return {
        "id": [structure.residue_id(i) for i in range(len(structure))],
        "residue": [chemistry.RESIDUES[i] for i in structure.residues.tolist()],
    }


def number(value: Any) -> Any:
    """The value for a table or JSON: None in place of a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def standard_error(means: Float[Tensor, "o"]) -> float:
    """Standard error of the mean over decoding orders; nan with fewer than two pairs of orders.

    An order and its reverse are one independent draw.
    """
    draws = torch.stack([pair.mean() for pair in means.split(2)])
    return float(draws.std() / math.sqrt(len(draws))) if len(draws) > 1 else math.nan

"""`score --log-probs`: the probabilities of all 20 amino acids at every residue, as a table or as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from protein_enn.cli.output import Row, write_description, write_rows, writing

if TYPE_CHECKING:
    from torch import Tensor

    from protein_enn.scoring import DesignScore

LOG_PROBS_COLUMNS = (
    "name", "file", "label", "id", "residue", "log_likelihood", *(f"log_prob_{a}" for a in "ACDEFGHIKLMNPQRSTVWY"),
)  # fmt: skip


def check_log_probs(path: Path | None, interface: str | None) -> None:
    """typer.BadParameter for a file of another kind, or where there are no log-probabilities."""
    if path is not None and path.suffix not in (".npz", ".csv"):
        raise typer.BadParameter(f"--log-probs {path}: give a file that ends in .npz or .csv")
    if path is not None and interface is not None:
        raise typer.BadParameter("--log-probs is for single structures: leave out --interface")


class LogProbs:
    """Log-probabilities of the residues of all structures, in nats, one after the other."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.values: list[Tensor] = []

    def add(self, where: Row, score: DesignScore) -> None:
        """Those of one structure; `where` names it."""
        residues = score.per_residue()
        for i in range(len(score.log_probs)):
            self.rows.append({**where, **{name: residues[name][i] for name in ("id", "residue", "log_likelihood")}})
        self.values.append(score.log_probs)

    def write(self, path: Path, run: Row) -> None:
        """Write a row for each residue: a table with a column for each amino acid, or arrays with an axis for them."""
        import torch

        from protein_enn import chemistry
        from protein_enn.io.arrays import write_arrays

        values = torch.cat(self.values) if self.values else torch.zeros(0, len(chemistry.AMINO_ACIDS))
        if path.suffix == ".csv":
            names = [f"log_prob_{letter}" for letter in chemistry.AMINO_ACIDS]
            rows = [
                {**row, **dict(zip(names, own, strict=True))}
                for row, own in zip(self.rows, values.tolist(), strict=True)
            ]
            write_rows(path, rows, LOG_PROBS_COLUMNS, run)
            return
        texts = {key: [str(row.get(key) or "") for row in self.rows] for key in ("name", "label", "id", "residue")}
        with writing(path):
            write_arrays(path, {**texts, "log_probs": values, "amino_acids": list(chemistry.AMINO_ACIDS)})
        write_description(path, tuple(texts), {**run, "axes": "log_probs: residues, amino_acids"})

"""What a refinement gives back: the structure, and for each residue what was done and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import backbone_torsions
from protein_enn.io import write_structure
from protein_enn.metrics import Stereochemistry
from protein_enn.metrics.outliers import by_group
from protein_enn.refinement.coordinates import ca_trace, packed
from protein_enn.structure import Structure

STATUS = ("moved", "kept", "reverted")
"""Moved (wholly or in part), not to be moved, or moved back because it would have brought an outlier."""


@dataclass(frozen=True, eq=False)
class Refinement:
    """A refined structure and its input; n residues.

    Confidence is the predicted all-heavy-atom lDDT, 0..1; error the predicted mean error (Å) of the atoms around a
    residue in its frame. Both are what the network says of the input and of the result as it is given; nan where it
    cannot say: no CA.
    """

    structure: Structure
    input: Structure
    status: tuple[str, ...]  # one of STATUS per residue
    reason: tuple[str, ...]
    displacement: Float[Tensor, "n"]  # root mean square over the residue's heavy atoms, Å
    confidence_before: Float[Tensor, "n"]
    confidence_after: Float[Tensor, "n"]
    error_before: Float[Tensor, "n"]
    error_after: Float[Tensor, "n"]
    geometry_before: Stereochemistry  # of the input, with the atoms that were rebuilt
    geometry_after: Stereochemistry
    rebuilt: tuple[str, ...]  # residues that got missing side-chain atoms
    symmetry: str  # "C3", "" where none was asked for
    notes: tuple[str, ...]  # what it took to make copies alike, a predicted lDDT that fell
    symmetry_deviation: float | None  # Å, of the result from its operators
    candidates: tuple[float, ...]  # mean predicted lDDT of each
    weights: str
    sha256: str
    version: str
    seed: int
    steps: int  # that there was time for
    seconds: float
    controls: dict[str, Any]  # what was asked: `RefineOptions.to_dict`
    packing_weights: str = ""  # that chose the rebuilt side chains; "" where nothing was rebuilt
    packing_sha256: str = ""
    confidence_weights: str = ""  # that predicted lDDT and error; "" where the refinement network did
    confidence_sha256: str = ""

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.status.count(status)} {status}" for status in STATUS)
        before, after = float(self.confidence_before.nanmean()), float(self.confidence_after.nanmean())
        sizes = f"{len(self.input)} residues: {counts}"
        return f"Refinement({self.input.name!r}, {sizes}; predicted lDDT {before:.3f} -> {after:.3f})"

    def record(self, output: str | Path | None = None) -> dict[str, Any]:
        """Everything for JSON: what was asked, and what was done to each residue, CA traces and heavy atoms.

        Parameters
        ----------
        output
            Where the structure was written, if it was.

        Returns
        -------
        dict
            Undefined numbers are None. A record is all that a report is drawn from.
        """
        source = self.input.source
        return {
            "kind": "refinement",
            "name": self.input.name,
            "input": "" if source is None else source.path,
            "output": None if output is None else str(output),
            "error": None,
            "weights": {"name": self.weights, "sha256": self.sha256},
            "packing_weights": {"name": self.packing_weights, "sha256": self.packing_sha256} if self.rebuilt else None,
            "confidence_weights": self._confidence_weights(),
            "version": self.version,
            "seed": self.seed,
            "steps": self.steps,
            "residues": len(self.input),
            "seconds": self.seconds,
            "rebuilt": list(self.rebuilt),
            "symmetry": self.symmetry,
            "notes": list(self.notes),
            "symmetry_deviation": self.symmetry_deviation,
            "candidates": list(self.candidates),
            "audit": self.structure.audit.to_dict(),
            "per_residue": self._per_residue(),
            "geometry_before": self.geometry_before.summary(),
            "geometry_after": self.geometry_after.summary(),
            "trace": {"before": ca_trace(self.input), "after": ca_trace(self.structure)},
            "atoms": packed(self.input, self.structure),
            "controls": self.controls,
        }

    def _per_residue(self) -> dict[str, list[Any]]:
        phi_before, psi_before = _phi_psi(self.input)
        phi_after, psi_after = _phi_psi(self.structure)
        return {
            "id": [self.input.residue_id(i) for i in range(len(self.input))],
            "residue": [chemistry.RESIDUES[i] for i in self.input.residues.tolist()],
            "status": list(self.status),
            "reason": list(self.reason),
            "displacement": _numbers(self.displacement),
            "confidence_before": _numbers(self.confidence_before),
            "confidence_after": _numbers(self.confidence_after),
            "error_before": _numbers(self.error_before),
            "error_after": _numbers(self.error_after),
            "phi_before": _numbers(phi_before),
            "psi_before": _numbers(psi_before),
            "phi_after": _numbers(phi_after),
            "psi_after": _numbers(psi_after),
            "outliers_before": _outlier_kinds(self.geometry_before),
            "outliers_after": _outlier_kinds(self.geometry_after),
        }

    def _confidence_weights(self) -> dict[str, str] | None:
        """Those of the predicted lDDT, for the record; None where they are the refinement network's."""
        named = {"name": self.confidence_weights, "sha256": self.confidence_sha256}
        return named if self.confidence_sha256 else None

    def write(
        self, path: str | Path, *, confidence_in_b: bool = False, companions: Mapping[Path, bytes] | None = None
    ) -> None:
        """Write the refined structure.

        Parameters
        ----------
        path
            The suffix says the format: PDB, mmCIF or BinaryCIF, and with .gz compressed.
        confidence_in_b
            Whether 100 x `confidence_after` goes where B factors are.
        companions
            Contents of further files. All files are written, or none.
        """
        b_factors = (100 * self.confidence_after).nan_to_num(0.0) if confidence_in_b else None
        write_structure(self.structure, path, b_factors=b_factors, companions=companions)


def displacement_of(structure: Structure, positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "n"]:
    """Root mean square displacement of each residue's heavy atoms, Å."""
    square = (positions - structure.positions).square().sum(-1) * structure.present
    return (square.sum(-1) / structure.present.sum(-1).clamp_min(1)).sqrt()


def _outlier_kinds(geometry: Stereochemistry) -> list[str]:
    """What is wrong with each residue, "clash bond"; "" where nothing is."""
    names = [kind.name for kind in by_group()]
    flags = torch.stack([geometry.masks[name] for name in names], 1).tolist()
    return [" ".join(name for name, flag in zip(names, row, strict=True) if flag) for row in flags]


def _phi_psi(structure: Structure) -> tuple[Tensor, Tensor]:
    """phi and psi of every residue, degrees."""
    angles = torch.rad2deg(backbone_torsions(structure))
    return angles[:, 0], angles[:, 1]


def _numbers(values: Tensor) -> list[float | None]:
    return [round(v, 4) if math.isfinite(v) else None for v in values.tolist()]

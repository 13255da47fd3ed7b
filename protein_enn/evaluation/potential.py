"""How well a potential reproduces the energies and forces of the method that it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from protein_enn.data.frame_format import SPLITS
from protein_enn.data.frames import Frame, FrameStore
from protein_enn.evaluation.markdown import format_number, markdown_table
from protein_enn.evaluation.provenance import provenance, subset
from protein_enn.graph import batch
from protein_enn.models.potential import PotentialModel
from protein_enn.predictor import Predictor
from protein_enn.training.tasks.potential import KCAL_PER_EV

TESTED = ("val", "test", "residues")
"""The splits that are not trained on."""
TOGETHER = 32
"""Frames that are computed at once."""


@dataclass(frozen=True)
class FrameError:
    """Predicted minus true, for one frame."""

    molecule: str
    residues: tuple[str, ...]
    atoms: int
    energy: float  # eV
    force_absolute: float  # eV/Å, the sum over components
    force_square: float  # (eV/Å)^2, the sum over components


@dataclass(frozen=True)
class PotentialEvaluation:
    """The errors of all frames, by split."""

    facts: Mapping[str, Any]
    errors: Mapping[str, Sequence[FrameError]]

    def metrics(self) -> dict[str, Any]:
        """Flat: METRIC_SPLIT (`summary`), and METRIC_SPLIT_RESIDUE of the molecules that have a residue of the type."""
        result = dict(self.facts)
        for split, errors in self.errors.items():
            result |= {f"{key}_{split}": value for key, value in summary(errors).items()}
            for residue, chosen in by_residue(errors).items():
                result |= {f"{key}_{split}_{residue}": value for key, value in summary(chosen).items()}
        return result

    def markdown(self) -> str:
        """A table of the splits, and for each of them one of its residue types."""
        tables = [_table("split", self.errors)]
        tables += [_table(f"{split}: with", by_residue(errors)) for split, errors in self.errors.items() if errors]
        return "\n\n".join([f"{', '.join(f'{key} {value}' for key, value in self.facts.items())}.", *tables])


COLUMNS = (
    ("frames", "frames", ",d"),
    ("force_mae", "force MAE (eV/Å)", ".4f"),
    ("force_rmse", "force RMSE (eV/Å)", ".4f"),
    ("force_mae_kcal", "force MAE (kcal/mol/Å)", ".2f"),
    ("energy_mae", "energy MAE (eV)", ".4f"),
    ("energy_mae_atom", "per atom (eV)", ".5f"),
    ("energy_mae_relative", "within a molecule (eV)", ".4f"),
)
"""Metric, heading and format."""


def evaluate_potential(
    data: str | Path,
    predictor: Predictor,
    splits: Iterable[str] = TESTED,
    *,
    limit: int | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, line: None,
) -> PotentialEvaluation:
    """Errors of energies and forces on frames.

    Parameters
    ----------
    data
        Folder of frames, that `protein-enn frames` made.
    predictor
        One for a potential.
    splits
        Some of train, val, test and residues.
    limit
        Take only so many frames of each split, spread evenly.
    progress
        Called with how many frames are done, their number, and the split.

    Raises
    ------
    ValueError
        The predictor is of another task, the folder is no store of frames, a split is unknown, or none has a frame.
    """
    model, splits = predictor.model, tuple(splits)
    if not isinstance(model, PotentialModel):
        raise ValueError(f"weights {predictor.name!r} are for {predictor.task}; frames need potential weights")
    store = FrameStore(data)
    chosen = {split: subset(store.split(split).tolist(), limit) for split in splits}
    total, done = sum(map(len, chosen.values())), 0
    if not total:
        raise ValueError(f"{data}: no frames in {', '.join(splits)}; there are the splits {', '.join(SPLITS)}")
    errors: dict[str, list[FrameError]] = {split: [] for split in splits}
    for split, rows in chosen.items():
        for start in range(0, len(rows), TOGETHER):
            frames = [store[i] for i in rows[start : start + TOGETHER]]
            errors[split] += frame_errors(model, store, frames, predictor.device)
            done += len(frames)
            progress(done, total, split)
    facts = {**provenance(predictor, Path(data), ",".join(splits)), "manifest_sha256": store.sha256}
    return PotentialEvaluation(facts, errors)


def frame_errors(
    model: PotentialModel, store: FrameStore, frames: Sequence[Frame], device: torch.device
) -> list[FrameError]:
    """The errors of some frames, computed as one batch."""
    graph = batch([model.graph(f.elements, f.positions, f.charge) for f in frames]).to(device)
    prediction = model(graph)
    energies = (prediction.energy + model.reference(graph)).tolist()
    sizes = [len(frame.elements) for frame in frames]
    result = []
    for frame, energy, forces in zip(frames, energies, prediction.forces.cpu().split(sizes), strict=True):
        molecule, away = store.molecules[frame.molecule], (forces - frame.forces).double()
        absolute, square = float(away.abs().sum()), float(away.square().sum())
        residues = tuple(dict.fromkeys(molecule.residues))
        result.append(FrameError(molecule.name, residues, len(away), energy - frame.energy, absolute, square))
    return result


def by_residue(errors: Sequence[FrameError]) -> dict[str, list[FrameError]]:
    """The frames of molecules with each residue type; a dipeptide counts for both of its residues."""
    types = sorted({residue for error in errors for residue in error.residues})
    return {residue: [error for error in errors if residue in error.residues] for residue in types}


def summary(errors: Sequence[FrameError]) -> dict[str, float | int | None]:
    """Mean errors of some frames; None where there is no frame.

    `force_mae`, `force_mae_kcal` and `force_rmse` are of components of forces, `energy_mae` is of molecules,
    `energy_mae_atom` of that divided by the number of atoms, and `energy_mae_relative` of energies from which the mean
    error of the molecule is taken: of differences between conformations.
    """
    if not errors:
        return {"frames": 0, **{key: None for key, _, _ in COLUMNS[1:]}}
    energy = torch.tensor([e.energy for e in errors], dtype=torch.float64)
    atoms = torch.tensor([e.atoms for e in errors], dtype=torch.float64)
    components = 3 * float(atoms.sum())
    names = {name: i for i, name in enumerate(dict.fromkeys(e.molecule for e in errors))}
    molecule = torch.tensor([names[e.molecule] for e in errors])
    mean = energy.new_zeros(len(names)).index_add(0, molecule, energy) / molecule.bincount()
    force_mae = sum(e.force_absolute for e in errors) / components
    return {
        "frames": len(errors),
        "force_mae": force_mae,
        "force_rmse": (sum(e.force_square for e in errors) / components) ** 0.5,
        "force_mae_kcal": force_mae * KCAL_PER_EV,
        "energy_mae": float(energy.abs().mean()),
        "energy_mae_atom": float((energy.abs() / atoms).mean()),
        "energy_mae_relative": float((energy - mean[molecule]).abs().mean()),
    }


def _table(heading: str, groups: Mapping[str, Sequence[FrameError]]) -> str:
    rows = []
    for name, errors in groups.items():
        values = summary(errors)
        rows.append([f"`{name}`", *[format_number(values[key], form) for key, _, form in COLUMNS]])
    return markdown_table([heading, *[head for _, head, _ in COLUMNS]], rows)

"""What a program that predicted a model says of it: pLDDT, pTM, ipTM and PAE, from files beside the model.

AlphaFold (2.3, 3, its server and its database), ColabFold, Boltz and Chai write them as JSON or npz, each under names
of its own.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

SUFFIXES = re.compile(r"\.(gz|pdb|ent|cif|mmcif|bcif|pdbx)$", re.IGNORECASE)
PLACES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"(.*)_(?:un)?relaxed_(.*)", (r"\1_scores_\2.json",)),  # ColabFold
    (r"(AF-.*)-model_(v\d+)", (r"\1-predicted_aligned_error_\2.json", r"\1-confidence_\2.json")),  # database
    (r"(?:un)?relaxed_(model_.*)", (r"confidence_\1.json", r"pae_\1.json")),  # AlphaFold 2.3
    (r"(.*)_model_(\d+)", (r"\1_summary_confidences_\2.json", r"\1_full_data_\2.json")),  # AlphaFold server
    (r"(.*)_model", (r"\1_summary_confidences.json", r"\1_confidences.json")),  # AlphaFold 3
    (r"(.*)", (r"confidence_\1.json", r"pae_\1.npz", r"plddt_\1.npz")),  # Boltz
    (r"(?:pred\.)?(model_idx_\d+)", (r"scores.\1.npz",)),  # Chai
)
"""By the name of a model, the names of the files that may be beside it."""
PLDDT = ("plddt", "atom_plddts", "confidenceScore", "complex_plddt")
PAE = ("pae", "predicted_aligned_error")


@dataclass(frozen=True, eq=False)
class Confidence:
    """Each value is None where no file has it."""

    plddt: float | None = None  # mean, 0 to 100
    ptm: float | None = None
    iptm: float | None = None
    pae: Float[Tensor, "t t"] | None = None  # Å, by residue, or by token where there are ligands
    files: tuple[str, ...] = ()

    def across(self, sides: Sequence[int]) -> float | None:
        """Mean PAE (Å) over pairs of residues of different sides; None without PAE or without such a pair.

        Parameters
        ----------
        sides
            The side of each residue; residues of negative ones are left out.
        """
        side = torch.tensor(sides)
        pairs = (side[:, None] != side[None]) & (side >= 0)[:, None] & (side >= 0)[None]
        return None if self.pae is None or not pairs.any() else float(self.pae[pairs].double().mean())


def confidence_of(path: str | Path) -> Confidence:
    """What the files beside a model say.

    Parameters
    ----------
    path
        The file of the model.

    Returns
    -------
    Confidence
        With the names of the files that were read.

    Raises
    ------
    ValueError
        A file of such a name cannot be read.
    """
    found = Confidence()
    for file in _beside(Path(path)):
        values = _values(file)
        found = Confidence(
            plddt=_first(found.plddt, _plddt(values)),
            ptm=_first(found.ptm, _number(values.get("ptm"))),
            iptm=_first(found.iptm, _number(values.get("iptm"))),
            pae=found.pae if found.pae is not None else _pae(values),
            files=(*found.files, file.name),
        )
    return found if found.ptm is None or 0 <= found.ptm <= 1 else replace(found, ptm=None)


def _beside(path: Path) -> Iterator[Path]:
    """Files with predictions of the program for a model."""
    stem = path.name
    while (cut := SUFFIXES.sub("", stem)) != stem:
        stem = cut
    for pattern, names in PLACES:
        if match := re.fullmatch(pattern, stem):
            for name in names:
                if (file := path.with_name(match.expand(name))).is_file():
                    yield file


def _values(file: Path) -> Mapping[str, Any]:
    """The values of a file by name; ValueError if it cannot be read."""
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file}: no {file.suffix[1:]} file of predicted errors: {error}") from None
    values = values[0] if isinstance(values, list) and values else values
    return values if isinstance(values, dict) else {}


def _plddt(values: Mapping[str, Any]) -> float | None:
    """The mean, 0 to 100: some programs write it from 0 to 1."""
    value = next((values[name] for name in PLDDT if name in values), None)
    if value is None or not np.size(value):
        return None
    array = np.asarray(value, dtype=float)
    return float(array.mean()) * (100.0 if array.max() <= 1 else 1.0)


def _pae(values: Mapping[str, Any]) -> Float[Tensor, "t t"] | None:
    value = next((values[name] for name in PAE if name in values), None)
    array = None if value is None else np.squeeze(np.asarray(value, dtype=np.float32))
    return None if array is None or array.ndim != 2 or len(set(array.shape)) != 1 else torch.from_numpy(array)


def _number(value: Any) -> float | None:
    """A single finite number; AlphaFold 3 writes null where there is one chain."""
    if value is None or np.size(value) != 1:
        return None
    number = float(np.asarray(value).reshape(-1)[0])
    return number if np.isfinite(number) else None


def _first(old: float | None, new: float | None) -> float | None:
    return new if old is None else old

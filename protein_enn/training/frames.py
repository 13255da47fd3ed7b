"""Frames as training takes them: records for batches of equal size, and what is fitted before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from protein_enn.data.frame_format import SPLITS
from protein_enn.data.frames import Frame, FrameStore
from protein_enn.data.store import Record
from protein_enn.graph.molecule_graph import NUMBERS
from protein_enn.models.potential import PotentialModel


class TrainingFrames:
    """A store of frames with what training asks of a store; each frame is a cluster of its own.

    Parameters
    ----------
    path
        Folder that `protein-enn frames` made.

    Raises
    ------
    ValueError
        The folder is no store of frames, or it is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.store = FrameStore(path)
        self.sha256 = self.store.sha256
        self.provenance: dict[str, Any] = {"method": self.store.method, "program": self.store.program}
        splits = {i: name for name in SPLITS for i in self.store.split(name).tolist()}
        molecules = self.store.molecules
        self.records = [
            Record(molecules[m].name, len(molecules[m].elements), str(i), splits[i], "native")
            for i, m in enumerate(self.store.molecule_of.tolist())
        ]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, i: int) -> Frame:
        return self.store[i]


def fit_references(model: PotentialModel, store: FrameStore, rows: Sequence[int]) -> None:
    """Sets the energies of the elements, by least squares, and the scale, the root mean square of force components.

    Parameters
    ----------
    model
        Whose buffers are set.
    store
        Of the frames.
    rows
        Frames that the model is trained on.
    """
    counts = torch.stack(
        [
            torch.tensor([molecule.elements.count(number) for number in NUMBERS], dtype=torch.float64)
            for molecule in store.molecules
        ]
    )
    chosen = torch.as_tensor(rows)
    composition, energies = counts[store.molecule_of[chosen]], store.energies[chosen]
    # The normal equations are as small as the number of elements; eigenvalues that vanish are left out.
    references = torch.linalg.pinv(composition.T @ composition, hermitian=True) @ (composition.T @ energies)
    square = sum(float(store[i].forces.double().square().sum()) for i in rows)
    components = 3 * int(composition.sum())
    model.references.copy_(references)
    model.scale.fill_(max((square / components) ** 0.5, 1e-3))

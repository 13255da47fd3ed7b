"""One training example before any task has looked at it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.compact import to_compact
from protein_enn.structure import Structure


@dataclass(frozen=True, eq=False)
class Chain:
    """n residues, all with a CA, in the compact layout (`geometry.compact`), about their centre.

    `model` is a predicted structure of the same residues in its own frame, where there is one.
    """

    name: str
    compact: Float[Tensor, "n 14 3"]  # Å
    mask: Bool[Tensor, "n 14"]
    residues: Int[Tensor, "n"]
    chains: Int[Tensor, "n"]
    numbers: Int[Tensor, "n"]
    model: Float[Tensor, "n 14 3"] | None = None
    model_mask: Bool[Tensor, "n 14"] | None = None

    def __len__(self) -> int:
        return len(self.residues)

    @staticmethod
    def of(structure: Structure, model: Structure | None = None) -> Chain:
        """The residues with a CA of a structure (of both, if a model with the same residues is given).

        Atoms of zero occupancy were placed, not observed: nothing is learned from them. ValueError if none is left.
        """
        structure = replace(structure, present=observed(structure))
        rows = structure.present[:, chemistry.CA]
        if model is not None:
            rows = rows & model.present[:, chemistry.CA]
        if not rows.any():
            raise ValueError(f"{structure.name}: no residue with a CA atom")

        def atoms(source: Structure) -> tuple[Tensor, Tensor]:
            compact, mask = to_compact(source.positions[rows], source.present[rows], structure.residues[rows])
            return (compact - compact[:, 1].mean(0)) * mask[..., None], mask

        native = atoms(structure)
        second = (None, None) if model is None else atoms(model)
        return Chain(
            structure.name, *native, structure.residues[rows], structure.chains[rows], structure.numbers[rows], *second
        )

    def cropped(self, size: int, generator: torch.Generator) -> Chain:
        """At most `size` residues: those nearest to a random one, in chain order."""
        if len(self) <= size:
            return self
        center = int(torch.randint(len(self), (), generator=generator))
        distance = (self.compact[:, 1] - self.compact[center, 1]).norm(dim=-1)
        index = distance.topk(size, largest=False).indices.sort().values
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}
        chosen: dict[str, Any] = {k: v[index] for k, v in tensors.items() if v is not None}
        return replace(self, **chosen)


def observed(structure: Structure) -> Bool[Tensor, "n 37"]:
    """Atoms of positive occupancy; all atoms where every occupancy is zero, which then says nothing."""
    seen = structure.present & (structure.occupancies > 0)
    return seen if seen.any() else structure.present

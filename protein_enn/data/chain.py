"""One training example, before a task makes a graph and a target of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.graph.context import Context
from protein_enn.structure import Structure

CONTEXT_OF_CROP = 10.0
"""Å from a backbone atom within which a crop keeps context atoms."""


@dataclass(frozen=True, eq=False)
class Chain:
    """n residues, all with a CA, in atom14 layout (`geometry.atom14`), about the center of a chain.

    Its `own` residues come first; the model is trained on them. After them come residues of other protein chains near
    it. `context` are heavy atoms near it that belong to no residue (`graph.context`). `model` is a predicted structure
    of the same residues in its own frame, where there is one.
    """

    name: str
    atom14: Float[Tensor, "n 14 3"]  # Å
    mask: Bool[Tensor, "n 14"]
    residues: Int[Tensor, "n"]
    chains: Int[Tensor, "n"]
    numbers: Int[Tensor, "n"]
    own: Bool[Tensor, "n"]
    model: Float[Tensor, "n 14 3"] | None = None
    model_mask: Bool[Tensor, "n 14"] | None = None
    context: Float[Tensor, "m 3"] = field(default_factory=lambda: torch.zeros(0, 3))  # Å
    context_kinds: Int[Tensor, "m"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    language: Float[Tensor, "n l"] | None = None  # features of a language model, 0 where there are none
    hidden: Bool[Tensor, "n"] | None = None  # residues that were masked in its input
    labels: Float[Tensor, "n 20"] | None = None  # log-probabilities of a teacher, nats (`data.labels`)
    labeled: Bool[Tensor, "n"] | None = None  # residues that have labels
    rank: Int[Tensor, "n"] | None = None  # the teacher's decoding order
    shown: Int[Tensor, "n"] | None = None  # residue types in the teacher's input
    quality: Float[Tensor, "n q"] | None = None  # how good it is and what tells it (`data.quality`)
    condition: Int[Tensor, "n"] | None = None  # which teacher to imitate, an index into the model's conditions

    def __len__(self) -> int:
        return len(self.residues)

    @staticmethod
    def of(
        structure: Structure,
        model: Structure | None = None,
        *,
        partners: Structure | None = None,
        context: Context | None = None,
    ) -> Chain:
        """The residues with a CA of a structure, and of its model if there is one.

        Parameters
        ----------
        structure
            Atoms of zero occupancy were placed, not observed: they are left out.
        model
            A predicted structure of the same residues, in any frame.
        partners
            Residues of other chains, in the frame of the structure.
        context
            Other atoms in the same frame: positions (Å) and kinds.

        Returns
        -------
        Chain
            About the mean CA of the structure.

        Raises
        ------
        ValueError
            No residue has a CA.

        Examples
        --------
        >>> import protein_enn as pe
        >>> chain = Chain.of(pe.read_structure("examples/1bhl.pdb"))
        >>> len(chain), tuple(chain.atom14.shape)
        (130, (130, 14, 3))
        """
        structure = replace(structure, present=observed_atoms(structure))
        rows = structure.present[:, chemistry.CA]
        if model is not None:
            rows = rows & model.present[:, chemistry.CA]
        if not rows.any():
            raise ValueError(f"{structure.name}: no residue with a CA atom")

        def of_rows(source: Structure, rows: Tensor, residues: Tensor) -> tuple[Tensor, Tensor]:
            return to_atom14(source.positions[rows], source.present[rows], residues)

        def centered(atom14: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
            return (atom14 - atom14[:, 1].mean(0)) * mask[..., None], mask

        residues = structure.residues[rows]
        native = of_rows(structure, rows, residues)
        model_atoms, model_mask = (None, None) if model is None else centered(*of_rows(model, rows, residues))
        center = native[0][:, 1].mean(0)
        parts = [(*centered(*native), residues, structure.chains[rows], structure.numbers[rows])]
        if partners is not None:
            partners = replace(partners, present=observed_atoms(partners))
            rows = partners.present[:, chemistry.CA]
            atom14, mask = of_rows(partners, rows, partners.residues[rows])
            atom14 = (atom14 - center) * mask[..., None]
            parts.append((atom14, mask, partners.residues[rows], partners.chains[rows], partners.numbers[rows]))
        atom14, mask, *columns = (torch.cat(values) for values in zip(*parts, strict=True))
        own = torch.arange(len(atom14)) < len(residues)
        positions, kinds = context or (torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
        positions = positions.to(center) - center
        residues, chains, numbers = columns
        return Chain(
            structure.name, atom14, mask, residues, chains, numbers, own, model_atoms, model_mask, positions, kinds
        )

    def take(self, rows: Int[Tensor, "m"] | Bool[Tensor, "n"]) -> Chain:
        """The chosen residues; the context stays."""
        names = [f.name for f in fields(self) if f.name not in ("name", "context", "context_kinds")]
        tensors = {name: getattr(self, name) for name in names}
        chosen: dict[str, Any] = {name: value[rows] for name, value in tensors.items() if value is not None}
        return replace(self, **chosen)

    def with_context(self, rows: Bool[Tensor, "m"]) -> Chain:
        """The same residues with the chosen context atoms."""
        return replace(self, context=self.context[rows], context_kinds=self.context_kinds[rows])

    def alone(self) -> Chain:
        """The own residues without partners and context."""
        return self.take(self.own).with_context(torch.zeros(len(self.context), dtype=torch.bool))

    def cropped(self, size: int, generator: torch.Generator) -> Chain:
        """At most `size` residues: those nearest to a random own one, in chain order, and the context near them.

        If there are no more than `size` own residues they all stay, and the nearest partners fill up.
        """
        if len(self) <= size:
            return self
        own = self.own.nonzero()[:, 0]
        center = own[int(torch.randint(len(own), (), generator=generator))]
        distance = (self.atom14[:, 1] - self.atom14[center, 1]).norm(dim=-1)
        if len(own) <= size:
            distance[own] = 0.0
        crop = self.take(distance.topk(size, largest=False).indices.sort().values)
        return crop.with_context(near(self.context, crop.atom14[:, :4][crop.mask[:, :4]], CONTEXT_OF_CROP))


def near(points: Float[Tensor, "m 3"], atoms: Float[Tensor, "a 3"], radius: float) -> Bool[Tensor, "m"]:
    """Which points are within a radius (Å) of an atom; for some hundreds of points."""
    if not len(points):
        return points.new_zeros(0, dtype=torch.bool)
    return (torch.cdist(points, atoms, compute_mode="donot_use_mm_for_euclid_dist") <= radius).any(1)


def observed_atoms(structure: Structure) -> Bool[Tensor, "n 37"]:
    """Atoms of positive occupancy; all atoms where every occupancy is zero, which then has no meaning."""
    occupied = structure.present & (structure.occupancies > 0)
    return occupied if occupied.any() else structure.present

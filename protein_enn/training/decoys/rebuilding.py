"""Segments of a chain replaced by those of other chains: wrong places, right local geometry. Lengths Å, atom14."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.atom14 import from_atom14
from protein_enn.geometry.side_chains import complete_side_chains, known_chi
from protein_enn.geometry.superposition import moved, superpose
from protein_enn.structure import Structure
from protein_enn.training.tasks.deformation import uniform

ANCHOR = 2
"""Residues on either side of a segment that the new one is superposed on."""
FIT = 1.5
"""Å: a fragment whose anchors fit worse (root mean square over N, CA, C) is not used."""
TRIES = 8
"""Fragments of a donor that are superposed."""


@dataclass(frozen=True, eq=False)
class Atoms:
    """The atoms of n residues of one or more chains."""

    atom14: Float[Tensor, "n 14 3"]
    mask: Bool[Tensor, "n 14"]
    residues: Int[Tensor, "n"]
    chains: Int[Tensor, "n"]

    def structure(self, name: str) -> Structure:
        """The same residues, numbered from 1, as a structure without B factors."""
        n, count = len(self.residues), int(self.chains.max()) + 1
        present = from_atom14(self.mask[..., None].expand(-1, -1, 3).float(), self.residues, torch.zeros(n, 37, 3))
        numbers, ids = torch.arange(1, n + 1), tuple(f"C{i}" for i in range(count))
        return Structure(
            name, self.residues, from_atom14(self.atom14 * self.mask[..., None], self.residues, torch.zeros(n, 37, 3)),
            present[..., 0] > 0, self.chains, ids, ids, numbers, ("",) * n, numbers,
            tuple(chemistry.RESIDUES[i] for i in self.residues.tolist()), torch.zeros(n, 37), torch.ones(n, 37),
        )  # fmt: skip


def rebuild_loops(target: Atoms, donor: Atoms, generator: torch.Generator) -> Float[Tensor, "n 14 3"]:
    """Up to eight stretches of 4 to 14 residues take the backbone of a fragment of a donor whose ends fit.

    Side chains keep their chi angles.

    Parameters
    ----------
    target
        The chain.
    donor
        Another one, of any sequence.
    generator
        Of all draws.
    """
    x = target.atom14.clone()
    chi = known_chi(target.atom14, target.residues, target.mask).nan_to_num(torch.pi)
    for _ in range(2 + int(torch.randint(0, 7, (), generator=generator))):
        size = int(torch.randint(4, 15, (), generator=generator))
        if len(x) <= size + 2 * ANCHOR or len(donor.residues) <= size + 2 * ANCHOR:
            continue
        start = ANCHOR + int(torch.randint(len(x) - size - 2 * ANCHOR, (), generator=generator))
        around = torch.arange(start - ANCHOR, start + size + ANCHOR)
        if not _is_backbone(target, around):
            continue
        fragment = _fitting(x[around], donor, size)
        if fragment is None:
            continue
        inside = around[ANCHOR:-ANCHOR]
        known = torch.zeros(size, 14, dtype=torch.bool)
        known[:, :4] = True
        built = torch.zeros(size, 14, 3)
        built[:, :4] = fragment[ANCHOR:-ANCHOR]
        x[inside] = complete_side_chains(built, known, target.residues[inside], chi[inside])
    return x


def swap_segments(
    target: Atoms, relative: Float[Tensor, "n 14 3"], generator: torch.Generator
) -> Float[Tensor, "n 14 3"]:
    """Some stretches of 5 to 40 residues stand as in a model on a relative, which is superposed on what is around them.

    Parameters
    ----------
    target
        The chain.
    relative
        All its residues on the backbone of the relative, in any frame.
    generator
        Of all draws.
    """
    x, n, fraction = target.atom14.clone(), len(target.residues), 0.2 + 0.5 * uniform(generator)
    start = 0
    while start < n - 5:
        end = min(start + int(torch.randint(5, 41, (), generator=generator)), n)
        if uniform(generator) < fraction:
            wide = slice(max(start - 4, 0), min(end + 4, n))
            rotation, shift = superpose(relative[wide, 1], target.atom14[wide, 1])
            x[start:end] = moved(relative[start:end].reshape(-1, 3), rotation, shift).view(-1, 14, 3)
        start = end
    return x


def _fitting(segment: Float[Tensor, "m 14 3"], donor: Atoms, size: int) -> Float[Tensor, "m 4 3"] | None:
    """The backbone of the donor's fragment whose ends fit best, superposed on the segment; None where none fits."""
    length = size + 2 * ANCHOR
    ends = torch.tensor([0, 1, length - 2, length - 1])
    first = torch.arange(len(donor.residues) - length + 1)
    whole = donor.mask[:, :4].all(1).float()
    usable = (whole.cumsum(0)[first + length - 1] - whole.cumsum(0)[first] + whole[first] == length) & (
        donor.chains[first] == donor.chains[first + length - 1]
    )
    ca, own = donor.atom14[:, 1], segment[:, 1]
    away = (ca[first + length - 1] - ca[first]).norm(dim=-1) - (own[-1] - own[0]).norm()
    away += (ca[first + length - 2] - ca[first + 1]).norm(dim=-1) - (own[-2] - own[1]).norm()
    cost = torch.where(usable, away.abs(), torch.inf)
    for place in cost.topk(min(TRIES, len(cost)), largest=False).indices.tolist():
        if not usable[place]:
            return None
        fragment = donor.atom14[place : place + length, :4]
        if not bool(((fragment[1:, 1] - fragment[:-1, 1]).norm(dim=-1) < 4.5).all()):
            continue
        rotation, shift = superpose(fragment[ends, :3].reshape(-1, 3), segment[ends, :3].reshape(-1, 3))
        placed = moved(fragment.reshape(-1, 3), rotation, shift).view(length, 4, 3)
        fit = (placed[ends, :3] - segment[ends, :3]).square().sum(-1).mean().sqrt()
        changes = (placed[:, 1] - segment[:, 1]).norm(dim=-1).max() > 0.5
        if fit < FIT and changes:
            return placed
    return None


def _is_backbone(atoms: Atoms, rows: Int[Tensor, "m"]) -> bool:
    """Whether these residues have a whole backbone and are of one chain."""
    return bool(atoms.mask[rows, :4].all()) and bool((atoms.chains[rows] == atoms.chains[rows[0]]).all())

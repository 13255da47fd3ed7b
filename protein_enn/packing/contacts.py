"""Which of several candidate side chains of each residue go together: a table of energies, and its minimum.

Energy: -log of the candidate's rotamer density (nats, times ROTAMER_WEIGHT), and for each contact the linear repulsion
of SCWRL3 (Canutescu et al. (2003) Protein Sci. 12:2001) with its radii: 0 beyond the sum R of the radii, 10 within
0.8254 R, 57.273 (1 - d / R) between. Contacts fewer than five bonds apart do not count. Two sulfurs at bonding
distance are a disulfide. The minimum is found by self-consistent mean field (Koehl & Delarue (1994) J. Mol. Biol.
239:249), cooled down, then residue by residue until none gains: both depend on no order and no chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.kd_tree import kd_tree

ROTAMER_WEIGHT = 1.0
RADII = {"C": 1.6, "N": 1.3, "O": 1.3, "S": 1.7}
"""Å, SCWRL3: carbons with their hydrogens, N and O small enough to be hydrogen bonded."""
OTHER_RADIUS = 1.5
"""Å, of elements not in RADII: ions and metals stay at arm's length without being pushed off their ligands."""
REACH = 2 * max(RADII.values())
_STEEP, _MOST = 57.273, 10.0
DISULFIDE = (1.8, 2.3)
BRIDGE_ENERGY = -5.0
"""Å between the sulfurs, and what a disulfide is worth."""
HOPELESS = 40.0
"""A candidate this much above the best one of its residue before any partner is looked at is left out."""
_TEMPERATURES = [8.0 * (0.5 / 8.0) ** (k / 39) for k in range(40)]
_BLOCK = 2**14


@dataclass(frozen=True, eq=False)
class Atoms:
    """a atoms of candidates, or of what stays where it is (candidate -1)."""

    positions: Float[Tensor, "a 3"]  # Å
    radii: Float[Tensor, "a"]
    residue: Int[Tensor, "a"]  # -1: not of the protein
    slot: Int[Tensor, "a"]  # in chemistry.ATOMS; -1: not of the protein
    candidate: Int[Tensor, "a"]
    sulfur: Bool[Tensor, "a"]  # SG of a cysteine

    def take(self, chosen: Bool[Tensor, "a"]) -> Atoms:
        """Some of them."""
        return Atoms(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class Pairs:
    """p energies between candidates `ours` and `theirs`, sorted by theirs; each pair stands here both ways."""

    ours: Int[Tensor, "p"]
    theirs: Int[Tensor, "p"]
    energy: Float[Tensor, "p"]

    @staticmethod
    def sorted(ours: Int[Tensor, "p"], theirs: Int[Tensor, "p"], energy: Float[Tensor, "p"]) -> Pairs:
        """From any order."""
        order = theirs.argsort(stable=True)
        return Pairs(ours[order], theirs[order], energy[order])

    def field(self, probability: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """The energy of each candidate among the others, each of which is there with a probability."""
        return torch.zeros_like(probability).index_add_(0, self.ours, self.energy * probability[self.theirs])

    def add(self, field: Float[Tensor, "c"], candidate: int, sign: float) -> None:
        """Puts one candidate into the field, or takes it out."""
        ends = torch.searchsorted(self.theirs, torch.tensor([candidate, candidate + 1])).tolist()
        field.index_add_(0, self.ours[slice(*ends)], sign * self.energy[slice(*ends)])


def repulsion(distance: Float[Tensor, "p"], radius: Float[Tensor, "p"]) -> Float[Tensor, "p"]:
    """Of pairs whose radii sum up to `radius`, both Å."""
    return (_STEEP * (1 - distance / radius)).clamp(0.0, _MOST)


def contacts(
    ours: Atoms, theirs: Atoms, near: Int[Tensor, "n 37 2"]
) -> tuple[Int[Tensor, "p"], Int[Tensor, "p"], Float[Tensor, "p"]]:
    """Pairs of (ours, theirs) atoms of different residues, and their energies.

    `near` says of each atom of each residue how many bonds it is from N and from C of its residue.
    """
    found = []
    tree = kd_tree(theirs.positions.numpy())
    for start in range(0, len(ours.positions), _BLOCK):
        block = kd_tree(ours.positions[start : start + _BLOCK].numpy())
        close = block.sparse_distance_matrix(tree, REACH, output_type="ndarray")
        i, j, distance = (torch.from_numpy(close[name].copy()) for name in "ijv")
        i = i + start
        kept = ours.residue[i] != theirs.residue[j]
        i, j, distance = i[kept], j[kept], distance[kept]
        energy = repulsion(distance, ours.radii[i] + theirs.radii[j])
        bridge = ours.sulfur[i] & theirs.sulfur[j] & (distance > DISULFIDE[0]) & (distance < DISULFIDE[1])
        energy = torch.where(bridge, BRIDGE_ENERGY, energy)
        kept = (energy != 0) & ~_few_bonds(ours, theirs, i, j, near)
        found.append((i[kept], j[kept], energy[kept]))
    i, j, energy = (torch.cat(part) for part in zip(*found, strict=True))
    return i, j, energy


def _few_bonds(
    ours: Atoms, theirs: Atoms, i: Int[Tensor, "p"], j: Int[Tensor, "p"], near: Int[Tensor, "n 37 2"]
) -> Bool[Tensor, "p"]:
    """Whether fewer than five bonds lie between atoms of residues next to each other in sequence."""
    a, b = ours.residue[i], theirs.residue[j]
    mine, other = near[a, ours.slot[i]], near[b.clamp_min(0), theirs.slot[j].clamp_min(0)]
    forward = (b == a + 1) & (mine[:, 1] + 1 + other[:, 0] < 5)
    backward = (b == a - 1) & (mine[:, 0] + 1 + other[:, 1] < 5)
    return (b >= 0) & (forward | backward)


def lowest(energy: Float[Tensor, "c"], owner: Int[Tensor, "c"], pairs: Pairs) -> Int[Tensor, "m"]:
    """The candidate chosen for each owner; the owners 0, 1, ... of the candidates ascend."""
    probability = _softmax(energy, owner, _TEMPERATURES[0])
    for temperature in _TEMPERATURES:
        probability = 0.5 * probability + 0.5 * _softmax(energy + pairs.field(probability), owner, temperature)
    starts, ends = _spans(owner)
    chosen = torch.tensor([s + int(probability[s:e].argmax()) for s, e in zip(starts, ends, strict=True)])
    field = energy + pairs.field(torch.zeros_like(energy).index_fill_(0, chosen, 1.0))
    for _ in range(10 * len(starts)):
        gains = field[chosen] - _least(field, owner)
        k = int(gains.argmax())  # the largest gain first: no order of residues
        if float(gains[k]) < 1e-6:
            break
        new = starts[k] + int(field[starts[k] : ends[k]].argmin())
        pairs.add(field, new, 1.0)
        pairs.add(field, int(chosen[k]), -1.0)
        chosen[k] = new
    return chosen


def _spans(owner: Int[Tensor, "c"]) -> tuple[list[int], list[int]]:
    """Where the candidates of each owner begin and end."""
    ends = torch.bincount(owner).cumsum(0).tolist()
    return [0, *ends[:-1]], ends


def _least(values: Float[Tensor, "c"], owner: Int[Tensor, "c"]) -> Float[Tensor, "m"]:
    count = int(owner[-1]) + 1
    return values.new_full((count,), torch.inf).scatter_reduce(0, owner, values, "amin")


def _softmax(energy: Float[Tensor, "c"], owner: Int[Tensor, "c"], temperature: float) -> Float[Tensor, "c"]:
    weight = torch.exp((_least(energy, owner)[owner] - energy) / temperature)
    return weight / weight.new_zeros(int(owner[-1]) + 1).index_add_(0, owner, weight)[owner]


def choose(
    atoms: Atoms, around: Atoms, energy: Float[Tensor, "c"], owner: Int[Tensor, "c"], near: Int[Tensor, "n 37 2"]
) -> Int[Tensor, "m"]:
    """The candidate chosen for each owner, by `energy` of its own and by contacts."""
    i, _, touch = contacts(atoms, around, near)
    energy = energy.index_add(0, atoms.candidate[i], touch)
    kept = (energy - _least(energy, owner)[owner] < HOPELESS).nonzero()[:, 0]
    place = torch.full((len(energy),), -1)
    place[kept] = torch.arange(len(kept))
    left = atoms.take(place[atoms.candidate] >= 0)
    i, j, touch = contacts(left, left, near)
    pairs = Pairs.sorted(place[left.candidate[i]], place[left.candidate[j]], touch)
    return kept[lowest(energy[kept], owner[kept], pairs)]

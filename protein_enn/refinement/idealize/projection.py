"""Projection of proposed positions onto sound geometry, with the least movement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.metrics import Stereochemistry
from protein_enn.refinement.idealize.contacts import SKIN, contacts, near, near_bonds, obstacles
from protein_enn.refinement.idealize.gauss_newton import Band, solve
from protein_enn.refinement.idealize.residuals import Quads, Terms
from protein_enn.refinement.idealize.restraints import SLOTS, Covalent, Quadruples, covalent
from protein_enn.refinement.idealize.torsions import pins
from protein_enn.structure import KINDS, Structure

SCALE = 0.3
"""Å a proposed atom is thought to be off; how covalent sigmas weigh against moves."""
SOFTENED = (8.0, 3.0, 1.0)
"""Factors of the standard deviations, one after the other: from soft to true, so that noise does not trap atoms."""
GAINS = (1e-2, 1e-3, 1e-3, 1e-4)
"""Contacts and torsions are looked for anew this many times, and each time solved until no step gains more."""
SURROUNDING = 8.0
"""Å about free atoms within which residues count: their atoms are obstacles, their bonds tell what is bonded."""


class Projector:
    """Projection of any number of proposals for one structure: what depends on the structure alone is made once."""

    def __init__(self, structure: Structure, geometry: Stereochemistry | None = None, *, contact: float = 2.6) -> None:
        self.structure, self.contact = structure, contact
        self.around = structure.hetero.positions[structure.hetero.kinds != KINDS.index("water")].double().numpy()
        self.sound = covalent(structure)
        self.idealizable = _idealizable_torsions(structure, self.sound, geometry)
        self.order = _chain_order(structure)

    def project(self, positions: Float[Tensor, "n 37 3"], mobility: Float[Tensor, "n 37"]) -> Float[Tensor, "n 37 3"]:
        """Positions near the given ones with sound distances, planes, chirality and torsions, and no clashes.

        `mobility` is how easily an atom moves, 0..1; at 0 it stays where `positions` has it. What is sound in the
        structure is kept as it is there.
        """
        moves = (mobility > 0) & self.structure.present
        if not moves.any():
            return positions
        residues = self._around(positions, moves)
        part = self.structure.take(residues)
        problem = _Problem(self, part, residues, positions[residues], mobility[residues])
        result = positions.clone()
        result[residues] = problem.solved()
        return torch.where(moves[..., None], result, positions)

    def _around(self, positions: Tensor, moves: Bool[Tensor, "n 37"]) -> Int[Tensor, "k"]:
        """Rows of the residues that move and of those near them or bonded to them."""
        chosen = moves.any(1)
        if not chosen.all():
            chosen = near(self.structure.with_positions(positions), chosen, SURROUNDING)
            linked = self.sound.distances.pairs // SLOTS
            linked = linked[moves.any(1)[linked].any(1)]
            chosen[linked.reshape(-1)] = True
        return self.order[chosen[self.order]]


def _chain_order(structure: Structure) -> Int[Tensor, "n"]:
    """Rows, chain after chain, those chains first that lie nearest to the center: an order that the file has no say in.

    What is left when the conjugate gradients stop depends on the order of atoms; far from sound geometry it grows.
    """
    present = structure.present[..., None]
    x = structure.positions.double()
    center = (x * present).sum((0, 1)) / present.sum().clamp_min(1)
    away = ((x - center).square() * present).sum((1, 2)) / present.sum((1, 2)).clamp_min(1)
    chains = torch.zeros(len(structure.chain_ids), dtype=away.dtype).index_add_(0, structure.chains, away)
    return torch.argsort(chains[structure.chains], stable=True)


class _Problem:
    """Projection of some residues, of which at least one has a free atom."""

    def __init__(
        self, projector: Projector, structure: Structure, residues: Tensor, positions: Tensor, mobility: Tensor
    ) -> None:
        self.structure, self.positions, self.contact = structure, positions, projector.contact
        self.atoms = structure.present.reshape(-1).nonzero()[:, 0]
        self.protein = len(self.atoms)
        whole = (residues[:, None] * SLOTS + torch.arange(SLOTS)).reshape(-1)  # local slot -> slot in all
        self.place = np.full(projector.structure.present.numel(), -1)
        self.place[whole[self.atoms].numpy()] = np.arange(self.protein)
        self.local = np.full(structure.present.numel(), -1)
        self.local[self.atoms.numpy()] = np.arange(self.protein)
        around = projector.around
        self.start = np.concatenate((structure.positions.reshape(-1, 3)[self.atoms].double().numpy(), around))
        self.proposal = np.concatenate((positions.reshape(-1, 3)[self.atoms].double().numpy(), around))
        mobility = mobility.reshape(-1)[self.atoms].double().clamp_min(0).sqrt()
        self.scale = SCALE * np.concatenate((mobility.numpy(), np.zeros(len(around))))
        self.free = self.scale > 0
        self.sound = projector.sound
        self.idealizable = tuple(mask[residues] for mask in projector.idealizable)
        bonds = self.place[self.sound.bonds.numpy()]
        self.bonded = near_bonds(bonds[(bonds >= 0).all(1)], self.protein)

    def solved(self) -> Float[Tensor, "k 37 3"]:
        terms = self._terms()
        band = Band(terms, len(self.proposal))
        x = self.proposal
        for soft in SOFTENED:
            x = solve(terms, self.proposal, self.scale, x, band=band, rounds=12, soft=soft, gain=0.03)
        for gain in GAINS:
            found = pins(self.structure.with_positions(self._put(x)), *self.idealizable)
            terms = replace(terms, torsions=terms.torsions.with_more(self._quads(found, self.local)))
            pairs, limits = self._contacts(x)
            terms = replace(terms, contacts=pairs, limits=limits)
            moved = solve(terms, self.proposal, self.scale, x, band=band, rounds=10, gain=gain)
            far = float(np.abs(moved - x).max()) > SKIN / 2
            x = moved
            if not far and len(found.targets) == 0:
                break
        return self._put(x)

    def _contacts(self, x: Float[np.ndarray, "m 3"]) -> tuple[np.ndarray, np.ndarray]:
        m = self.protein
        inside = contacts(x[:m], self.atoms.numpy(), self.free[:m], self.bonded)
        outside = obstacles(x, self.start, self.free, m, self.contact)
        return np.concatenate((inside[0], outside[0])), np.concatenate((inside[1], outside[1]))

    def _put(self, x: Float[np.ndarray, "m 3"]) -> Float[Tensor, "k 37 3"]:
        result = self.positions.reshape(-1, 3).clone()
        result[self.atoms] = torch.from_numpy(x[: self.protein]).to(result.dtype)
        return result.reshape(self.positions.shape)

    def _quads(self, found: Quadruples, place: np.ndarray) -> Quads:
        """Those that touch a free atom."""
        atoms = place[found.atoms.numpy()]
        keep = (atoms >= 0).all(1) & self.free[atoms].any(1)
        return Quads(
            atoms[keep], found.targets.numpy()[keep], found.tolerances.numpy()[keep], found.sigmas.numpy()[keep]
        )

    def _terms(self) -> Terms:
        """The covalent terms that touch a free atom."""
        distances = self.sound.distances
        pairs = self.place[distances.pairs.numpy()]
        keep = (pairs >= 0).all(1) & self.free[pairs].any(1)
        return Terms(
            pairs[keep],
            distances.lengths.numpy()[keep],
            distances.sigmas.numpy()[keep],
            np.zeros((0, 2), dtype=np.int64),
            np.zeros(0),
            self._quads(self.sound.volumes, self.place),
            self._quads(self.sound.torsions, self.place),
        )


def project(
    structure: Structure,
    positions: Float[Tensor, "n 37 3"],
    mobility: Float[Tensor, "n 37"],
    *,
    geometry: Stereochemistry | None = None,
    contact: float = 2.6,
) -> Float[Tensor, "n 37 3"]:
    """`Projector.project` of one proposal."""
    return Projector(structure, geometry, contact=contact).project(positions, mobility)


def _idealizable_torsions(
    structure: Structure, sound: Covalent, geometry: Stereochemistry | None
) -> tuple[Bool[Tensor, "n"], Bool[Tensor, "n"]]:
    """Residues whose outlying phi, psi and chi to idealize: new ones, and those of noise, not of a sound input."""
    if geometry is None:
        everywhere = torch.ones(len(structure), dtype=torch.bool)
        return everywhere, everywhere
    return ~geometry.ramachandran | ~sound.sound, ~geometry.rotamer | ~sound.sound

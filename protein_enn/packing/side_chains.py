"""The side chains of a structure while they are packed: which are placed, and what the model says of the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.atom14 import exchange_equivalent
from protein_enn.geometry.side_chain_topology import FIRST, topology
from protein_enn.models.packing.circle import grid_density, has_half_period, likeliest, log_density, sample
from protein_enn.models.packing.geometry import Placed, first_axes, next_axes
from protein_enn.models.packing.model import ANGLES, Encoding, PackingModel
from protein_enn.packing.order import groups, rounds

GROUPS = 4
"""Groups of residues that are placed together, where the most likely side chains are looked for."""
PUCKER = (25.0, 34.0)
"""Degrees: chi1 of prolines in which the ring is closed, on either side."""
NEAR = 20
"""Degrees: the probability of an angle is that of values this near to it."""


@dataclass(frozen=True, eq=False)
class Conditional:
    """What the model says of residues' angles, each given the earlier angles and the side chains that are shown."""

    probability: Float[Tensor, "r"]  # of all angles within NEAR of the ones that they have
    entropy: Float[Tensor, "r"]  # nats, of all angles, on a grid of one degree
    log_density: Float[Tensor, "r"]  # of the angles that they have, per radian of each


class SideChains:
    """n side chains, some placed and kept, others to be packed.

    Parameters
    ----------
    model, encoding
        The packing model, and the backbones that it has encoded.
    placed
        Atoms of the side chains that are kept.
    done
        Residues whose side chains are kept and shown.
    given
        Radians, of the L-amino acid: angles that packing leaves as they are; nan for the others.
    """

    def __init__(
        self,
        model: PackingModel,
        encoding: Encoding,
        placed: Placed,
        done: Bool[Tensor, "n"],
        given: Float[Tensor, "n 4"],
    ) -> None:
        self.model, self.encoding, self.backbones = model, encoding, encoding.backbones
        self.kept, self.done, self.given = done, done.clone(), given
        built = self.backbones.built(given)
        atoms = torch.where(done[:, None, None], placed.atoms, built.atoms)
        self.placed = Placed(atoms, torch.where(done[:, None], placed.exists, built.exists))
        self.chi = given.nan_to_num(0.0)
        self.angles = topology(self.chi.device).has_chi[self.backbones.residues].sum(1)
        self.rows = (~done & self.backbones.whole & (self.angles > 0)).nonzero()[:, 0]

    def pack(self, temperature: float, generator: torch.Generator, sweeps: int) -> Float[Tensor, ""]:
        """Places all side chains, the most certain first, and each again `sweeps` times. Returns their log-density."""
        with torch.no_grad():
            priority = torch.full((len(self.chi),), -torch.inf)
            priority[self.rows] = -self.conditional(self.rows, first_only=True).entropy
            if temperature:  # draws of the joint distribution depend on every neighbor before
                order = rounds(self.rows, self.backbones.neighbors, self.backbones.neighbor_mask, priority)
            else:
                order = groups(self.rows, priority, GROUPS)
            without_angles = ~self.kept & self.backbones.whole & (self.angles == 0)
            self.done = self.kept | without_angles
            total = torch.zeros(())
            for rows in order:
                total = total + self.place(rows, temperature, generator).sum()
                self.done[rows] = True
            for _ in range(sweeps):
                for rows in order:
                    self.place(rows, temperature, generator)
            return total

    def place(self, rows: Int[Tensor, "r"], temperature: float, generator: torch.Generator) -> Float[Tensor, "r"]:
        """Gives residues the angles of `draw`. Returns their log-densities."""
        chi, density = self.draw(rows, temperature, generator)
        self.set(rows, chi)
        return density

    def draw(
        self, rows: Int[Tensor, "r"], temperature: float, generator: torch.Generator
    ) -> tuple[Float[Tensor, "r 4"], Float[Tensor, "r"]]:
        """Angles of some residues (each once or several times), given what is shown, and their log-densities.

        At temperature 0 the most likely ones, angle by angle. Angles that are given stay and have no density.
        """
        chi, density = self.chi[rows].clone(), torch.zeros(len(rows))
        with torch.no_grad():
            for angle, some, logits, half in self._angle_by_angle(rows, chi):
                drawn = sample(logits, temperature, generator) if temperature else likeliest(logits, half)
                given = self.given[rows[some], angle]
                chi[some, angle] = torch.where(given.isnan(), drawn, given)
                density[some] += torch.where(given.isnan(), log_density(logits, drawn, half), 0.0)
        return close_rings(chi, self.given[rows], self.backbones.residues[rows]), density

    def set(self, rows: Int[Tensor, "r"], chi: Float[Tensor, "r 4"]) -> None:
        """Gives some residues these angles, radians."""
        self.chi[rows] = chi
        self.placed.atoms[rows] = self.backbones.atoms(rows, chi)

    def conditional(self, rows: Int[Tensor, "r"], first_only: bool = False) -> Conditional:
        """What the model says of the angles of some residues, given those that are shown."""
        probability, entropy, density = torch.ones(len(rows)), torch.zeros(len(rows)), torch.zeros(len(rows))
        with torch.no_grad():
            angles = islice(self._angle_by_angle(rows, self.chi[rows]), 1 if first_only else None)
            for angle, some, logits, half in angles:
                chi, grid = self.chi[rows[some], angle], grid_density(logits, half)
                apart = torch.rad2deg(chi)[:, None] - (torch.arange(grid.shape[1]) - 180.0)
                period = torch.where(half, 180.0, 360.0)[:, None]
                near = (apart - period * torch.round(apart / period)).abs() <= NEAR
                probability[some] *= (grid * near).sum(1)
                entropy[some] += torch.special.entr(grid).sum(1)
                density[some] = density[some] + log_density(logits, chi, half)
        return Conditional(probability, entropy, density)

    def expected_errors(self, rows: Int[Tensor, "r"], draws: int, generator: torch.Generator) -> Float[Tensor, "r"]:
        """The mean RMSD (Å, beyond CB) between the side chains and draws of the model, each given all others."""
        repeated = rows.repeat_interleave(draws)
        chi, _ = self.draw(repeated, 1.0, generator)
        drawn, own = self.backbones.atoms(repeated, chi), self.backbones.atoms(repeated, self.chi[repeated])
        kinds = self.backbones.residues[repeated]
        counted = self.backbones.exists()[repeated]
        counted[:, : FIRST + 1] = False
        exchanged, _ = exchange_equivalent(drawn, kinds)
        squares = torch.stack([((x - own).square().sum(-1) * counted).sum(1) for x in (drawn, exchanged)]).amin(0)
        return (squares / counted.sum(1).clamp_min(1)).sqrt().view(len(rows), draws).mean(1)

    def density_of_chi1(self, row: Int[Tensor, ""], chi: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """Log-density of values of chi1 of one residue, given the side chains that are shown."""
        _, _, logits, half = next(self._angle_by_angle(row[None], self.chi[row[None]]))
        return log_density(logits.expand(len(chi), -1), chi, half.expand(len(chi)))

    def _angle_by_angle(
        self, rows: Int[Tensor, "r"], chi: Float[Tensor, "r 4"]
    ) -> Iterator[tuple[int, Bool[Tensor, "r"], Float[Tensor, "s b"], Bool[Tensor, "s"]]]:
        """Each angle, which of the rows have it, and for these the logits and whether it has a period of pi.

        The caller may set angles of `chi` before it asks for the next one.
        """
        kinds, handedness = self.backbones.residues[rows], self.backbones.handedness[rows]
        axis = first_axes(self.placed.atoms[rows])
        for angle in range(ANGLES):
            some = self.angles[rows] > angle
            if not some.any():
                return
            if angle:
                axis = next_axes(axis, kinds, angle - 1, chi[:, angle - 1], handedness)
            chosen, index = rows[some], torch.full_like(rows[some], angle)
            shown = self.done[self.backbones.neighbors[chosen]]
            arguments = (self.encoding, chosen, index, chi[some], axis[some], self.placed, shown)
            yield angle, some, self.model.logits(*arguments), has_half_period(kinds[some], index)


def close_rings(
    chi: Float[Tensor, "n 4"], given: Float[Tensor, "n 4"], residues: Int[Tensor, "n"]
) -> Float[Tensor, "n 4"]:
    """The angles with chi2 of prolines that closes their ring, radians, where none of their angles is given.

    Ideal bonds and angles close the ring at chi1 between 25 and 34 degrees, with chi2 = -(38 - (chi1 - 25)^2 / 20), and
    at the opposite angles.
    """
    proline = given.isnan().all(1)
    proline &= residues == chemistry.RESIDUE_INDEX["PRO"]
    degrees = torch.rad2deg(chi[:, 0])
    side, size = torch.where(degrees < 0, -1.0, 1.0), degrees.abs().clamp(*PUCKER)
    first, second = side * size, -side * (38 - (size - PUCKER[0]).square() / 20)
    closed = torch.cat([torch.deg2rad(torch.stack([first, second], 1)), chi[:, 2:]], 1)
    return torch.where(proline[:, None], closed, chi)

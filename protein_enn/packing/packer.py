"""Chooses the side chains of incomplete residues with the packing model."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.geometry.side_chain_topology import FIRST
from protein_enn.geometry.side_chains import complete_side_chains, known_chi
from protein_enn.graph import ProteinGraph
from protein_enn.models.packing.geometry import Placed
from protein_enn.models.packing.model import PackingModel
from protein_enn.packing.clashes import without_clashes
from protein_enn.packing.disulfides import bond_cysteines
from protein_enn.packing.side_chains import Conditional, SideChains
from protein_enn.predictor import Predictor
from protein_enn.structure import Structure

SWEEPS = 1
"""How often each side chain is placed again when all others are there, at temperature 0."""
ERROR_SAMPLES = 8
"""Draws for the predicted error of a residue."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The angles of m packed residues of a structure."""

    rows: Int[Tensor, "m"]
    chi: Float[Tensor, "m 4"]  # radians
    log_density: float  # of all packed angles, per radian of each, in the order in which they were drawn
    conditional: Conditional  # of each residue given all others
    error: Float[Tensor, "m"] | None  # Å, expected RMSD beyond CB


def packing_model(predictor: Predictor) -> PackingModel:
    """The model of a predictor, on the CPU: packing is many small steps.

    ValueError for another task.
    """
    if predictor.task != "packing":
        raise ValueError(f"predictor {predictor.name!r} is for {predictor.task}: packing needs one for packing")
    model = predictor.model if predictor.device.type == "cpu" else deepcopy(predictor.model).cpu()
    return cast(PackingModel, model)


class Packer:
    """A `rebuild.Chooser` that keeps what the model says of its choice in `sample`.

    Parameters
    ----------
    predictor
        One for packing.
    temperature
        0 takes the most likely angles; larger values draw from p^(1 / temperature).
    generator
        Of all draws.
    errors
        Whether errors are predicted.
    """

    def __init__(
        self, predictor: Predictor, temperature: float, generator: torch.Generator, errors: bool = False
    ) -> None:
        self.model, self.temperature = packing_model(predictor), temperature
        self.generator, self.errors = generator, errors
        self.sample: Sample | None = None

    def __call__(
        self,
        structure: Structure,
        x: Float[Tensor, "n 14 3"],
        mask: Bool[Tensor, "n 14"],
        rows: Int[Tensor, "m"],
        wanted: Bool[Tensor, "n 14"],
    ) -> Float[Tensor, "m 14 3"]:
        """As `rebuild.Chooser`."""
        graph = self.model.graph(structure)
        node = torch.full((len(structure),), -1)
        node[graph.rows] = torch.arange(len(graph.rows))
        chosen = node[rows]
        side_chains = self._side_chains(structure, graph, chosen)
        log_density = side_chains.pack(self.temperature, self.generator, 0 if self.temperature else SWEEPS)
        bonded = bond_cysteines(side_chains)
        if not self.temperature:
            without_clashes(side_chains, structure, wanted, graph.rows, bonded, self.generator)
        conditional = side_chains.conditional(chosen)
        errors = side_chains.expected_errors(chosen, ERROR_SAMPLES, self.generator) if self.errors else None
        chi = side_chains.chi[chosen]
        built = self._atoms(side_chains, x, mask, rows, chosen)
        self.sample = Sample(rows, chi, float(log_density), conditional, errors)
        return built

    def _side_chains(self, structure: Structure, graph: ProteinGraph, chosen: Int[Tensor, "m"]) -> SideChains:
        """All side chains: those of `chosen` are to be packed, as far as their atoms do not give their angles."""
        with torch.no_grad():
            encoding = self.model.encode(graph)
        kinds = encoding.backbones.residues
        rows = graph.rows
        origin = encoding.backbones.origin
        atoms, exists = to_atom14(structure.positions[rows] - origin, structure.present[rows], structure.residues[rows])
        done = torch.ones(len(rows), dtype=torch.bool)
        done[chosen] = False
        given = known_chi(atoms.double(), kinds, exists).to(atoms)
        given[:, :] = torch.where(done[:, None], given.nan_to_num(0.0), given * encoding.backbones.handedness[:, None])
        return SideChains(self.model, encoding, Placed(atoms, exists), done, given)

    @staticmethod
    def _atoms(
        side_chains: SideChains,
        x: Float[Tensor, "n 14 3"],
        mask: Bool[Tensor, "n 14"],
        rows: Int[Tensor, "m"],
        chosen: Int[Tensor, "m"],
    ) -> Float[Tensor, "m 14 3"]:
        """The complete residues; atoms that are there do not move."""
        chi = side_chains.chi[chosen]
        new = x[rows, 1:2] + side_chains.backbones.offsets(chosen, chi).double()
        bare = ~mask[rows, FIRST + 1 :].any(1)
        kinds = side_chains.backbones.residues[chosen]
        completed = complete_side_chains(x[rows], mask[rows], kinds, chi.double())
        new = torch.where(bare[:, None, None], new, completed)
        column = torch.arange(chemistry.ATOM14_WIDTH) >= FIRST
        keep = mask[rows] | ~column
        return torch.where(keep[..., None], x[rows], new)

"""A potential: the energy of a molecule as a sum over its atoms, and the forces as its exact negative gradient."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from protein_enn.encoders.tensor_field import TensorField
from protein_enn.graph.molecule_graph import MOLECULE_WIDTHS, NUMBERS, MoleculeGraph, molecule_graph
from protein_enn.settings import Settings

ENCODER_DEFAULTS: dict[str, Any] = {
    "layers": 2,
    "scalars": 64,
    "channels": 16,
    "lmax": 2,
    "edges": 32,
    "hidden": 64,
    "basis": 16,
    "nearest": 0.7,
    "expected": 16.0,
}
"""What differs from the defaults of `TensorField.Config`."""
FIXED: dict[str, Any] = {"odd": 0, "pseudochannels": 0, "dropout": 0.0}
"""Settings of the encoder that a potential does not leave open: its energy is the same for the mirror image."""


@dataclass(frozen=True, eq=False)
class PotentialPrediction:
    """The energy of m molecules and the forces on their n atoms."""

    energy: Float[Tensor, "m"]  # eV above the references of the elements, float64
    forces: Float[Tensor, "n 3"]  # eV/Å


class PotentialModel(nn.Module):
    """E = sum over atoms of (e_element + s W(h_i)), with h the even scalars of a tensor field; F = -dE/dx.

    The energy does not change under translations, rotations, reflections and permutations of equal atoms, and it is
    smooth: two derivatives are continuous where an atom crosses the cutoff. Of neutral molecules that are farther apart
    than the cutoff it is the sum.
    """

    class Config(Settings):
        encoder_settings: dict[str, Any] = Field(default_factory=dict)  # of the tensor field
        cutoff: float = Field(default=5.0, gt=0)  # Å

    references: Tensor
    scale: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        if refused := sorted(config.encoder_settings.keys() & {*FIXED, "cutoff"}):
            raise ValueError(f"encoder_settings: {', '.join(refused)} cannot be set for a potential; the cutoff is a "
                             "setting of the model")  # fmt: skip
        settings = {**ENCODER_DEFAULTS, **config.encoder_settings, **FIXED, "cutoff": config.cutoff}
        if settings["expected"] is None:
            raise ValueError("encoder_settings: a potential needs a number of `expected` neighbors to be smooth")
        self.encoder = TensorField(TensorField.Config.model_validate(settings), MOLECULE_WIDTHS)
        scalars = self.encoder.layout.scalars
        self.head = nn.Sequential(nn.LayerNorm(scalars), nn.Linear(scalars, scalars), nn.SiLU(), nn.Linear(scalars, 1))
        # Fitted to the training frames (`training.frames`): eV of an atom of each element, and the size of forces.
        self.register_buffer("references", torch.zeros(len(NUMBERS)))
        self.register_buffer("scale", torch.ones(()))

    def graph(self, elements: Int[Tensor, "n"], positions: Float[Tensor, "n 3"], charge: int = 0) -> MoleculeGraph:
        """The input of the model, from atomic numbers, positions (Å) and the total charge.

        Raises
        ------
        ValueError
            No atom, an element that the model does not have, or a position that is not finite.
        """
        return molecule_graph(elements, positions, charge, self.config.cutoff)

    def forward(self, graph: MoleculeGraph) -> PotentialPrediction:
        """Energies and forces; where parameters have gradients both can be part of a loss.

        Examples
        --------
        >>> model = PotentialModel(PotentialModel.Config()).eval()
        >>> hydrogen = model.graph(torch.tensor([1, 1]), torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]))
        >>> prediction = model(hydrogen)
        >>> bool(torch.allclose(prediction.forces[0], -prediction.forces[1], atol=1e-6))
        True
        """
        trained = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in self.parameters())
        # Also the backward pass is kept out of autocast.
        with torch.enable_grad(), torch.autocast(graph.pos.device.type, enabled=False):
            free = copy(graph)
            free.pos = graph.pos.detach().requires_grad_()
            energy = self.energy(free)
            (gradient,) = torch.autograd.grad(energy.sum(), free.pos, create_graph=trained)
        return PotentialPrediction(energy if trained else energy.detach(), -gradient)

    def energy(self, graph: MoleculeGraph) -> Float[Tensor, "m"]:
        """Energies above the references, eV, float64, as a function of the positions."""
        features, _ = self.encoder(graph)
        atoms = self.head(features.scalars)[:, 0] * self.scale
        return _per_molecule(graph, atoms.double())

    def reference(self, graph: MoleculeGraph) -> Float[Tensor, "m"]:
        """The sums of the references of the elements, eV, float64; with `energy` the total energy."""
        return _per_molecule(graph, self.references.double()[graph.elements])


def _per_molecule(graph: MoleculeGraph, atoms: Float[Tensor, "n"]) -> Float[Tensor, "m"]:
    """Sums over the atoms of each molecule."""
    if "batch" not in graph:
        return atoms.sum(0, keepdim=True)
    return atoms.new_zeros(graph.num_graphs).index_add(0, graph.batch, atoms)

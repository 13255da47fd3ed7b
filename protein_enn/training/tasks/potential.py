"""The task of a potential: energies and forces of a quantum method, for molecules with all their atoms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import huber_loss

from protein_enn.data.frames import Frame
from protein_enn.graph import MoleculeGraph, molecule_graph
from protein_enn.models.potential import PotentialModel
from protein_enn.settings import Settings
from protein_enn.training.tasks.task import Task

KCAL_PER_EV = 23.060548
"""kcal/mol in an eV."""


@dataclass(frozen=True, eq=False)
class PotentialTarget:
    """The energies of molecules and the forces on their atoms."""

    energy: Float[Tensor, "m"]  # eV, total, float64
    forces: Float[Tensor, "n 3"]  # eV/Å

    def rotated(self, rotation: Float[Tensor, "3 3"]) -> PotentialTarget:
        """The target of the rotated or mirrored molecules."""
        return replace(self, forces=self.forces @ rotation.T)


class PotentialTask(Task[Frame]):
    """Huber losses of forces and of energies per atom, each divided by its `*_huber`: mean absolute errors if large."""

    Model = PotentialModel

    class Config(Settings):
        force_weight: float = Field(default=1.0, ge=0)
        # Of eV per atom. A new network with much more than this fits the energies by constants, and forces stay zero.
        energy_weight: float = Field(default=0.05, ge=0)
        force_huber: float = Field(default=0.2, gt=0)  # eV/Å: larger errors count by their size, not by its square
        energy_huber: float = Field(default=0.005, gt=0)  # eV per atom

    metric = "force_mae"
    """Mean absolute error of a component of the force, eV/Å; lower is better."""
    frames = True
    nodes = "atoms"

    def __init__(self, config: Config, model: PotentialModel.Config) -> None:
        self.config, self.model = config, model

    def example(
        self, frame: Frame, generator: torch.Generator, training: bool
    ) -> tuple[MoleculeGraph, PotentialTarget]:
        """The molecule of a frame, and its energy and forces."""
        graph = molecule_graph(frame.elements, frame.positions, frame.charge, self.model.cutoff)
        return graph, PotentialTarget(torch.tensor([frame.energy], dtype=torch.float64), frame.forces)

    @staticmethod
    def collate(targets: list[PotentialTarget]) -> PotentialTarget:
        """Targets of several molecules as one."""
        return PotentialTarget(torch.cat([t.energy for t in targets]), torch.cat([t.forces for t in targets]))

    def loss(
        self,
        model: PotentialModel,
        graph: MoleculeGraph,
        target: PotentialTarget,
        generator: torch.Generator,
        training: bool,
    ) -> dict[str, Float[Tensor, ""]]:
        """The weighted loss; mean absolute errors of force components (eV/Å, kcal/mol/Å) and energies (eV per atom)."""
        c, prediction = self.config, model(graph)
        atoms = graph.batch.bincount() if "batch" in graph else torch.tensor([graph.num_nodes], device=graph.pos.device)
        # Differences come first: total energies are too large for float32.
        energy = ((prediction.energy + model.reference(graph) - target.energy) / atoms).to(prediction.forces.dtype)
        forces = prediction.forces - target.forces
        loss = c.force_weight * _huber(forces, c.force_huber) + c.energy_weight * _huber(energy, c.energy_huber)
        force_mae = forces.detach().abs().mean()
        return {
            "loss": loss,
            "force_mae": force_mae,
            "force_mae_kcal": force_mae * KCAL_PER_EV,
            "energy_mae": energy.detach().abs().mean(),
        }


def _huber(error: Tensor, delta: float) -> Float[Tensor, ""]:
    """Mean of |error| - delta / 2 beyond delta, and of error^2 / (2 delta) below it."""
    return huber_loss(error, torch.zeros_like(error), delta=delta) / delta

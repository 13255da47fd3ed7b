"""All outputs of an encoder and of predictors of design, packing, refinement and confidence, and how each rotates.

A subject makes the graph of a structure and predicts from a graph; where the task has a call from structure to
structure, it has the outputs of that as well. Models run in their own precision, outputs are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from protein_enn import chemistry
from protein_enn.evaluation.equivariance.outputs import Outputs, displacement, output, parts_of
from protein_enn.evaluation.equivariance.subject import Subject, recorded
from protein_enn.graph import atom_graph, protein_graph
from protein_enn.graph.all_atoms import ALL_ATOM_WIDTHS
from protein_enn.graph.atom_graph import ATOM_WIDTHS
from protein_enn.graph.fields import GeometricGraph
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.models.confidence import DESCRIPTORS
from protein_enn.models.design import order_visibility
from protein_enn.models.packing.geometry import axes_of
from protein_enn.nn.features import Features
from protein_enn.predictor import Predictor
from protein_enn.refinement import refine
from protein_enn.refinement.assessment import OWN
from protein_enn.structure import Structure

STEPS = 3
"""Steps of refinement, as many as `refine` takes."""
GRAPHS: dict[str, Callable[[Structure, int], GeometricGraph]] = {
    "backbone": lambda structure, k: protein_graph(structure, k, side_chains=False),
    "all atoms": lambda structure, k: protein_graph(structure, k, side_chains=True),
    "atom graph": lambda structure, k: atom_graph(structure, k),
}
"""The kinds of graph that an encoder is certified on."""
WIDTHS = {"backbone": BACKBONE_WIDTHS, "all atoms": ALL_ATOM_WIDTHS, "atom graph": ATOM_WIDTHS}


class EncoderSubject(Subject):
    """An encoder with random weights on one kind of graph."""

    def __init__(self, encoder: nn.Module, kind: str, k: int, precision: str, device: torch.device) -> None:
        super().__init__(encoder, precision, device)
        self.kind, self.k = kind, k
        self.has_ideal_cb = kind == "backbone"

    @property
    def encoder(self) -> Any:
        return self.model

    def graph(self, structure: Structure) -> GeometricGraph:
        return GRAPHS[self.kind](structure, self.k)

    def predictions(self, graph: GeometricGraph, mirrored: bool) -> Outputs:
        return parts_of(self.model(graph)[0], self.model.layout)


class DesignSubject(Subject):
    """Logits of the residues in three views of the sequence, and the features behind them."""

    has_ideal_cb = True

    def __init__(self, model: nn.Module, precision: str, device: torch.device, condition: str | None = None) -> None:
        super().__init__(model, precision, device)
        self.condition = condition

    def graph(self, structure: Structure) -> GeometricGraph:
        return cast(GeometricGraph, self.model.graph(structure, condition=self.condition or ""))

    def encoder_input(self, graph: GeometricGraph) -> GeometricGraph:
        return cast(GeometricGraph, self.model.with_context(graph))

    def residue_inputs(self, structure: Structure, seed: int) -> dict[str, Tensor]:
        rank = torch.randperm(len(structure), generator=torch.Generator().manual_seed(seed))
        return {"sequence": structure.residues, "rank": rank}

    def predictions(self, graph: GeometricGraph, mirrored: bool) -> Outputs:
        encoded: list[Features] = []
        with recorded(self.encoder, encoded, mirrored):
            encoding = self.model.encode(graph)
        views = {
            "unconditional": torch.zeros_like(graph.neighbor_mask),
            "single": graph.neighbor_mask,
            "fixed order": order_visibility(cast(Any, graph), graph.rank.float()),
        }
        logits = {f"logits, {name}": self.model.logits(encoding, graph.sequence, view) for name, view in views.items()}
        features = parts_of(encoded[0], self.encoder.layout)
        return {**features, **{name: output(values) for name, values in logits.items()}}


class PackingSubject(Subject):
    """Log densities of chi angles, with and without the side chains around them, and the side chains that are built.

    The mirror image is made of D-amino acids, whose frames are mirrored: it has the same densities.
    """

    def graph(self, structure: Structure) -> GeometricGraph:
        return cast(GeometricGraph, self.model.graph(structure))

    def encoder_input(self, graph: GeometricGraph) -> GeometricGraph:
        return cast(GeometricGraph, self.model.with_context(graph))

    def has_mirror(self, structure: Structure) -> bool:
        """Where CB tells the handedness of each chain; without it residues count as L."""
        told = structure.has_backbone & structure.present[:, chemistry.CB]
        return bool(torch.isin(structure.chains, structure.chains[told]).all())

    def residue_inputs(self, structure: Structure, seed: int) -> dict[str, Tensor]:
        degrees = torch.randint(360, (len(structure), 4), generator=torch.Generator().manual_seed(seed))
        return {"degrees": degrees}

    def predictions(self, graph: GeometricGraph, mirrored: bool) -> Outputs:
        encoded: list[Features] = []
        with recorded(self.encoder, encoded, mirrored=False):
            encoding = self.model.encode(graph)
        chi = torch.deg2rad(graph.degrees.to(self.dtype))
        placed, rows = encoding.backbones.built(chi), torch.arange(len(chi), device=self.device)
        own = {"side chains": displacement(placed.atoms - encoding.backbones.ca[:, None])}
        for name, angle, shown in (("alone", 0, False), ("among side chains", 0, True), ("among side chains", 1, True)):
            index, visible = torch.full_like(rows, angle), graph.neighbor_mask & shown
            axis = axes_of(placed.atoms, encoding.backbones.residues, index)
            logits = self.model.logits(encoding, rows, index, chi, axis, placed, visible)
            own[f"log density of chi{angle + 1}, {name}"] = output(logits.log_softmax(-1))
        return {**parts_of(encoded[0], self.encoder.layout), **own}


class RefinementSubject(Subject):
    """Displacements, predicted lDDT, the features behind them, and refinement from structure to structure."""

    def __init__(self, predictor: Predictor, precision: str, device: torch.device) -> None:
        super().__init__(predictor.model, precision, device)
        self.predictor = replace(predictor, model=self.model, device=device)

    def graph(self, structure: Structure) -> GeometricGraph:
        return cast(GeometricGraph, self.model.graph(structure))

    def encoder_input(self, graph: GeometricGraph) -> GeometricGraph:
        return cast(GeometricGraph, self.model.with_context(graph))

    def predictions(self, graph: GeometricGraph, mirrored: bool) -> Outputs:
        encoded: list[Features] = []
        with recorded(self.encoder, encoded, mirrored=False):
            prediction = self.model(graph)
        own = {
            "displacements": displacement(prediction.displacement),
            "predicted lDDT": output(prediction.lddt.double().sigmoid()),
            "predicted errors": output(prediction.error.double().exp()),
        }
        return {**parts_of(encoded[0], self.encoder.layout), **own}

    @torch.no_grad()
    def calls(self, structure: Structure) -> Outputs:
        """The network's moves, and those that are accepted of them, as displacements in Å from the input."""
        start = structure.positions.double()
        graph = self.model.graph(structure)
        with self.precise():
            (first, before), *_, (last, after) = self.model.iterate(graph.to(self.device), STEPS)
        rows = graph.rows.cpu()
        moved = displacement(_per_row(structure, rows, last.atom14 - first.atom14))
        pair = torch.stack([before.lddt, after.lddt], 1).double().sigmoid()
        confidence = output(_per_row(structure, rows, pair))
        own = {f"moves in {STEPS} steps": moved, "lDDT before and after": confidence}
        if self.precision == "bf16":
            return own  # predictions differ by more than what acceptance decides by
        # The weights of confidence are in float32: with them moves would be accepted to that precision alone.
        judge = OWN if self.precision == "float64" else None
        result = refine(structure, predictor=self.predictor, steps=STEPS, confidence=judge)
        # The mirror image is made of D-amino acids, which count as chirality errors: other moves are accepted there.
        moves = displacement(result.structure.positions.double() - start, reflects=False)
        return {**own, "refine": moves}


class ConfidenceSubject(Subject):
    """The distribution of the lDDT and the error of each residue, given its descriptors."""

    def graph(self, structure: Structure) -> GeometricGraph:
        return cast(GeometricGraph, self.model.graph(structure, torch.zeros(len(structure), len(DESCRIPTORS))))

    def encoder_input(self, graph: GeometricGraph) -> GeometricGraph:
        return cast(GeometricGraph, self.model.with_descriptors(graph))

    def residue_inputs(self, structure: Structure, seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return {"descriptors": torch.rand(len(structure), len(DESCRIPTORS), generator=generator).double()}

    def predictions(self, graph: GeometricGraph, mirrored: bool) -> Outputs:
        encoded: list[Features] = []
        with recorded(self.encoder, encoded, mirrored=False):
            prediction = self.model(graph)
        own = {
            "distribution of the lDDT": output(prediction.logits.softmax(-1)),
            "predicted lDDT": output(self.model.lddt(prediction)),
            "predicted error": output(prediction.log_error.exp()),
        }
        return {**parts_of(encoded[0], self.encoder.layout), **own}


def subject_of(predictor: Predictor, precision: str, device: torch.device) -> Subject:
    """A predictor to be certified; its model is changed to the precision."""
    if architecture := predictor.info.get("architecture"):
        raise ValueError(f"no certificate for weights of {architecture}: it has no encoder of this package")
    if predictor.task == "design":
        return DesignSubject(predictor.model, precision, device, predictor.condition)
    if predictor.task == "packing":
        return PackingSubject(predictor.model, precision, device)
    if predictor.task == "confidence":
        return ConfidenceSubject(predictor.model, precision, device)
    if predictor.task == "refinement":
        return RefinementSubject(predictor, precision, device)
    raise ValueError(
        f"no certificate for the task {predictor.task!r}; there is one for confidence, design, packing and refinement"
    )


def _per_row(structure: Structure, rows: Tensor, values: Tensor) -> Tensor:
    """Values of nodes at their residues, zeros elsewhere."""
    values = values.cpu().double()
    return values.new_zeros(len(structure), *values.shape[1:]).index_copy(0, rows, values)

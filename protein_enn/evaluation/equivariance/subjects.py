"""All outputs of an encoder and of predictors of design, packing and refinement, and how each rotates.

A subject makes the graph of a structure and predicts from a graph; where the task has a call from structure to
structure, it has the outputs of that as well. Models run in their own precision, outputs are float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from protein_enn import chemistry
from protein_enn.evaluation.equivariance.outputs import Outputs, displacement, output, parts_of
from protein_enn.graph import atom_graph, protein_graph
from protein_enn.graph.all_atoms import ALL_ATOM_WIDTHS
from protein_enn.graph.atom_graph import ATOM_WIDTHS
from protein_enn.graph.fields import GeometricGraph
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.models.design import order_visibility
from protein_enn.models.packing.geometry import axes_of
from protein_enn.nn.features import Features
from protein_enn.predictor import Predictor
from protein_enn.refinement import refine
from protein_enn.structure import Structure

PRECISIONS = {"float64": torch.float64, "float32": torch.float32, "bf16": torch.float32}
"""Types of parameters and coordinates; bf16 is float32 under autocast."""
STEPS = 3
"""Steps of refinement, as many as `refine` takes."""
GRAPHS: dict[str, Callable[[Structure, int], GeometricGraph]] = {
    "backbone": lambda structure, k: protein_graph(structure, k, side_chains=False),
    "all atoms": lambda structure, k: protein_graph(structure, k, side_chains=True),
    "atom graph": lambda structure, k: atom_graph(structure, k),
}
"""The kinds of graph that an encoder is certified on."""
WIDTHS = {"backbone": BACKBONE_WIDTHS, "all atoms": ALL_ATOM_WIDTHS, "atom graph": ATOM_WIDTHS}


class Subject(ABC):
    """A model in one precision on one device."""

    has_ideal_cb = False
    """Whether graphs have the ideal CB of L-amino acids, which the mirror image of a structure has not."""

    def __init__(self, model: nn.Module, precision: str, device: torch.device) -> None:
        self.precision, self.device, self.dtype = precision, device, PRECISIONS[precision]
        self.model: Any = model.to(device, self.dtype).eval().requires_grad_(False)

    @property
    def encoder(self) -> Any:
        """The part that `torch.compile` is applied to."""
        return self.model.encoder

    def encoder_input(self, graph: GeometricGraph) -> GeometricGraph:
        """The graph that the encoder takes."""
        return graph

    @abstractmethod
    def graph(self, structure: Structure) -> GeometricGraph:
        """The graph of a structure in its own precision, on the CPU."""

    def has_mirror(self, structure: Structure) -> bool:
        """Whether the graph of the mirror image is the mirror image of the graph."""
        return not self.has_ideal_cb

    def residue_inputs(self, structure: Structure, seed: int) -> dict[str, Tensor]:
        """Inputs other than the geometry, for each residue of the structure."""
        return {}

    @abstractmethod
    def predictions(self, graph: GeometricGraph, mirrored: bool) -> Outputs:
        """All outputs for a graph in the model's precision."""

    def calls(self, structure: Structure) -> Outputs:
        """Outputs of calls from structure to structure, one row for each residue."""
        return {}

    def outputs(self, graph: GeometricGraph, mirrored: bool = False, gradients: bool = False) -> Outputs:
        """All outputs for a graph of any precision.

        Parameters
        ----------
        graph
            Of a structure.
        mirrored
            Give the outputs expected for the mirror image, before vectors are reflected: from the features of this
            graph, with the sign of the odd scalars changed where even and odd ones are mixed.
        gradients
            Run the path with gradients.
        """
        with torch.set_grad_enabled(gradients), self.precise():
            return self.predictions(self.cast(graph), mirrored)

    def cast(self, graph: GeometricGraph) -> GeometricGraph:
        """The graph in the precision and on the device of the model."""
        floating = {key: value.to(self.dtype) for key, value in graph.to_dict().items() if _is_floating(value)}
        result: GeometricGraph = graph.clone().update(floating).to(self.device)
        return result

    @contextmanager
    def precise(self) -> Iterator[None]:
        """Products in bfloat16 if that is the precision."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            yield


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
        with _recorded(self.encoder, encoded, mirrored):
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
        with _recorded(self.encoder, encoded, mirrored=False):
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
        with _recorded(self.encoder, encoded, mirrored=False):
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
        result = refine(structure, predictor=self.predictor, steps=STEPS)
        # The mirror image is made of D-amino acids, which count as chirality errors: other moves are accepted there.
        moves = displacement(result.structure.positions.double() - start, reflects=False)
        return {**own, "refine": moves}


def subject_of(predictor: Predictor, precision: str, device: torch.device) -> Subject:
    """A predictor to be certified; its model is changed to the precision."""
    if architecture := predictor.info.get("architecture"):
        raise ValueError(f"no certificate for weights of {architecture}: it has no encoder of this package")
    if predictor.task == "design":
        return DesignSubject(predictor.model, precision, device, predictor.condition)
    if predictor.task == "packing":
        return PackingSubject(predictor.model, precision, device)
    if predictor.task == "refinement":
        return RefinementSubject(predictor, precision, device)
    raise ValueError(f"no certificate for the task {predictor.task!r}; there is one for design, packing and refinement")


@contextmanager
def _recorded(encoder: nn.Module, encoded: list[Features], mirrored: bool) -> Iterator[None]:
    """Within the block, records the encoder's features and, if `mirrored`, changes the sign of its odd scalars."""

    def hook(module: nn.Module, inputs: Any, result: Any) -> Any:
        features, edges = result
        encoded.append(features)
        if not mirrored:
            return None
        return replace(features, pseudoscalars=-features.pseudoscalars), edges

    handle = encoder.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _per_row(structure: Structure, rows: Tensor, values: Tensor) -> Tensor:
    """Values of nodes at their residues, zeros elsewhere."""
    values = values.cpu().double()
    return values.new_zeros(len(structure), *values.shape[1:]).index_copy(0, rows, values)


def _is_floating(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()

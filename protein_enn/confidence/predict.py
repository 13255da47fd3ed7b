"""The predicted quality of a structure as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.confidence.descriptors import Assessors, describe
from protein_enn.metrics import Stereochemistry
from protein_enn.models.confidence import LEAST_ERROR, PLDDT
from protein_enn.predictor import Predictor, predictor_given
from protein_enn.structure import Structure


@dataclass(frozen=True, eq=False)
class Confidence:
    """The predicted quality of n residues; nan where a residue has no CA."""

    lddt: Float[Tensor, "n"]  # of all heavy atoms, 0 to 1: the mean of the distribution, calibrated
    distribution: Float[Tensor, "n b"]  # of b bins of equal width from 0 to 1, as trained
    error: Float[Tensor, "n"]  # Å, mean error of the atoms around a residue in its frame
    distance: Float[Tensor, "n"]  # of its features from those of training, 1 on average
    unfamiliar: Bool[Tensor, "n"]  # farther than all but a hundredth of the residues of validation
    plddt: bool  # whether the file's pLDDT was used

    @property
    def mean(self) -> float:
        """The mean predicted lDDT."""
        return float(self.lddt.nanmean())

    @property
    def familiar(self) -> bool:
        """Whether the structure is like those of training: at most a tenth of its residues are not."""
        known = self.lddt.isfinite()
        return bool(self.unfamiliar[known].double().mean() <= UNFAMILIAR_FRACTION) if known.any() else False


UNFAMILIAR_FRACTION = 0.1
"""Of the residues that may be unfamiliar in a structure that is not."""


class ConfidenceEstimator:
    """Predicts the quality of structures.

    Parameters
    ----------
    predictor
        One for confidence.
    assessors
        The networks of its descriptors; the shipped ones by default, with which it was trained.

    Raises
    ------
    ValueError
        The predictor is of another task.
    """

    def __init__(self, predictor: Predictor, assessors: Assessors | None = None) -> None:
        if predictor.task != "confidence":
            raise ValueError(f"predictor {predictor.name!r} is for {predictor.task}: give one for confidence")
        self.predictor = predictor
        self.assessors = Assessors.shipped(str(predictor.device)) if assessors is None else assessors

    @torch.inference_mode()
    def __call__(
        self, structure: Structure, *, plddt: bool = True, geometry: Stereochemistry | None = None
    ) -> Confidence:
        """The quality of a structure as it is.

        Parameters
        ----------
        structure
            Any structure with a CA.
        plddt
            Use the pLDDT of the file, where it has one.
        geometry
            The outliers of the structure, where they are known.

        Raises
        ------
        ValueError
            No residue has a CA.
        """
        structure = _in_float32(structure)
        descriptors = describe(structure, self.assessors, geometry)
        if not plddt:
            descriptors[:, : len(PLDDT)] = 0.0
        return self.of(structure, descriptors)

    @torch.inference_mode()
    def of(self, structure: Structure, descriptors: Float[Tensor, "n d"]) -> Confidence:
        """The quality of a structure whose descriptors are known."""
        model: Any = self.predictor.model  # a ConfidenceModel
        graph = model.graph(_in_float32(structure), descriptors)
        rows = graph.rows
        prediction = model(graph.to(self.predictor.device))
        distance = model.distance(prediction)
        error = (prediction.log_error.exp() - LEAST_ERROR).clamp_min(0)

        def placed(values: Tensor, missing: float = math.nan) -> Tensor:
            result = torch.full((len(structure), *values.shape[1:]), missing)
            result[rows] = values.float().cpu()
            return result

        return Confidence(
            lddt=placed(model.lddt(prediction)),
            distribution=placed(prediction.logits.softmax(-1)),
            error=placed(error),
            distance=placed(distance),
            unfamiliar=placed((distance > model.familiar_distance).float(), 0.0) > 0,
            plddt=bool(descriptors[:, 0].any()),
        )


def _in_float32(structure: Structure) -> Structure:
    """With positions as the networks take them."""
    single = structure.positions.dtype == torch.float32
    return structure if single else structure.with_positions(structure.positions.float())


def predict_confidence(
    structure: Structure, predictor: Predictor | str | Path | None = None, *, plddt: bool = True, device: str = "auto"
) -> Confidence:
    """How good a model is, residue by residue.

    Parameters
    ----------
    structure
        A model, from any program.
    predictor
        One for confidence; the shipped weights by default.
    plddt
        Use the pLDDT of the file, where it has one.
    device
        "auto", "cpu" or "cuda", for the shipped weights.

    Returns
    -------
    Confidence
        The predicted lDDT and error of each residue, and whether it is like anything that training covered.

    Raises
    ------
    ValueError
        A structure without a single CA, or a predictor of another task.
    """
    return ConfidenceEstimator(predictor_given(predictor, "confidence", device))(structure, plddt=plddt)

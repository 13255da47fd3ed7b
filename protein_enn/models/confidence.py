"""Confidence: how far each residue of a model is from the truth, from its geometry and from descriptors of it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from protein_enn import chemistry
from protein_enn.encoders import encoder
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.graph import ProteinGraph
from protein_enn.graph.all_atoms import ALL_ATOM_WIDTHS
from protein_enn.graph.protein_graph import graph_of_atoms
from protein_enn.settings import Settings
from protein_enn.structure import Structure
from protein_enn.structure.given import check_atoms

PLDDT = ("plddt_known", "plddt_ca", "plddt_mean", "plddt_least")
"""Descriptors from the file, which come first; all 0 where it has no pLDDT."""
DESCRIPTORS = (
    *PLDDT, "likelihood_all", "entropy_all", "likelihood_backbone", "entropy_backbone", "clash_outlier", "bond_outlier",
    "angle_outlier", "planarity_outlier", "ramachandran_outlier", "rotamer_outlier", "omega_outlier",
    "chirality_outlier", "clashes", "ramachandran", "rotamer", "contacts", "surroundings", "contact_order", "from_end",
    "length", "side_chain",
)  # fmt: skip
"""What `confidence.descriptors` computes, in this order."""
UNMEASURED = 1e9
"""The distance that no residue exceeds, of weights without a measured one."""
LEAST_ERROR = 0.02
"""Å: added to errors before their logarithm is taken."""


@dataclass(frozen=True, eq=False)
class ConfidencePrediction:
    """The output of the network for n residues."""

    logits: Float[Tensor, "n b"]  # of the bins of the all-heavy-atom lDDT
    log_error: Float[Tensor, "n"]  # log of the frame-aligned error (Å) of the atoms around a residue
    features: Float[Tensor, "n f"]  # even scalars of the encoder, from which familiarity is told
    shown: Float[Tensor, "n"]  # 1 where the pLDDT was known, else 0


class ConfidenceModel(nn.Module):
    """The distribution of the lDDT of each residue over bins of equal width, and the error of the atoms around it.

    Only even scalars are used: a mirrored structure whose descriptors were the same would get the same answer.
    """

    class Config(Settings):
        encoder: str = "tensor_field"
        encoder_settings: dict[str, Any] = Field(default_factory=dict)
        k: int = 24
        descriptors: tuple[str, ...] = DESCRIPTORS
        embedded: int = 64  # features that the descriptors are mapped to
        hidden: int = 128  # width of the layer before the output
        bins: int = Field(default=40, ge=2)  # of the lDDT
        dropout: float = Field(default=0.1, ge=0, lt=1)  # of the last hidden layer, in training

    feature_mean: Tensor
    feature_whitening: Tensor
    familiar_distance: Tensor
    calibration: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = replace(ALL_ATOM_WIDTHS, scalars=ALL_ATOM_WIDTHS.scalars + config.embedded)
        self.entry = nn.Sequential(
            nn.Linear(len(config.descriptors), config.embedded), nn.SiLU(), nn.Linear(config.embedded, config.embedded)
        )
        self.encoder = encoder(config.encoder, config.encoder_settings, widths)
        scalars = self.encoder.layout.scalars
        self.norm = nn.LayerNorm(scalars)
        self.quality = nn.Sequential(
            nn.Linear(scalars + config.embedded, config.hidden),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.bins + 1),
        )
        # What pLDDT says by itself: slope and offset of its logit, and the log of the width of a Gaussian around it.
        self.plddt_prior = nn.Parameter(torch.tensor([0.8, 0.0, -2.0]))
        # Measured after training (`training.confidence_fit`). What it covered: the mean and the whitening of the
        # features, and the distance that few residues exceed. Slope and offset of the logit of the mean lDDT, without
        # and with pLDDT.
        self.register_buffer("feature_mean", torch.zeros(scalars))
        self.register_buffer("feature_whitening", torch.eye(scalars))
        self.register_buffer("familiar_distance", torch.tensor(UNMEASURED))
        self.register_buffer("calibration", torch.tensor([[1.0, 0.0], [1.0, 0.0]]))

    @property
    def centers(self) -> Float[Tensor, "b"]:
        """The lDDT in the middle of each bin."""
        places = torch.arange(self.config.bins, device=self.feature_mean.device, dtype=self.feature_mean.dtype)
        return (places + 0.5) / self.config.bins

    def graph(self, structure: Structure, descriptors: Float[Tensor, "n d"]) -> ProteinGraph:
        """The input of the model: residues with a CA, all their atoms and their descriptors.

        Parameters
        ----------
        structure
            Any structure.
        descriptors
            Of its n residues, the columns of the model's `descriptors`.

        Raises
        ------
        ValueError
            No residue has a CA.
        """
        rows = structure.present[:, chemistry.CA].nonzero()[:, 0]
        check_atoms(structure, ("CA",))
        residues, chains = structure.residues[rows], structure.chains[rows]
        atom14, mask = to_atom14(structure.positions[rows], structure.present[rows], residues)
        graph = described_graph(atom14, mask, residues, chains, descriptors[rows], self.config.k)
        graph.rows = rows
        return graph

    def forward(self, graph: ProteinGraph) -> ConfidencePrediction:
        """The distribution of the lDDT and the error of each residue."""
        embedded = self.entry(graph.descriptors)
        features, _ = self.encoder(self.with_descriptors(graph))
        normed = self.norm(features.scalars.to(embedded))
        out = self.quality(torch.cat([normed, embedded], 1))
        out = out.to(torch.promote_types(out.dtype, torch.float32))
        logits = out[:, :-1] + self.from_plddt(graph.descriptors[:, : len(PLDDT)].to(out))
        return ConfidencePrediction(logits, out[:, -1], normed, graph.descriptors[:, 0])

    def with_descriptors(self, graph: ProteinGraph) -> ProteinGraph:
        """The graph that the encoder takes: descriptors are among its scalars."""
        extended = copy(graph)
        extended.scalars = torch.cat([graph.scalars, self.entry(graph.descriptors)], 1)
        return extended

    def from_plddt(self, plddt: Float[Tensor, "n 4"]) -> Float[Tensor, "n b"]:
        """Logits of the bins from pLDDT alone, 0 without it: the network says what is left to say.

        Few models have both pLDDT and a native; what is learned of it beside hundreds of other numbers is less.
        """
        slope, offset, log_width = self.plddt_prior
        known, _, mean, _ = plddt.unbind(1)
        expected = (slope * torch.logit(mean, eps=0.01) + offset).sigmoid()
        away = (self.centers - expected[:, None]) / log_width.exp()
        return -0.5 * known[:, None] * away.square()

    def mean(self, prediction: ConfidencePrediction) -> Float[Tensor, "n"]:
        """The mean of the predicted distribution, 0 to 1, which is trained."""
        return prediction.logits.softmax(-1) @ self.centers.to(prediction.logits)

    def lddt(self, prediction: ConfidencePrediction) -> Float[Tensor, "n"]:
        """The calibrated mean, 0 to 1."""
        slope, offset = self.calibration[prediction.shown.long()].unbind(-1)
        return (slope * torch.logit(self.mean(prediction), eps=1e-4) + offset).sigmoid()

    def distance(self, prediction: ConfidencePrediction) -> Float[Tensor, "n"]:
        """How far the features of each residue are from those of training, in standard deviations of these."""
        away = (prediction.features - self.feature_mean) @ self.feature_whitening
        return away.square().mean(-1).sqrt()


def described_graph(
    atom14: Float[Tensor, "n 14 3"],
    mask: Tensor,
    residues: Tensor,
    chains: Tensor,
    descriptors: Float[Tensor, "n d"],
    k: int,
) -> ProteinGraph:
    """The residue graph of atoms in atom14 with descriptors of the residues; positions are taken about the center."""
    center = atom14[:, 1].double().mean(0)
    atom14 = (atom14.double() - center).to(atom14.dtype) * mask[..., None]
    graph = graph_of_atoms(atom14, mask, residues, chains, k, side_chains=True)
    graph.descriptors = descriptors.to(atom14.dtype)
    return graph

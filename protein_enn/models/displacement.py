"""A small model that predicts vectors: the displacement of each residue back to its original position."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from protein_enn.encoders import encoder
from protein_enn.graph.fields import GeometricGraph
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.settings import Settings


class DisplacementModel(nn.Module):
    """Delta_i = sum_c W_c(h_i) v_ic: coefficients from even scalars; vectors of the encoder and of the graph."""

    class Config(Settings):
        encoder: str = "tensor_field"
        encoder_settings: dict[str, Any] = Field(default_factory=dict)
        k: int = 20

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder(config.encoder, config.encoder_settings, BACKBONE_WIDTHS)
        layout = self.encoder.layout
        self.head = nn.Sequential(
            nn.LayerNorm(layout.scalars),
            nn.Linear(layout.scalars, layout.scalars),
            nn.SiLU(),
            nn.Linear(layout.scalars, layout.channels + BACKBONE_WIDTHS.vectors),
        )

    def forward(self, graph: GeometricGraph) -> Float[Tensor, "n 3"]:
        """Displacements, Å."""
        features, _ = self.encoder(graph)
        vectors = torch.cat([features.vectors.transpose(1, 2), graph.vectors], 1)
        return (self.head(features.scalars)[:, None] @ vectors)[:, 0]

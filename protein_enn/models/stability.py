"""Heads on a frozen design model that give each amino acid at each site a stability, kcal/mol.

f(site, a) = u(site, a) + w . log p(a) + t(a), where u is a small network of the encoded site, its surroundings and
properties of the amino acid. A mutation changes the stability by f(mutant) - f(wild type). It is antisymmetric and
additive around cycles by construction, as the site does not depend on the amino acid that is there.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import silu

from protein_enn import chemistry
from protein_enn.settings import Settings

TERMS = ("single", "isolated", "unconditional", "own_backbone")
"""Log-probabilities that a head sees of each amino acid, as `scoring.conditionals` has them."""
OUTPUTS = ("ddg", "dtm")
"""kcal/mol of stability, and `KELVIN` of the melting point."""
KELVIN = 3.0
"""K of the melting point for an output of 1: about what 1 kcal/mol makes."""
STABILITY, BINDING = "stability", "binding"
"""What heads were trained on: one protein's measurements, or how f differs between a complex and its sides alone."""
LARGEST = 4.0
"""Standard deviations at which features of the surroundings are cut."""

# Hydropathy (Kyte and Doolittle 1982) / 3; volume (Zamyatnin 1972, Å^3) from 140, / 40; helix propensity (Pace and
# Scholtz 1998, kcal/mol); strand propensity (Chou and Fasman 1978) from 1, x 2.
_SCALES = {
    "A": (0.60, -1.28, 0.00, -0.34), "R": (-1.50, 0.84, 0.21, -0.14), "N": (-1.17, -0.65, 0.65, -0.22),
    "D": (-1.17, -0.72, 0.69, -0.92), "C": (0.83, -0.79, 0.68, 0.38), "Q": (-1.17, 0.10, 0.39, 0.20),
    "E": (-1.17, -0.04, 0.40, -1.26), "G": (-0.13, -2.00, 1.00, -0.50), "H": (-1.07, 0.33, 0.61, -0.26),
    "I": (1.50, 0.67, 0.41, 1.20), "L": (1.27, 0.67, 0.21, 0.60), "K": (-1.30, 0.72, 0.26, -0.52),
    "M": (0.63, 0.57, 0.24, 0.10), "F": (0.93, 1.25, 0.54, 0.76), "P": (-0.53, -0.68, 3.16, -0.90),
    "S": (-0.27, -1.28, 0.50, -0.50), "T": (-0.23, -0.60, 0.66, 0.38), "W": (-0.30, 2.20, 0.49, 0.74),
    "Y": (-0.43, 1.34, 0.53, 0.94), "V": (1.40, 0.00, 0.61, 1.40),
}  # fmt: skip
_CLASSES = ("KR", "DE", "FWYH", "VIT", "P", "G", "STNQ", "C")


def properties() -> Float[Tensor, "20 p"]:
    """Properties of the amino acids, in the order of `chemistry.AMINO_ACIDS`."""
    return torch.tensor([[*_SCALES[a], *(float(a in kind) for kind in _CLASSES)] for a in chemistry.AMINO_ACIDS])


class StabilityHead(nn.Module):
    """One head: f(site, a), for each output."""

    properties: Tensor

    def __init__(self, config: StabilityHeads.Config, nodes: int) -> None:
        super().__init__()
        known = properties()
        self.register_buffer("properties", known, persistent=False)
        self.reduce = nn.Linear(nodes, config.reduced)
        self.site = nn.Linear(config.reduced + config.sites, config.hidden)
        self.identity = nn.Embedding(len(known), config.embedding)
        self.kind = nn.Linear(known.shape[1] + config.embedding + len(TERMS), config.hidden, bias=False)
        self.deeper = nn.Linear(config.hidden, config.hidden)
        self.exit = nn.Linear(config.hidden, len(OUTPUTS))
        self.terms = nn.Linear(len(TERMS), len(OUTPUTS), bias=False)
        self.own = nn.Parameter(torch.zeros(len(known), len(OUTPUTS)))
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.identity.weight, std=0.3)
        with torch.no_grad():
            self.terms.weight.copy_(torch.tensor([0.3, -0.3, 0.0, 0.0]).expand(len(OUTPUTS), -1))
            self.exit.weight.mul_(0.1)

    def forward(
        self,
        nodes: Float[Tensor, "n d"],
        sites: Float[Tensor, "n s"],
        terms: Float[Tensor, "n a t"],
        chosen: Int[Tensor, "n a"] | None = None,
    ) -> Float[Tensor, "n a o"]:
        """Of every amino acid at each site, or of some with their terms; `sites` are standardized."""
        every = torch.arange(len(self.properties), device=nodes.device).expand(len(nodes), -1)
        chosen = every if chosen is None else chosen
        kinds = torch.cat([self.properties, self.identity.weight], 1)[chosen]
        site = self.site(torch.cat([self.dropout(self.reduce(nodes)), sites], 1))
        kind = self.kind(torch.cat([kinds, terms / 3], 2))
        # One mask for all amino acids of a site: noise that differed would not cancel between them.
        first = silu(site[:, None] + kind) * self._mask(site)
        second = silu(self.deeper(first)) * self._mask(site)
        return self.exit(second) + self.terms(terms) + self.own[chosen]

    def _mask(self, site: Float[Tensor, "n h"]) -> Float[Tensor, "n 1 h"]:
        return self.dropout(torch.ones_like(site))[:, None]


class StabilityHeads(nn.Module):
    """Several heads, each trained without one part of the proteins.

    Parameters
    ----------
    config
        Settings.
    nodes
        Features of a node of the design model.
    """

    mean: Tensor
    deviation: Tensor
    coverage: Tensor
    error: Tensor
    interaction: Tensor
    """kcal/mol for a nat of interaction between residues that are mutated together."""

    class Config(Settings):
        heads: int = Field(default=5, ge=1)
        target: Literal["stability", "binding"] = "stability"
        condition: str = ""  # of the design model, in which they were trained
        sites: int = 39  # features of the surroundings, `scoring.sites`
        reduced: int = 16  # features of the encoded site that are used
        hidden: int = 48
        embedding: int = 4
        dropout: float = Field(default=0.5, ge=0, lt=1)

    def __init__(self, config: Config, nodes: int) -> None:
        super().__init__()
        self.config = config
        self.heads = nn.ModuleList(StabilityHead(config, nodes) for _ in range(config.heads))
        self.register_buffer("mean", torch.zeros(config.sites))
        self.register_buffer("deviation", torch.ones(config.sites))
        self.register_buffer("coverage", torch.zeros(BURIAL_CLASSES, len(KINDS), len(chemistry.AMINO_ACIDS)))
        self.register_buffer("error", torch.tensor([1.0, 1.0]))
        self.register_buffer("interaction", torch.tensor(0.4))

    def standardized(self, sites: Float[Tensor, "n s"]) -> Float[Tensor, "n s"]:
        """Features of the surroundings by mean and deviation of the training sites."""
        return ((sites - self.mean) / self.deviation).clamp(-LARGEST, LARGEST)

    def forward(
        self, nodes: Float[Tensor, "n d"], sites: Float[Tensor, "n s"], terms: Float[Tensor, "n 20 t"]
    ) -> Float[Tensor, "h n 20 o"]:
        """Of each head, each amino acid at each site: kcal/mol of stability and melting point in `KELVIN`."""
        sites = self.standardized(sites)
        return torch.stack([head(nodes, sites, terms) for head in self.heads])

    def expected_error(self, spread: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Root mean square error, kcal/mol, from the standard deviation over the heads."""
        return (self.error[0] ** 2 + (self.error[1] * spread) ** 2).sqrt()


KINDS = ("AVILMFWYC", "STNQH", "DEKR", "G", "P")
"""Kinds of wild types for which training mutations are counted."""
BURIAL_CLASSES = 3
"""Classes of burial for which they are counted."""


def kinds_of_amino_acids() -> Int[Tensor, "20"]:
    """Index into `KINDS` of each amino acid, in the order of `chemistry.AMINO_ACIDS`."""
    return torch.tensor([next(i for i, kind in enumerate(KINDS) if a in kind) for a in chemistry.AMINO_ACIDS])

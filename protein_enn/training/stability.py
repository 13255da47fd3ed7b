"""Training of one stability head on the cached sites of proteins.

Loss of a batch: Huber on -ddG (kcal/mol), proteins weighted by the root of how many measurements they have; ranking,
the mean over pairs of one protein of softplus(-2 (s_i - s_j)) where y_i - y_j > 0.5 kcal/mol; Huber on melting points;
and a prior: of random mutations of random residues few stabilize, so that scores above `prior_limit` cost their square.
Most measured mutations are from large to small. Without the prior their reverses make every large amino acid look good.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn.functional import huber_loss, softplus

from protein_enn.chemistry import AMINO_ACIDS
from protein_enn.models.stability import OUTPUTS, StabilityHead, StabilityHeads
from protein_enn.settings import Settings
from protein_enn.training.stability_sites import MeasuredSites

RANKED_DIFFERENCE = 0.5
"""kcal/mol by which two measurements differ that are ranked: about the error of a measurement."""
_POLAR, _HYDROPHOBIC = "DEKRNQSTHG", "VILMFWYC"
_CHUNK = 64
"""Measurements of one protein that go into a batch together."""


class StabilityExperiment(Settings):
    """Training of stability heads. YAML files hold only what differs from these defaults."""

    target: Literal["stability", "binding"] = "stability"  # of proteins, or of complexes: ddG of binding, no melting
    ddg: tuple[str, ...] = Field(min_length=1)  # tables in the folder of the data, the first for what both have
    melting: tuple[str, ...] = ()
    folds: int = Field(default=5, ge=2)  # by cluster of proteins; a head is trained without each
    heads: dict[str, Any] = Field(default_factory=dict)  # settings of `models.stability.StabilityHeads`
    largest_ddg: float = 8.0  # kcal/mol; larger ones are set to it
    largest_dtm: float = 24.0  # K
    epochs: int = 20
    batch: int = 256  # measurements
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    ranking: float = 0.3
    melting_weight: float = 0.3
    melting_batch: int = 96
    prior: float = 0.3
    prior_limit: float = 0.0  # kcal/mol
    prior_batch: int = 256
    hydrophobic: float = Field(default=1.0, ge=0)  # weight in the prior of mutations from polar to hydrophobic ones
    hydrophobic_limit: float = 0.0  # kcal/mol, of these


class MeasurementTable(ABC):
    """Measurements of proteins or complexes, and how a head scores them."""

    native: Int[Tensor, "r"]
    value: Float[Tensor, "m"]
    protein: Int[Tensor, "m"]

    @abstractmethod
    def scores(self, head: StabilityHead, rows: Int[Tensor, "b"]) -> Float[Tensor, "b o"]:
        """Of some measurements, for each output."""

    @abstractmethod
    def differences(
        self, head: StabilityHead, sites: Int[Tensor, "b"], before: Int[Tensor, "b"], after: Int[Tensor, "b"]
    ) -> Float[Tensor, "b o"]:
        """Of mutations of some sites, for each output."""


@dataclass(frozen=True, eq=False)
class SiteTable(MeasurementTable):
    """All sites of some proteins together, and their measurements of one output."""

    nodes: Float[Tensor, "r d"]
    sites: Float[Tensor, "r s"]  # standardized
    terms: Float[Tensor, "r 20 t"]
    native: Int[Tensor, "r"]
    site: Int[Tensor, "m"]
    wild_type: Int[Tensor, "m"]
    mutant: Int[Tensor, "m"]
    value: Float[Tensor, "m"]
    protein: Int[Tensor, "m"]

    def scores(self, head: StabilityHead, rows: Int[Tensor, "b"]) -> Float[Tensor, "b o"]:
        """f(mutant) - f(wild type) of some measurements, for each output."""
        return self.differences(head, self.site[rows], self.wild_type[rows], self.mutant[rows])

    def differences(
        self, head: StabilityHead, sites: Int[Tensor, "b"], before: Int[Tensor, "b"], after: Int[Tensor, "b"]
    ) -> Float[Tensor, "b o"]:
        """f(after) - f(before) at some sites, for each output."""
        chosen = torch.stack([before, after], 1)
        terms = self.terms[sites[:, None], chosen]
        of_both: Tensor = head(self.nodes[sites], self.sites[sites], terms, chosen)
        return of_both[:, 1] - of_both[:, 0]


def site_table(proteins: Sequence[MeasuredSites], heads: StabilityHeads, output: str) -> SiteTable:
    """The measurements of one output; sites are standardized as the heads do it."""
    measured = [protein.measured[OUTPUTS.index(output)] for protein in proteins]
    starts = torch.tensor([0, *(len(protein.nodes) for protein in proteins)]).cumsum(0)
    return SiteTable(
        torch.cat([protein.nodes for protein in proteins]),
        heads.standardized(torch.cat([protein.sites for protein in proteins])),
        torch.cat([protein.terms for protein in proteins]),
        torch.cat([protein.native for protein in proteins]),
        torch.cat([one.site + start for one, start in zip(measured, starts, strict=False)]),
        torch.cat([one.wild_type for one in measured]),
        torch.cat([one.mutant for one in measured]),
        torch.cat([one.value for one in measured]),
        torch.cat([torch.full((len(one.site),), i) for i, one in enumerate(measured)]),
    )


def site_tables(proteins: Sequence[MeasuredSites], heads: StabilityHeads) -> tuple[SiteTable, SiteTable]:
    """The tables of both outputs."""
    ddg, dtm = (site_table(proteins, heads, name) for name in OUTPUTS)
    return ddg, dtm


def train_head(
    head: StabilityHead, ddg: MeasurementTable, dtm: MeasurementTable, experiment: StabilityExperiment, seed: int
) -> StabilityHead:
    """Trains a head on measurements; its dropout draws from torch's own generator, which is restored."""
    weight = _protein_weights(ddg)
    polar, hydrophobic = (torch.tensor([a in kind for a in AMINO_ACIDS]) for kind in (_POLAR, _HYDROPHOBIC))
    steps = max(1, round(experiment.epochs * len(ddg.value) / experiment.batch))
    optimizer = torch.optim.AdamW(head.parameters(), experiment.learning_rate, weight_decay=experiment.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_rate, steps=steps))
    generator = torch.Generator().manual_seed(seed)
    batches = _Batches(ddg, experiment.batch, generator)
    head.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(steps):
            rows = batches.next()
            loss = _loss(ddg.scores(head, rows)[:, 0], ddg, rows, weight[rows], experiment.ranking)
            if len(dtm.value) and experiment.melting_weight:
                some = torch.randint(len(dtm.value), (experiment.melting_batch,), generator=generator)
                melting = huber_loss(dtm.scores(head, some)[:, 1], dtm.value[some])
                loss = loss + experiment.melting_weight * melting
            if experiment.prior:
                some = torch.randint(len(ddg.native), (experiment.prior_batch,), generator=generator)
                other = ddg.native[some] + torch.randint(1, 20, (len(some),), generator=generator)
                unmeasured = ddg.differences(head, some, ddg.native[some], other % 20)[:, 0]
                special = polar[ddg.native[some]] & hydrophobic[other % 20]
                limit = torch.where(special, experiment.hydrophobic_limit, experiment.prior_limit)
                cost = torch.where(special, experiment.hydrophobic, 1.0) * (unmeasured - limit).clamp(min=0).pow(2)
                loss = loss + experiment.prior * cost.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return head.eval()


def _rate(step: int, steps: int) -> float:
    """Of the learning rate: it rises over a tenth of the steps, then falls as a cosine."""
    warmup = max(1, steps // 10)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 + 0.5 * math.cos(math.pi * (step - warmup) / max(1, steps - warmup))


def _protein_weights(table: MeasurementTable) -> Float[Tensor, "m"]:
    """1 / sqrt(measurements of the protein), 1 on average."""
    count = torch.bincount(table.protein)[table.protein].float()
    return count.rsqrt() / count.rsqrt().mean()


def _loss(
    scores: Float[Tensor, "b"],
    table: MeasurementTable,
    rows: Int[Tensor, "b"],
    weight: Float[Tensor, "b"],
    ranking: float,
) -> Float[Tensor, ""]:
    """Huber and ranking within proteins."""
    value, protein = table.value[rows], table.protein[rows]
    loss = (weight * huber_loss(scores, value, reduction="none")).mean()
    better = (value[:, None] - value > RANKED_DIFFERENCE) & (protein[:, None] == protein)
    if ranking and bool(better.any()):
        of_pair = weight[:, None].expand_as(better)[better]
        loss = loss + ranking * (of_pair * softplus(-2 * (scores[:, None] - scores)[better])).sum() / of_pair.sum()
    return loss


class _Batches:
    """Batches of measurements in which those of one protein come in chunks, so that there are pairs to rank."""

    def __init__(self, table: MeasurementTable, size: int, generator: torch.Generator) -> None:
        self.table, self.size, self.generator = table, size, generator
        self.proteins = [(table.protein == i).nonzero()[:, 0] for i in table.protein.unique()]
        self.waiting: list[Tensor] = []

    def next(self) -> Int[Tensor, "b"]:
        """The rows of a batch."""
        taken: list[Tensor] = []
        while sum(map(len, taken)) < self.size:
            if not self.waiting:
                shuffled = [rows[torch.randperm(len(rows), generator=self.generator)] for rows in self.proteins]
                chunks = [chunk for rows in shuffled for chunk in rows.split(_CHUNK)]
                self.waiting = [chunks[i] for i in torch.randperm(len(chunks), generator=self.generator).tolist()]
            taken.append(self.waiting.pop())
        return torch.cat(taken)

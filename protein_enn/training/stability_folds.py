"""Folds of proteins, and stability heads trained without one or two of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.stats import spearmanr
from torch import Tensor

from protein_enn.models.stability import StabilityHead, StabilityHeads
from protein_enn.training.stability import StabilityExperiment, train_head

LEAST = 5
"""Measurements that a protein must have for a rank correlation of its own."""


def folds_of(clusters: Sequence[int], sizes: Sequence[int], folds: int) -> list[int]:
    """The fold of each protein: whole clusters, the largest first, each to the fold with the fewest measurements.

    ValueError where there are fewer clusters than folds.

    Examples
    --------
    >>> folds_of([0, 1, 0, 2], [5, 4, 1, 3], 2)
    [0, 1, 0, 1]
    """
    total: Counter[int] = Counter()
    for one, size in zip(clusters, sizes, strict=True):
        total[one] += size
    if len(total) < folds:
        raise ValueError(f"{len(total)} clusters of proteins for {folds} folds; give more proteins or fewer folds")
    load, fold = [0] * folds, {}
    for one, size in sorted(total.items(), key=lambda item: (-item[1], item[0])):
        fold[one] = load.index(min(load))
        load[fold[one]] += size + 1
    return [fold[one] for one in clusters]


Tables = Callable[[Sequence[Any], StabilityHeads], tuple[Any, Any]]
"""Of proteins and the heads that scale their sites: tables of ddG, and of melting points, which may be empty."""


class Folds:
    """Heads trained without one fold, or without two."""

    def __init__(
        self,
        experiment: StabilityExperiment,
        proteins: Sequence[Any],
        folds: Sequence[int],
        heads: StabilityHeads,
        tables: Tables,
        seed: int,
        log: Callable[[str], None],
    ) -> None:
        self.experiment, self.proteins, self.folds = experiment, proteins, torch.tensor(folds)
        self.heads, self.tables, self.seed, self.log = heads, tables, seed, log
        sites = torch.cat([protein.sites for protein in proteins])
        heads.mean.copy_(sites.mean(0))
        heads.deviation.copy_(sites.std(0).clamp(min=0.1))
        self.ddg, self.dtm = tables(proteins, heads)

    def _trained(self, without: tuple[int, ...]) -> StabilityHead:
        """A new head of the proteins that are in none of some folds."""
        seed = self.seed + sum(10**k * (fold + 1) for k, fold in enumerate(without))
        chosen = [p for p, fold in zip(self.proteins, self.folds.tolist(), strict=True) if fold not in without]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            head = StabilityHead(self.heads.config, self.proteins[0].nodes.shape[1])
        return train_head(head, *self.tables(chosen, self.heads), self.experiment, seed)

    @torch.no_grad()
    def _scores(self, head: StabilityHead, table: Any, fold: int) -> tuple[Tensor, Float[Tensor, "b o"]]:
        """Rows of the measurements of a fold, and their scores."""
        rows = (self.folds[table.protein] == fold).nonzero()[:, 0]
        return rows, table.scores(head, rows)

    def train(self) -> tuple[float, float, float, float | None]:
        """Trains the heads. Held out: Spearman pooled and per protein, MAE (kcal/mol), Spearman of melting points."""
        ddg, dtm = torch.zeros(len(self.ddg.value)), torch.zeros(len(self.dtm.value))
        for fold in range(self.experiment.folds):
            head = self._trained((fold,))
            self.heads.heads[fold].load_state_dict(head.state_dict())
            for k, (table, scores) in enumerate(((self.ddg, ddg), (self.dtm, dtm))):
                rows, found = self._scores(head, table, fold)
                scores[rows] = found[:, k]
            own = self.folds[self.ddg.protein] == fold
            self.log(f"fold {fold}: {int(own.sum())} held out, Spearman {_spearman(ddg[own], self.ddg.value[own]):.3f}")
        pairs = [(ddg[rows], self.ddg.value[rows]) for rows in map(self._of_protein, self.ddg.protein.unique())]
        each = [_spearman(a, b) for a, b in pairs if len(a) >= LEAST and len(a.unique()) > 1 < len(b.unique())]
        mae = float((ddg - self.ddg.value).abs().mean())
        mean = sum(each) / len(each) if each else float("nan")
        melting = _spearman(dtm, self.dtm.value) if len(dtm) else None
        return _spearman(ddg, self.ddg.value), mean, mae, melting

    def _of_protein(self, protein: Tensor) -> Tensor:
        return self.ddg.protein == protein

    def expected_error(self) -> tuple[float, float]:
        """e and k of error^2 = e^2 + (k spread)^2, by likelihood on folds that no head was trained on."""
        several: list[list[Tensor]] = [[] for _ in range(self.experiment.folds)]
        for pair in combinations(range(self.experiment.folds), 2):
            head = self._trained(pair)
            for fold in pair:
                several[fold].append(self._scores(head, self.ddg, fold)[1][:, 0])
        if self.experiment.folds < 3:  # one head for each fold has no spread
            return 1.0, 1.0
        rows = [(self.folds[self.ddg.protein] == fold).nonzero()[:, 0] for fold in range(self.experiment.folds)]
        scores = [torch.stack(of_fold) for of_fold in several]
        spread = torch.cat([of_fold.std(0) for of_fold in scores]).double().numpy()
        mean = torch.cat([of_fold.mean(0) for of_fold in scores])
        squared = ((mean - self.ddg.value[torch.cat(rows)]) ** 2).double().numpy()

        def surprise(parameters: Any) -> float:
            variance = parameters[0] ** 2 + (parameters[1] * spread) ** 2 + 1e-6
            return float((squared / variance).mean() + torch.from_numpy(variance).log().mean())

        alone, per_spread = minimize(surprise, [1.0, 1.0], method="Nelder-Mead").x
        return abs(float(alone)), abs(float(per_spread))


def _spearman(a: Tensor, b: Tensor) -> float:
    """Rank correlation, nan where one side does not vary."""
    return float(spearmanr(a, b).statistic) if len(a) > 1 and len(a.unique()) > 1 < len(b.unique()) else float("nan")

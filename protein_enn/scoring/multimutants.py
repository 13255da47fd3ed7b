"""Several mutations at once: the sum of the single ones, and how they interact.

    score = additive + interaction (nats, higher is better)

`additive` is the sum of the single scores, each given the wild type everywhere else. `interaction` is the joint
log-odds of the mutated residues given the rest of the protein, less the sum of their `single` log-odds. The joint is
the chain rule over the mutated residues: to each, those decoded before it are visible (as mutants, or as wild type in
the denominator) and none decoded after it; averaged over their orders. Residues that are no neighbors of each other
interact by exactly 0, and so do all under an estimator without interactions (`unconditional`). The joint is
antisymmetric, forth and back on one backbone; the sum of singles alone is not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.models.decoding import Sets
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone, check_structure, design_predictor
from protein_enn.scoring.calibration import calibration_of
from protein_enn.scoring.estimators import DDG_LIKE, estimator_named
from protein_enn.scoring.mutations import MutationResult, log_odds
from protein_enn.scoring.result import HIGHER, Column, Provenance
from protein_enn.scoring.substitutions import Substitution, parse_mutant, places, residue_index
from protein_enn.structure import Structure

Mutant = Sequence[Substitution]
ORDERS = 8
"""Orders of the mutated residues that are averaged; all of them where there are no more."""
_COPIES = 4096
"""Nodes added to the protein's own in one pass."""


@dataclass(frozen=True)
class MutantScore:
    """What is known of one mutant: nats, 0 for the wild type, higher is better."""

    mutations: str  # "A:H18A,B:T5S"
    additive: float  # sum of the single scores under the estimator
    interaction: float  # joint log-odds less the sum of single log-odds; 0 for one mutation
    orders: int  # of the mutated residues, averaged
    ddg_like: float | None  # kcal/mol, of the estimator ddg_like with a calibration

    @property
    def score(self) -> float:
        """additive + interaction, nats."""
        return self.additive + self.interaction

    def row(self) -> dict[str, Any]:
        """One row of a table."""
        names = ("mutations", "score", "additive", "interaction", DDG_LIKE, "orders")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MutantScores(MutationResult):
    """Scores of named mutants of one structure, in the order they were asked for."""

    kind = "mutants"
    columns: ClassVar = {
        "mutations": Column(None, None, "mutations in author numbering, all made at once: A:H18A,B:T5S"),
        "additive": Column("nats", HIGHER, "sum of the scores of the single mutations"),
        "interaction": Column(
            "nats", HIGHER, "joint log-odds of the mutated residues less the sum of their single ones"
        ),
    }

    mutants: tuple[MutantScore, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row per mutant."""
        return [mutant.row() for mutant in self.mutants]


def score_mutants(
    structure: Structure,
    mutants: str | Sequence[str | Mutant],
    *,
    predictor: Predictor | None = None,
    estimator: str = DDG_LIKE,
    seed: int = 0,
    device: str = "auto",
) -> MutantScores:
    """Score named mutants on the structure's backbone: a few passes for all of them.

    Parameters
    ----------
    structure
        The backbone and its sequence.
    mutants
        Such as "A:H18A" or "A:H18A,B:T5S". A text is one mutant, a list has one in each entry.
    predictor
        A design predictor; the shipped one by default.
    estimator
        What a single score is: a name in `ESTIMATORS`.
    seed
        Draws the orders of mutants with more mutations than have `ORDERS` orders.
    device
        Where the shipped weights are loaded; a given predictor stays where it is.

    Returns
    -------
    MutantScores
        A score in nats for each mutant, in the order of `mutants`.

    Raises
    ------
    ValueError
        No mutant, one that does not parse, a residue that is not there, is another one (the message says which) or
        lacks N, CA or C; else as for `scan`.

    Examples
    --------
    >>> import protein_enn as pe
    >>> found = pe.score_mutants(pe.read_structure("examples/1bhl.pdb"), ["A:H185F", "A:H185F,A:W131A"])
    >>> round(found.mutants[1].score, 2)
    0.95
    """
    start = time.perf_counter()
    check_structure(structure)
    estimator_named(estimator)
    if not mutants:
        raise ValueError("no mutant is named: give such as A:H18A,B:T5S")
    mutants = [mutants] if isinstance(mutants, str) else mutants
    parsed = [parse_mutant(mutant) if isinstance(mutant, str) else tuple(mutant) for mutant in mutants]
    index = residue_index(structure)
    where = [places(structure, mutant, index) for mutant in parsed]
    predictor = design_predictor(predictor, device, "scan")
    backbone = Backbone(structure, predictor)
    _check_nodes(backbone, structure, where)
    scores = log_odds(backbone, {estimator, "single"})
    calibration, reason = calibration_of(predictor, estimator)
    identities = [[chemistry.AMINO_ACIDS.index(change.mutant) for change in mutant] for mutant in parsed]
    interacts = estimator_named(estimator).interacts
    extra = interactions(backbone, scores["single"], where, identities, seed) if interacts else [0.0] * len(where)
    found = []
    for mutant, at, to, interaction in zip(parsed, where, identities, extra, strict=True):
        additive = float(scores[estimator][at, to].double().sum())
        ddg = None if calibration is None else calibration.slope * (additive + interaction)
        orders = len(orders_of(len(mutant), seed))
        found.append(MutantScore(",".join(map(str, mutant)), additive, interaction, orders, ddg))
    return MutantScores(
        structure=structure,
        provenance=Provenance.of(predictor),
        seconds=time.perf_counter() - start,
        estimator=estimator,
        calibration=reason,
        mutants=tuple(found),
    )


def orders_of(n: int, seed: int = 0) -> list[tuple[int, ...]]:
    """All orders of n residues if these are no more than `ORDERS`, else that many: random ones and their reverses."""
    if n <= 3:
        return list(permutations(range(n)))
    generator = torch.Generator().manual_seed(seed)
    draws = [tuple(torch.randperm(n, generator=generator).tolist()) for _ in range(ORDERS // 2)]
    return [order for draw in draws for order in (draw, draw[::-1])]


@dataclass(frozen=True)
class _Copy:
    """The mutated nodes of one mutant with certain identities, decoded in a certain order."""

    mutant: int
    sign: int  # 1 as mutants, -1 as wild type
    nodes: list[int]
    identities: list[int]
    order: tuple[int, ...]


def interactions(
    backbone: Backbone,
    single: Float[Tensor, "n 20"],
    where: Sequence[Sequence[int]],
    identities: Sequence[Sequence[int]],
    seed: int = 0,
) -> list[float]:
    """Joint log-odds of each mutant less the sum of its `single` log-odds, nats.

    `where` are rows of the structure, `identities` the amino acids they become. Exactly 0 where no two of the residues
    see each other: a difference would leave rounding.
    """
    result = [0.0] * len(where)
    linked = [i for i, rows in enumerate(where) if _see_each_other(backbone, rows)]
    rows, mutants = [where[i] for i in linked], [identities[i] for i in linked]
    joints = joint_log_odds(backbone, rows, mutants, [orders_of(len(each), seed) for each in rows])
    for i, joint in zip(linked, joints, strict=True):
        result[i] = joint - float(single[where[i], identities[i]].double().sum())
    return result


def joint_log_odds(
    backbone: Backbone,
    where: Sequence[Sequence[int]],
    identities: Sequence[Sequence[int]],
    orders: Sequence[Sequence[tuple[int, ...]]],
) -> list[float]:
    """log p(mutant residues | rest) - log p(wild-type residues | rest) of each mutant, mean over its orders, nats.

    For each order, mutant and wild type get copies of the mutated nodes, which see each other as the order says and the
    rest of the protein as it is.
    """
    copies: list[_Copy] = []
    for mutant, (rows, become, several) in enumerate(zip(where, identities, orders, strict=True)):
        nodes = _nodes(backbone, rows)
        own = backbone.sequence[nodes].tolist()
        for order in several:
            copies += [_Copy(mutant, 1, nodes, list(become), order), _Copy(mutant, -1, nodes, own, order)]
    total = [0.0] * len(where)
    for batch in _batches(copies):
        for copy, log_probs in zip(batch, _log_probs(backbone, batch), strict=True):
            value = float(log_probs[range(len(copy.nodes)), copy.identities].sum())
            total[copy.mutant] += copy.sign * value / len(orders[copy.mutant])
    return total


def ways_back(backbone: Backbone, where: Sequence[Sequence[int]], identities: Sequence[Sequence[int]]) -> list[float]:
    """Sum of the `single` log-odds from each mutant back to the wild type, given the mutated sequence, nats.

    For a mutant of several this is not minus the sum on the way there: their difference is what a sum of singles lacks.
    """
    copies: list[_Copy] = []
    for mutant, (rows, become) in enumerate(zip(where, identities, strict=True)):
        nodes = _nodes(backbone, rows)
        for i in range(len(rows)):  # each comes last once, and so sees all others as mutants
            order = (*(j for j in range(len(rows)) if j != i), i)
            copies.append(_Copy(mutant, 1, nodes, list(become), order))
    total = [0.0] * len(where)
    for batch in _batches(copies):
        for copy, log_probs in zip(batch, _log_probs(backbone, batch), strict=True):
            i = copy.order[-1]
            own = int(backbone.sequence[copy.nodes[i]])
            total[copy.mutant] += float(log_probs[i, own] - log_probs[i, copy.identities[i]])
    return total


def _batches(copies: Sequence[_Copy]) -> Iterator[list[_Copy]]:
    """The copies in their order, in batches of about `_COPIES` nodes."""
    batch: list[_Copy] = []
    nodes = 0
    for copy in copies:
        batch.append(copy)
        nodes += len(copy.nodes)
        if nodes >= _COPIES:
            yield batch
            batch, nodes = [], 0
    if batch:
        yield batch


def _log_probs(backbone: Backbone, copies: Sequence[_Copy]) -> list[Float[Tensor, "_ 20"]]:
    """Log-probabilities of the nodes of each copy, all other residues being known."""
    sizes = [len(copy.nodes) for copy in copies]
    sets = Sets(
        torch.arange(len(copies)).repeat_interleave(torch.tensor(sizes)),
        torch.tensor([node for copy in copies for node in copy.nodes]),
        torch.tensor([amino_acid for copy in copies for amino_acid in copy.identities]),
        torch.tensor([copy.order.index(i) for copy in copies for i in range(len(copy.nodes))]),
    )
    return list(backbone.last(sets).double().log_softmax(-1).split(sizes))


def _check_nodes(backbone: Backbone, structure: Structure, where: Sequence[Sequence[int]]) -> None:
    """ValueError for a residue that lacks an atom which this predictor needs beyond N, CA and C."""
    nodes = set(backbone.rows.tolist())
    for i in (row for rows in where for row in rows):
        if i not in nodes:
            raise ValueError(
                f"{structure.name}: residue {structure.residue_id(i)} lacks one of {', '.join(backbone.model.atoms)} "
                "and cannot be scored with these weights; rebuild it first"
            )


def _nodes(backbone: Backbone, rows: Sequence[int]) -> list[int]:
    """Nodes of rows of the structure, which are in order; every residue with a backbone is one."""
    return torch.searchsorted(backbone.rows, torch.tensor(rows)).tolist()


def _see_each_other(backbone: Backbone, rows: Sequence[int]) -> bool:
    """Whether any of the residues is a neighbor of another."""
    nodes = torch.tensor(_nodes(backbone, rows))
    return bool((backbone.mask[nodes][..., None] & (backbone.neighbors[nodes][..., None] == nodes)).any())

"""Scores of the measured mutations of one structure, from one encoding of it and one of each partner."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import torch

from protein_enn import chemistry
from protein_enn.evaluation.measurements import Measurement
from protein_enn.models.stability import BINDING
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.binding import Complex
from protein_enn.scoring.estimators import DDG_LIKE, ESTIMATORS
from protein_enn.scoring.interactions import interactions, ways_back
from protein_enn.scoring.interface import chains_named
from protein_enn.scoring.log_odds import log_odds, stability_scores
from protein_enn.scoring.multimutants import Mutant
from protein_enn.scoring.stability import head_without, interaction_scale
from protein_enn.structure import Structure
from protein_enn.structure.new_sequence import with_sequence
from protein_enn.structure.substitutions import Substitution, places, residue_index

ADDITIVE = "additive"


@dataclass
class ScoredProtein:
    """Measurements of one protein and their scores, nats, by estimator; higher is better."""

    minus_ddg: list[float] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    asymmetry: list[float] = field(default_factory=list)  # of sums of singles, to the mutant and back, nats
    skipped: int = 0
    sequence: str = ""  # of the chain with the first mutation
    pairs: list[tuple[int, int]] = field(default_factory=list)  # wild type and mutant of single mutations
    terms: list[list[float]] = field(default_factory=list)  # their `single` and `isolated` log-odds
    errors: list[float] = field(default_factory=list)  # expected, kcal/mol; empty where the weights give none
    reversed: list[float] = field(default_factory=list)  # |score there + score back on the mutated sequence|


Sums = dict[str, list[float]]


def _scored(
    backbone: Backbone, mutants: Sequence[Mutant], estimators: Collection[str] = ESTIMATORS
) -> tuple[Sums, list[float], list[float]]:
    """Of one encoding: sums of single scores by estimator, interactions, and sums of singles back to the wild type.

    ValueError as `places` has it.
    """
    index = residue_index(backbone.structure)
    where = [places(backbone.structure, mutant, index) for mutant in mutants]
    become = [[chemistry.AMINO_ACIDS.index(change.mutant) for change in mutant] for mutant in mutants]
    singles = log_odds(backbone, {*estimators, "single"})
    sums = {
        name: [float(values[at, to].double().sum()) for at, to in zip(where, become, strict=True)]
        for name, values in singles.items()
    }
    back = ways_back(backbone, where, become) if estimators else []
    return sums, interactions(backbone, singles["single"], where, become), back


def score_measurements(
    structure: Structure, measured: Sequence[Measurement], predictor: Predictor, against: Sequence[str] = ()
) -> ScoredProtein:
    """Scores from one encoding of the structure, and one of each partner.

    Parameters
    ----------
    structure
        With all chains.
    measured
        Its measurements. Those whose residue is missing, has another wild type or no backbone, and those whose
        partners are missing, are counted as skipped.
    predictor
        For design.
    against
        Columns of the table with other scores.

    Raises
    ------
    ValueError
        A column of `against` is missing or no number.
    """
    good = [measurement for measurement in measured if _can_be_scored(structure, measurement)]
    scored = ScoredProtein(skipped=len(measured) - len(good))
    if not good:
        return scored
    first = good[0].mutations[0]
    (row,) = places(structure, [first])
    chain = structure.chain_ids[int(structure.chains[row])]
    backbone = Backbone(structure, predictor, head=head_without(structure, predictor, [chain]))
    sums, together, back = _scored(backbone, [measurement.mutations for measurement in good])
    scored.minus_ddg = [-measurement.ddg for measurement in good]
    scored.sequence = structure.take(structure.in_chain(chain)).sequence
    for name, estimator in ESTIMATORS.items():
        scale = interaction_scale(predictor, name) if estimator.interacts else 0.0
        scored.scores[name] = [a + scale * b for a, b in zip(sums[name], together, strict=True)]
    changes = [measurement.mutations for measurement in good]
    _describe_singles(scored, backbone, changes)
    single = next((i for i, mutant in enumerate(changes) if len(mutant) == 1), None)
    if single is not None:
        scored.reversed = [abs(sums[DDG_LIKE][single] + _back(backbone, changes[single][0]))]
    scored.scores[ADDITIVE] = sums[DDG_LIKE]
    for name in against:
        scored.scores[name] = [_number(measurement, name) for measurement in good]
    if good[0].partners:
        scored.scores[BINDING] = _binding(structure, good, predictor)
    several = (i for i, measurement in enumerate(good) if len(measurement.mutations) > 1)
    scored.asymmetry = [abs(sums["single"][i] + back[i]) for i in several]
    return scored


def _number(measurement: Measurement, column: str) -> float:
    """Another score of the table; ValueError where there is none."""
    try:
        return float(measurement.row[column] or "")
    except (KeyError, ValueError):
        mutant = ",".join(map(str, measurement.mutations))
        raise ValueError(f"{mutant}: column {column!r} is missing or no number") from None


def _can_be_scored(structure: Structure, measurement: Measurement) -> bool:
    """Whether its residues have scores, and its partners exist."""
    try:
        places(structure, measurement.mutations)
    except ValueError:
        return False
    return {chain for partner in measurement.partners for chain in chains_named(structure, partner)} <= set(
        structure.chain_ids
    )


def _binding(structure: Structure, measured: Sequence[Measurement], predictor: Predictor) -> list[float]:
    """What each mutant does to binding between its partners; ValueError where one has nothing to score."""
    result = [math.nan] * len(measured)
    for partners in sorted({measurement.partners for measurement in measured}):
        groups = tuple(tuple(chains_named(structure, partner)) for partner in partners)
        head = head_without(structure, predictor, [chain for group in groups for chain in group])
        whole = Complex(structure, groups, predictor, head)
        own = [i for i, measurement in enumerate(measured) if measurement.partners == partners]
        index, odds = residue_index(whole.structure), whole.log_odds().double()
        where = [places(whole.structure, measured[i].mutations, index) for i in own]
        become = [[chemistry.AMINO_ACIDS.index(c.mutant) for c in measured[i].mutations] for i in own]
        extra = whole.interactions(where, become)
        for i, at, to, joint in zip(own, where, become, extra, strict=True):
            result[i] = float(odds[at, to].sum()) + joint
    return result


def _back(backbone: Backbone, change: Substitution) -> float:
    """`ddg_like` of the mutation back to the wild type, on the same backbone with the mutant's sequence."""
    structure = backbone.structure
    (i,) = places(structure, [change])
    wild, mutant = (chemistry.AMINO_ACIDS.index(letter) for letter in (change.wild_type, change.mutant))
    residues = structure.residues.clone()
    residues[i] = mutant
    changed = Backbone(with_sequence(structure, residues), backbone.predictor, head=backbone.head)
    return float(log_odds(changed, [DDG_LIKE])[DDG_LIKE][i, wild])


def _describe_singles(scored: ScoredProtein, backbone: Backbone, mutants: Sequence[Mutant]) -> None:
    """Adds amino acids, terms and expected errors of single mutations."""
    with torch.inference_mode():
        given = backbone.conditionals
        terms = torch.stack([backbone.of_residues(table) for table in (given.single, given.isolated)], -1)
    stability = stability_scores(backbone, DDG_LIKE)
    index = residue_index(backbone.structure)
    for mutant in mutants:
        if len(mutant) != 1:
            continue
        (i,) = places(backbone.structure, mutant, index)
        wild, become = (chemistry.AMINO_ACIDS.index(x) for x in (mutant[0].wild_type, mutant[0].mutant))
        scored.pairs.append((wild, become))
        scored.terms.append((terms[i, become] - terms[i, wild]).tolist())
        if stability is not None:
            scored.errors.append(float(stability.error[i, become]))

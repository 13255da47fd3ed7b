"""Several mutations at once: the sum of the single ones, and how they interact.

    score = additive + interaction (nats, higher is better)

`additive` is the sum of the single scores, each given the wild type everywhere else. `interaction` is the joint
log-odds of the mutated residues given the rest of the protein, less the sum of their `single` log-odds
(`scoring.interactions`); 0 under an estimator without interactions (`unconditional`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone, design_predictor
from protein_enn.scoring.estimators import DDG_LIKE
from protein_enn.scoring.interactions import orders_of
from protein_enn.scoring.log_odds import ScoredMutations
from protein_enn.scoring.mutations import MutationResult
from protein_enn.scoring.notes import MutationNotes
from protein_enn.scoring.result import HIGHER, ORIGIN, SOURCE, Column, Provenance
from protein_enn.scoring.stability import training_overlap
from protein_enn.structure import Structure
from protein_enn.structure.given import atoms_advice, check_structure
from protein_enn.structure.substitutions import Substitution, parse_mutant, places, residue_index

Mutant = Sequence[Substitution]


@dataclass(frozen=True)
class MutantScore:
    """What is known of one mutant: nats, 0 for the wild type, higher is better."""

    mutations: str  # "A:H18A,B:T5S"
    additive: float  # sum of the single scores under the estimator
    interaction: float  # joint log-odds less the sum of single log-odds; 0 for one mutation
    orders: int  # of the mutated residues, averaged
    ddg_like: float | None  # kcal/mol, of the estimator ddg_like with a calibration
    ddg_error: float | None = None  # kcal/mol, expected, of stability heads
    notes: str = ""  # what its mutations break or make, "A:C3S: breaks the disulfide to A:40"

    @property
    def score(self) -> float:
        """additive + interaction, nats."""
        return self.additive + self.interaction

    def row(self) -> dict[str, Any]:
        """One row of a table."""
        names = ("mutations", "score", "additive", "interaction", DDG_LIKE, "ddg_error", "orders", "notes")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MutantScores(MutationResult):
    """Scores of named mutants of one structure, in the order they were asked for."""

    kind = "mutants"
    layout = (*SOURCE, "estimator", "groups", "calibration", "training", "seed", *ORIGIN)
    columns: ClassVar = {
        **MutationResult.columns,
        "mutations": Column(None, None, "mutations in author numbering, all made at once: A:H18A,B:T5S"),
        "additive": Column("nats", HIGHER, "sum of the scores of the single mutations"),
        "interaction": Column(
            "nats", HIGHER, "joint log-odds of the mutated residues less the sum of their single ones"
        ),
    }

    mutants: tuple[MutantScore, ...]
    seed: int

    def rows(self) -> list[dict[str, Any]]:
        """One row per mutant."""
        return [mutant.row() for mutant in self.mutants]

    def metrics(self) -> dict[str, Any]:
        """How the mutants were scored."""
        return {**super().metrics(), "seed": self.seed}


def score_mutants(
    structure: Structure,
    mutants: str | Sequence[str | Mutant],
    *,
    groups: str | Sequence[Sequence[str]] | None = None,
    predictor: Predictor | str | Path | None = None,
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
        Such as "A:H18A" or "A:H18A,B:T5S", and "H18A" where the structure has one chain. A text is one mutant, a list
        has one in each entry.
    groups
        The sides of a complex, as for `scan`: scores are then of binding.
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
    if not mutants:
        raise ValueError("no mutant is named: give such as A:H18A,B:T5S")
    mutants = [mutants] if isinstance(mutants, str) else mutants
    parsed = [parse_mutant(mutant, structure) if isinstance(mutant, str) else tuple(mutant) for mutant in mutants]
    predictor = design_predictor(predictor, device, "scan")
    scored = ScoredMutations.of(structure, groups, predictor, estimator)
    index = residue_index(scored.structure)
    where = [places(scored.structure, mutant, index) for mutant in parsed]
    _check_nodes(scored.backbone, where)
    identities = [[chemistry.AMINO_ACIDS.index(change.mutant) for change in mutant] for mutant in parsed]
    extra = scored.interactions(where, identities, seed)
    found, notes, expected = [], MutationNotes(scored.structure), scored.expected
    for mutant, at, to, interaction in zip(parsed, where, identities, extra, strict=True):
        additive = float(scored.scores[at, to].double().sum())
        ddg = None if scored.slope is None else scored.slope * (additive + interaction)
        orders = len(orders_of(len(mutant), seed))
        parts = [(change, notes.of(i, change.mutant)) for change, i in zip(mutant, at, strict=True)]
        error = None
        if expected is not None:
            parts += [(change, expected.note(i, change.mutant)) for change, i in zip(mutant, at, strict=True)]
            error = float(expected.error[at, to].double().norm())
        text = "; ".join(f"{change}: {note}" for change, note in parts if note)
        found.append(MutantScore(",".join(map(str, mutant)), additive, interaction, orders, ddg, error, text))
    return MutantScores(
        structure=scored.structure,
        provenance=Provenance.of(predictor),
        seconds=time.perf_counter() - start,
        estimator=scored.estimator,
        groups=scored.groups,
        calibration=scored.calibration,
        training=training_overlap(scored.structure, predictor),
        stability=expected,
        mutants=tuple(found),
        seed=seed,
    )


def _check_nodes(backbone: Backbone, where: Sequence[Sequence[int]]) -> None:
    """ValueError for a residue that lacks an atom which this predictor needs beyond N, CA and C."""
    structure, nodes = backbone.structure, set(backbone.rows.tolist())
    for i in (row for rows in where for row in rows):
        if i not in nodes:
            raise ValueError(
                f"{structure.name}: residue {structure.residue_id(i)} lacks one of {', '.join(backbone.model.atoms)} "
                f"and cannot be scored with these weights; {atoms_advice(structure, backbone.model.atoms)}"
            )

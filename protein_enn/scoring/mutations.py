"""Every single mutation of a structure in a few passes: log-odds of the mutant over the residue that is there.

`scoring.estimators` says what a score can be. Each is in nats, 0 for the wild type, higher where the mutant is better.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.metrics.accessibility import contact_numbers
from protein_enn.models.stability import BINDING
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import design_predictor
from protein_enn.scoring.estimators import DDG_LIKE, ESTIMATORS
from protein_enn.scoring.interface import Groups
from protein_enn.scoring.log_odds import Expected, ScoredMutations
from protein_enn.scoring.notes import MutationNotes
from protein_enn.scoring.result import HIGHER, LOWER, ORIGIN, SOURCE, Column, Provenance, Result, number
from protein_enn.scoring.stability import NOT_RECORDED, training_overlap
from protein_enn.structure import Structure
from protein_enn.structure.given import check_structure
from protein_enn.structure.substitutions import parse_mutant, places

_NAMES = list(ESTIMATORS)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MutationResult(Result):
    """Scores of mutations of one structure under an estimator; `rows` has one for each."""

    layout: ClassVar[tuple[str, ...]] = (*SOURCE, "estimator", "groups", "calibration", "training", *ORIGIN)
    columns: ClassVar = {
        "estimator": Column(None, None, f"what a mutation's score is: {', '.join(_NAMES)}, or {BINDING} of a complex"),
        "calibration": Column(None, None, "where the slope from score to ddg_like is from, or why there is none"),
        "training": Column(
            None, None, "chains in the training of the weights or like one of it: by measured mutations, by structure"
        ),
        "score": Column(
            "nats", HIGHER, "natural-log odds of the mutant over the amino acid that is there, by `estimator`"
        ),
        DDG_LIKE: Column(
            "kcal/mol", HIGHER, "-ddG of folding, or of binding: score times a slope; positive stabilizes; may be empty"
        ),
        "ddg_error": Column(
            "kcal/mol", LOWER, "expected error of ddg_like, root mean square; empty without heads for it"
        ),
        "notes": Column(
            None, None, "what the mutation breaks or makes: disulfide, link, metal, salt bridge, buried polar contact,"
            " contact with a ligand, glycosylation motif; or that training had few like it"
        ),
    }  # fmt: skip

    estimator: str
    calibration: str  # where the slope to kcal/mol is from, or why there is none
    groups: Groups = ()  # sides of the complex, where scores are of binding
    training: str = NOT_RECORDED  # as `training_overlap` has it
    stability: Expected | None = None  # of weights with heads for what is scored

    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """One row per mutation."""

    def metrics(self) -> dict[str, Any]:
        """How the mutations were scored."""
        groups = "|".join(",".join(group) for group in self.groups)
        return {
            "estimator": self.estimator, "groups": groups, "calibration": self.calibration, "training": self.training
        }  # fmt: skip

    def details(self) -> dict[str, Any]:
        """What was found for each mutation."""
        return {"mutations": self.rows()}

    def noted(self, i: int, mutant: str) -> str:
        """The notes on one mutation."""
        few = "" if self.stability is None else self.stability.note(i, mutant)
        return "; ".join(note for note in (self.notes.of(i, mutant), few) if note)

    @cached_property
    def notes(self) -> MutationNotes:
        """What mutations break, by residue and mutant."""
        return MutationNotes(self.structure)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MutationScan(MutationResult):
    """Scores of all 20 amino acids at every residue: nats, 0 for the wild type, nan where not scored."""

    kind = "scan"
    columns: ClassVar = {
        **MutationResult.columns,
        "number": Column(None, None, "author residue number"),
        "icode": Column(None, None, "insertion code, empty where there is none"),
        "wt": Column(None, None, "amino acid in the structure, one letter"),
        "mutant": Column(None, None, "amino acid in its place, one letter"),
        "burial": Column(None, None, "0 (exposed) to 1 (buried): 1 minus the relative accessible surface"),
        "contacts": Column("residues", None, "residues whose CB is within 10 Å of that of this residue"),
        **{
            letter: Column("nats", HIGHER, f"score of {letter} at this residue, by `estimator`; 0 where it is there")
            for letter in chemistry.AMINO_ACIDS
        },
    }

    scores: Float[Tensor, "n 20"]  # columns in the order of chemistry.AMINO_ACIDS
    slope: float | None  # kcal/mol per nat; None where there is no calibration for the estimator

    @property
    def ddg_like(self) -> Float[Tensor, "n 20"] | None:
        """-ddG in kcal/mol, positive where the mutation stabilizes; None without a calibration."""
        return None if self.slope is None else self.slope * self.scores

    @property
    def errors(self) -> Float[Tensor, "n 20"] | None:
        """Expected error of `ddg_like`, kcal/mol; None without stability heads."""
        return None if self.stability is None else self.stability.error

    def rows(self) -> list[dict[str, Any]]:
        """One row per mutation (19 per scored residue), in the order of the residues."""
        rows = []
        for i, scores in enumerate(self.scores.tolist()):
            residue = self._residue(i)
            for letter, value in zip(chemistry.AMINO_ACIDS, scores, strict=True):
                if letter != residue["wt"] and math.isfinite(value):
                    ddg = None if self.slope is None else self.slope * value
                    scored = {**residue, "mutant": letter, "score": value, DDG_LIKE: ddg, "ddg_error": None}
                    if self.errors is not None:
                        scored["ddg_error"] = float(self.errors[i, chemistry.AMINO_ACIDS.index(letter)])
                    rows.append({**scored, **self._surroundings(i), "notes": self.noted(i, letter)})
        return rows

    def matrix(self) -> list[dict[str, Any]]:
        """One row per scored residue with a column for each amino acid: the score, nats, 0 for the wild type."""
        scored = self.scores.isfinite().all(-1).nonzero()[:, 0].tolist()
        rows = []
        for i in scored:
            values = dict(zip(chemistry.AMINO_ACIDS, self.scores[i].tolist(), strict=True))
            rows.append({**self._residue(i), **values, **self._surroundings(i)})
        return rows

    def of(self, chain: str, number: int, wt: str, mutant: str, icode: str = "") -> float:
        """The score of one mutation in author numbering; ValueError if the residue is not there or not that one."""
        (change,) = parse_mutant(f"{chain}:{wt}{number}{icode}{mutant}")
        (i,) = places(self.structure, [change])
        return float(self.scores[i, chemistry.AMINO_ACIDS.index(mutant)])

    @cached_property
    def _contacts(self) -> list[int]:
        return contact_numbers(self.structure).tolist()

    def _surroundings(self, i: int) -> dict[str, Any]:
        return {"burial": number(float(self.notes.burial[i])), "contacts": self._contacts[i]}

    def _residue(self, i: int) -> dict[str, Any]:
        return {
            "chain": self.structure.chain_ids[int(self.structure.chains[i])],
            "number": int(self.structure.numbers[i]),
            "icode": self.structure.insertion_codes[i],
            "wt": self.structure.sequence[i],
        }


def scan(
    structure: Structure,
    *,
    groups: str | Sequence[Sequence[str]] | None = None,
    predictor: Predictor | str | Path | None = None,
    estimator: str = DDG_LIKE,
    seed: int = 0,
    device: str = "auto",
) -> MutationScan:
    """Score all single mutations: one encoding, one decoding pass, and a pass for the residues alone.

    Parameters
    ----------
    structure
        The backbone and its sequence.
    groups
        The sides of a complex, "A,B|C" or [["A", "B"], ["C"]]: scores are then what mutations do to binding
        (`scoring.binding`), and other chains are left out.
    predictor
        A design predictor; the shipped one by default.
    estimator
        What a score is: a name in `ESTIMATORS`; not used with `groups`.
    seed
        Accepted as all functions of scoring take one: nothing here is random.
    device
        Where the shipped weights are loaded; a given predictor stays where it is.

    Returns
    -------
    MutationScan
        Scores (n, 20) in nats, 0 for the wild type, higher where the mutant is better.

    Raises
    ------
    ValueError
        An unknown estimator, a predictor of another task, a structure with nothing to score, or groups that are no
        sides of an interface.

    Examples
    --------
    >>> import protein_enn as pe
    >>> found = pe.scan(pe.read_structure("examples/1bhl.pdb"))
    >>> len(found.rows()), round(found.of("A", 131, "W", "A"), 1)
    (2565, 1.7)
    """
    del seed
    start = time.perf_counter()
    check_structure(structure)
    predictor = design_predictor(predictor, device, "scan")
    scored = ScoredMutations.of(structure, groups, predictor, estimator)
    return MutationScan(
        structure=scored.structure,
        provenance=Provenance.of(predictor),
        seconds=time.perf_counter() - start,
        estimator=scored.estimator,
        groups=scored.groups,
        calibration=scored.calibration,
        training=training_overlap(scored.structure, predictor),
        stability=scored.expected,
        scores=scored.scores,
        slope=scored.slope,
    )

"""What scores of mutations are compared with: ridge regressions, published columns, and their own expected errors.

A ridge that knows the two amino acids and nothing else is the least that a method has to beat. With the terms of a
design model (`single` and `isolated` log-odds) it shows what is gained by a few numbers. Each protein is predicted by a
fit on a table without its relatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from protein_enn import chemistry
from protein_enn.data.clusters import choose, cluster
from protein_enn.evaluation.datasets import DataError
from protein_enn.evaluation.ranking import paired, spearman
from protein_enn.scoring.estimators import DDG_LIKE

if TYPE_CHECKING:
    from protein_enn.evaluation.mutation_scores import ScoredProtein

RIDGES = ("ridge_amino_acids", "ridge_with_terms")
_PENALTY = 10.0


def add_ridges(proteins: Sequence[ScoredProtein], fitted_on: Sequence[ScoredProtein]) -> None:
    """Adds the scores of both ridges to proteins.

    Parameters
    ----------
    proteins
        With their scores.
    fitted_on
        Whose measurements the ridges are fitted to, except relatives of the protein that is predicted.

    Raises
    ------
    DataError
        A measurement is of several mutations, or nothing is left to fit to.
    """
    every = [*fitted_on, *proteins]
    if any(len(p.pairs) != len(p.minus_ddg) for p in every):
        raise DataError("a ridge is for single mutations: choose tables without multi-mutants")
    clusters = cluster([p.sequence for p in every], choose("auto"))
    of_fit, of_proteins = clusters[: len(fitted_on)], clusters[len(fitted_on) :]
    for name, terms in zip(RIDGES, (False, True), strict=True):
        features = [_features(p, terms) for p in fitted_on]
        for own in set(of_proteins):
            rest = [i for i, other in enumerate(of_fit) if other != own and fitted_on[i].minus_ddg]
            if not rest:
                raise DataError("the table of --baselines has relatives of a protein alone: nothing to fit to")
            x = np.concatenate([features[i] for i in rest])
            y = np.concatenate([fitted_on[i].minus_ddg for i in rest])
            weights = np.linalg.solve(x.T @ x + _PENALTY * np.eye(x.shape[1]), x.T @ y)
            for protein, other in zip(proteins, of_proteins, strict=True):
                if other == own:
                    protein.scores[name] = (_features(protein, terms) @ weights).tolist()


def _features(protein: ScoredProtein, terms: bool) -> np.ndarray:
    """One-hot wild type and mutant, 1, and with `terms` the two log-odds."""
    pairs = np.array(protein.pairs, dtype=int).reshape(-1, 2)
    known = np.eye(len(chemistry.AMINO_ACIDS))
    columns = [known[pairs[:, 0]], known[pairs[:, 1]], np.ones((len(pairs), 1))]
    if terms:
        columns += [np.array(protein.terms, dtype=float).reshape(-1, 2)]
    return np.concatenate(columns, axis=1)


def comparisons(proteins: Sequence[ScoredProtein], names: Sequence[str], seed: int) -> dict[str, float | None]:
    """`ddg_like` less each other score: difference of Spearman correlations, pooled, paired by drawing proteins."""
    result: dict[str, float | None] = {}
    for name in names:
        rows = [(np.array(p.scores[DDG_LIKE]), np.array(p.scores[name]), np.array(p.minus_ddg)) for p in proteins]
        difference, low, high = paired(rows, seed)
        result |= {f"over_{name}": difference, f"over_{name}_low": low, f"over_{name}_high": high}
    return result


def error_calibration(proteins: Sequence[ScoredProtein], slope: float) -> dict[str, float | None]:
    """How expected errors (kcal/mol) agree with the true ones: nothing where the weights give none."""
    if not all(len(p.errors) == len(p.minus_ddg) for p in proteins):
        return {}
    expected = np.concatenate([p.errors for p in proteins])
    true = np.concatenate([slope * np.array(p.scores[DDG_LIKE]) - np.array(p.minus_ddg) for p in proteins])
    return {
        "expected_error": float(np.sqrt(np.mean(expected**2))),
        "expected_error_spearman": spearman(expected, np.abs(true)),
        "within_expected_error": float(np.mean(np.abs(true) < expected)),
    }

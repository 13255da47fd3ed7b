"""A scan is what mutating residue by residue would give, in the field's signs and numbering."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring import scan, score
from protein_enn.structure import Structure


def test_scores_are_log_odds_of_single_mode(bundle: Structure, predictor: Predictor) -> None:
    found = scan(bundle, predictor=predictor)
    single = score(bundle, predictor=predictor, mode="single")
    torch.testing.assert_close(found.scores, single.log_probs - single.log_likelihood[:, None])
    assert (found.scores.gather(1, bundle.residues[:, None]) == 0).all()


def test_a_scan_equals_scoring_the_mutant(bundle: Structure, predictor: Predictor) -> None:
    """The mutant's own single-mode log-likelihood at its place, less the wild type's."""
    i, mutant = 12, int((bundle.residues[12] + 5) % 20)
    residues = bundle.residues.clone()
    residues[i] = mutant
    there = score(replace(bundle, residues=residues), predictor=predictor, mode="single").log_likelihood[i]
    here = score(bundle, predictor=predictor, mode="single").log_likelihood[i]
    assert float(scan(bundle, predictor=predictor).scores[i, mutant]) == pytest.approx(float(there - here), abs=1e-5)


def test_context_free_subtracts_what_the_backbone_alone_says(bundle: Structure, predictor: Predictor) -> None:
    plain, free = (scan(bundle, predictor=predictor, context_free=c) for c in (False, True))
    blind = score(bundle, predictor=predictor, mode="unconditional")
    torch.testing.assert_close(
        plain.scores - free.scores, blind.log_probs - blind.log_likelihood[:, None], atol=1e-5, rtol=0
    )
    assert not torch.allclose(plain.scores, free.scores)


def test_rows_are_in_author_numbering(bundle: Structure, predictor: Predictor) -> None:
    codes = ["", "A", *bundle.insertion_codes[2:]]
    residues = bundle.residues.clone()
    residues[4] = chemistry.UNKNOWN
    found = scan(replace(bundle, insertion_codes=tuple(codes), residues=residues), predictor=predictor)
    rows = found.rows()
    assert len(rows) == 47 * 19
    assert list(rows[0]) == ["chain", "number", "icode", "wt", "mutant", "score"]
    second = rows[19]
    assert (second["chain"], second["number"], second["icode"]) == ("A", 2, "A")
    assert second["wt"] == bundle.sequence[1]
    assert found.of("A", 2, second["wt"], second["mutant"], "A") == pytest.approx(second["score"])
    assert all(row["wt"] != row["mutant"] for row in rows)


def test_a_mutation_that_does_not_exist_is_refused(bundle: Structure, predictor: Predictor) -> None:
    found = scan(bundle, predictor=predictor)
    wt = bundle.sequence[0]
    other = next(letter for letter in chemistry.AMINO_ACIDS if letter != wt)
    with pytest.raises(ValueError, match="no residue A:99"):
        found.of("A", 99, wt, other)
    with pytest.raises(ValueError, match=f"A:1 is {wt}, not {other}"):
        found.of("A", 1, other, wt)
    with pytest.raises(ValueError, match="no amino acid"):
        found.of("A", 1, wt, "B")

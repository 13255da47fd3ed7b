"""A scan is what mutating residue by residue would give, in the field's signs and numbering."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.cli.scanning import MATRIX
from protein_enn.encoders import ENCODERS
from protein_enn.predictor import Predictor, untrained
from protein_enn.scoring import ESTIMATORS, scan, score
from protein_enn.scoring.backbone import Backbone
from protein_enn.structure import HeteroAtoms, Structure


def mutated(structure: Structure, i: int, to: int) -> Structure:
    """The structure with another amino acid in one place."""
    residues = structure.residues.clone()
    residues[i] = to
    return replace(structure, residues=residues)


def far_apart(structure: Structure) -> Structure:
    """Every residue is a chain of its own, a kilometre (in Å: 1,000) from the next."""
    n = len(structure)
    away = torch.zeros(n, 1, 3)
    away[:, 0, 0] = 1000.0 * torch.arange(n)
    ids = tuple(f"c{i}" for i in range(n))
    positions = (structure.positions + away) * structure.present[..., None]
    return replace(structure, positions=positions, chains=torch.arange(n), chain_ids=ids, label_chain_ids=ids)


def context_free(structure: Structure, predictor: Predictor, *, bonded: bool) -> Tensor:
    """Log-probabilities of each residue without any neighbor; all residues have a node here."""
    given = Backbone(structure, predictor).conditionals
    return given.own_backbone if bonded else given.isolated


def test_single_is_the_log_odds_of_single_mode(bundle: Structure, predictor: Predictor) -> None:
    found = scan(bundle, predictor=predictor, estimator="single")
    single = score(bundle, predictor=predictor, mode="single")
    torch.testing.assert_close(found.scores, single.log_probs - single.log_likelihood[:, None])


def test_a_scan_equals_scoring_the_mutant(bundle: Structure, predictor: Predictor) -> None:
    """The mutant's own single-mode log-likelihood at its place, less the wild type's."""
    i, to = 12, int((bundle.residues[12] + 5) % 20)
    there = score(mutated(bundle, i, to), predictor=predictor, mode="single").log_likelihood[i]
    here = score(bundle, predictor=predictor, mode="single").log_likelihood[i]
    found = scan(bundle, predictor=predictor, estimator="single").scores[i, to]
    assert float(found) == pytest.approx(float(there - here), abs=1e-5)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_wild_type_scores_0_and_the_way_back_is_opposite(
    bundle: Structure, predictor: Predictor, estimator: str
) -> None:
    """s(a -> b) = -s(b -> a), the latter scanned from the mutated sequence on the same backbone."""
    i, to = 20, int((bundle.residues[20] + 3) % 20)
    there = scan(bundle, predictor=predictor, estimator=estimator)
    back = scan(mutated(bundle, i, to), predictor=predictor, estimator=estimator)
    assert (there.scores.gather(1, bundle.residues[:, None]) == 0).all()
    assert float(there.scores[i, to]) == pytest.approx(-float(back.scores[i, bundle.residues[i]]), abs=1e-6)
    assert float(there.scores[i, to]) != 0


def test_a_neighbor_changes_what_is_given_its_identity(bundle: Structure, predictor: Predictor) -> None:
    i = 10
    other = mutated(bundle, i + 1, int((bundle.residues[i + 1] + 7) % 20))
    for estimator in ESTIMATORS:
        here, there = (scan(s, predictor=predictor, estimator=estimator).scores[i] for s in (bundle, other))
        assert torch.equal(here, there) == (estimator == "unconditional"), estimator


def test_estimators_are_single_less_their_term(bundle: Structure, predictor: Predictor) -> None:
    single = scan(bundle, predictor=predictor, estimator="single").scores
    found = {}
    for estimator, bonded in (("ddg_like", False), ("own_backbone", True)):
        term = context_free(bundle, predictor, bonded=bonded)
        own = term - term.gather(1, bundle.residues[:, None])
        found[estimator] = scan(bundle, predictor=predictor, estimator=estimator).scores
        torch.testing.assert_close(found[estimator], single - own, atol=1e-5, rtol=0)
    assert not torch.allclose(found["own_backbone"], found["ddg_like"], atol=1e-3)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_isolated_residue_is_what_it_would_be_far_from_all(bundle: Structure, encoder: str) -> None:
    """The masked edges carry nothing, whatever the encoder: the same as really taking the residues apart.

    Equivariant encoders only: another does see where in space a residue is.
    """
    if not ENCODERS[encoder].equivariant:
        return
    predictor = untrained("design", {"encoder": encoder, "k": 8, "decoder_layers": 1, "hidden": 16}, seed=2)
    apart = score(far_apart(bundle), predictor=predictor, mode="unconditional").log_probs
    torch.testing.assert_close(context_free(bundle, predictor, bonded=False), apart, atol=2e-3, rtol=0)


def test_the_isolated_term_knows_nothing_but_its_own_residue(bundle: Structure, predictor: Predictor) -> None:
    i = 9
    moved = bundle.positions.clone()
    moved[:i] += 3.0
    moved[i + 1 :] -= 5.0
    zinc = HeteroAtoms(
        bundle.ca[i : i + 1] + 3.0,
        ("ZN",),
        ("ZN",),
        ("ZN",),
        ("A:99",),
        torch.tensor([1]),
        torch.ones(1),
        torch.ones(1),
    )
    other = mutated(replace(bundle, positions=moved * bundle.present[..., None], hetero=zinc), i + 1, 3)
    here, there = (context_free(s, predictor, bonded=False)[i] for s in (bundle, other))
    torch.testing.assert_close(here, there, atol=1e-5, rtol=0)
    own = bundle.positions.clone()
    own[i, chemistry.ATOM_INDEX["C"]] += 0.5
    assert not torch.allclose(here, context_free(bundle.with_positions(own), predictor, bonded=False)[i], atol=1e-3)


def test_the_bonded_term_knows_its_torsions_and_no_more(bundle: Structure, predictor: Predictor) -> None:
    """The bonded residues' backbones count, as does nothing further away along the chain or in space."""
    i = 9
    far = bundle.positions.clone()
    far[12:] += 4.0
    near = bundle.positions.clone()
    near[i + 1, chemistry.ATOM_INDEX["N"]] += 0.3
    here, same, rotated = (
        context_free(bundle.with_positions(p * bundle.present[..., None]), predictor, bonded=True)[i]
        for p in (bundle.positions, far, near)
    )
    torch.testing.assert_close(here, same, atol=1e-5, rtol=0)
    assert not torch.allclose(here, rotated, atol=1e-4)


def test_rows_are_in_author_numbering(bundle: Structure, predictor: Predictor) -> None:
    codes = ["", "A", *bundle.insertion_codes[2:]]
    residues = bundle.residues.clone()
    residues[4] = chemistry.UNKNOWN
    found = scan(replace(bundle, insertion_codes=tuple(codes), residues=residues), predictor=predictor)
    rows = found.rows()
    assert len(rows) == 47 * 19
    expected = [
        "chain",
        "number",
        "icode",
        "wt",
        "mutant",
        "score",
        "ddg_like",
        "ddg_error",
        "burial",
        "contacts",
        "notes",
    ]
    assert list(rows[0]) == expected
    second = rows[19]
    assert (second["chain"], second["number"], second["icode"]) == ("A", 2, "A")
    assert second["wt"] == bundle.sequence[1]
    assert found.of("A", 2, second["wt"], second["mutant"], "A") == pytest.approx(second["score"])
    assert all(row["wt"] != row["mutant"] for row in rows)


def test_the_matrix_holds_the_same_scores(bundle: Structure, predictor: Predictor) -> None:
    residues = bundle.residues.clone()
    residues[4] = chemistry.UNKNOWN
    found = scan(replace(bundle, residues=residues), predictor=predictor)
    matrix = found.matrix()
    assert len(matrix) == 47 and {*matrix[0]} == {*MATRIX}
    assert all(row[row["wt"]] == 0 for row in matrix)
    table = {(row["chain"], row["number"]): row for row in matrix}
    for row in found.rows():
        assert table[row["chain"], row["number"]][row["mutant"]] == row["score"]


def test_without_a_calibration_there_is_no_ddg(bundle: Structure, predictor: Predictor) -> None:
    """Never nats in the place of kcal/mol."""
    found = scan(bundle, predictor=predictor)
    assert found.ddg_like is None and "not calibrated" in found.calibration
    assert all(row["ddg_like"] is None and row["score"] is not None for row in found.rows())


def test_what_does_not_exist_is_refused(bundle: Structure, predictor: Predictor) -> None:
    found = scan(bundle, predictor=predictor)
    wt = bundle.sequence[0]
    other = next(letter for letter in chemistry.AMINO_ACIDS if letter != wt)
    with pytest.raises(ValueError, match="no residue A:99; chain A has numbers from 1 to 32"):
        found.of("A", 99, wt, other)
    with pytest.raises(ValueError, match="no residue C:1; its chains are A, B"):
        found.of("C", 1, wt, other)
    with pytest.raises(ValueError, match=f"A:1 is {wt}, not {other}"):
        found.of("A", 1, other, wt)
    with pytest.raises(ValueError, match="no mutation like"):
        found.of("A", 1, wt, "B")
    with pytest.raises(ValueError, match="choose one of single, unconditional"):
        scan(bundle, predictor=predictor, estimator="context_free")

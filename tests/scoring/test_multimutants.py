"""Mutations together: the chain rule over the mutated residues, and nothing where they do not see each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
import torch

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring import interactions, scan, score_mutants
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.interactions import orders_of
from protein_enn.structure import Structure
from protein_enn.structure.substitutions import parse_mutant, places

FAR = 200.0


@pytest.fixture
def apart(bundle: Structure) -> Structure:
    """Chain B far from chain A: with 16 neighbors none of A sees any of B."""
    positions = bundle.positions.clone()
    positions[bundle.chains == 1] += FAR
    return bundle.with_positions(positions * bundle.present[..., None])


def named(structure: Structure, rows: Sequence[int], step: int = 4) -> str:
    """A mutant that changes these residues."""
    parts = []
    for i in rows:
        wt, to = structure.sequence[i], chemistry.AMINO_ACIDS[(int(structure.residues[i]) + step) % 20]
        chain, number = structure.residue_id(i).split(":")
        parts.append(f"{chain}:{wt}{number}{to}")
    return ",".join(parts)


def by_hand(structure: Structure, predictor: Predictor, rows: list[int], to: list[int]) -> float:
    """The joint log-odds, residue by residue on whole sequences: mean over all orders."""
    backbone = Backbone(structure, predictor)
    values = []
    for order in permutations(range(len(rows))):
        for identities, sign in ((to, 1), (structure.residues[rows].tolist(), -1)):
            sequence, hidden = backbone.sequence.clone(), set(rows)
            total = 0.0
            for place in order:
                i = rows[place]
                shown = torch.tensor([j not in hidden for j in range(len(structure))])
                logits = backbone.logits(sequence, backbone.all_visible() & shown[backbone.neighbors])
                total += float(logits[i].log_softmax(-1)[identities[place]])
                sequence[i] = identities[place]
                hidden.discard(i)
            values.append(sign * total)
    return sum(values) / (len(values) / 2)


@pytest.mark.parametrize("rows", [[10, 11], [3, 14, 18], [5]])
def test_the_joint_is_the_chain_rule(bundle: Structure, predictor: Predictor, rows: list[int]) -> None:
    (found,) = score_mutants(bundle, [named(bundle, rows)], predictor=predictor, estimator="single").mutants
    to = ((bundle.residues[rows] + 4) % 20).tolist()
    assert found.score == pytest.approx(by_hand(bundle, predictor, rows, to), abs=1e-4)
    singles = scan(bundle, predictor=predictor, estimator="single").scores[rows, to]
    assert found.additive == pytest.approx(float(singles.sum()), abs=1e-6)
    assert (found.interaction == 0) == (len(rows) == 1)


def test_residues_that_see_each_other_interact_and_others_do_not(apart: Structure, predictor: Predictor) -> None:
    near, far = score_mutants(apart, [named(apart, [10, 11]), named(apart, [10, 40])], predictor=predictor).mutants
    assert abs(near.interaction) > 1e-4
    assert far.interaction == 0 and far.score == far.additive


def test_forth_and_back_are_opposite(bundle: Structure, predictor: Predictor) -> None:
    """The joint exactly; the sum of singles, which are given the other's wild type, is not."""
    rows = [10, 11, 14]
    mutant = parse_mutant(named(bundle, rows))
    residues = bundle.residues.clone()
    residues[rows] = (residues[rows] + 4) % 20
    other = replace(bundle, residues=residues)
    for estimator in ("single", "ddg_like"):
        (there,) = score_mutants(bundle, [mutant], predictor=predictor, estimator=estimator).mutants
        back_again = [change.reverse for change in mutant]
        (back,) = score_mutants(other, [back_again], predictor=predictor, estimator=estimator).mutants
        assert there.score == pytest.approx(-back.score, abs=1e-4)
        assert abs(there.additive + back.additive) > 1e-3


def test_mutants_do_not_depend_on_their_batch(
    bundle: Structure, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [named(bundle, rows) for rows in ([1, 2], [2, 3, 4], [30], [7, 40], [1, 2])]
    together = [m.score for m in score_mutants(bundle, wanted, predictor=predictor).mutants]
    alone = [score_mutants(bundle, [mutant], predictor=predictor).mutants[0].score for mutant in wanted]
    monkeypatch.setattr(interactions, "_COPIES", 5)
    small = [m.score for m in score_mutants(bundle, wanted, predictor=predictor).mutants]
    assert together == pytest.approx(alone, abs=1e-5) and small == pytest.approx(alone, abs=1e-5)
    assert together[0] == together[-1]


def test_the_order_of_names_does_not_matter(bundle: Structure, predictor: Predictor) -> None:
    one, other = (named(bundle, rows) for rows in ([10, 11], [11, 10]))
    found = score_mutants(bundle, [one, other], predictor=predictor).mutants
    assert found[0].score == pytest.approx(found[1].score, abs=1e-5)


def test_orders_are_all_of_few_and_some_of_many() -> None:
    assert orders_of(1) == [(0,)] and set(orders_of(2)) == {(0, 1), (1, 0)} and len(set(orders_of(3))) == 6
    many = orders_of(7, seed=3)
    assert len(many) == 8 and all(sorted(order) == list(range(7)) for order in many)
    assert many[1] == many[0][::-1] and many == orders_of(7, seed=3) != orders_of(7, seed=4)


def test_structure_alone_has_no_interaction(bundle: Structure, predictor: Predictor) -> None:
    (found,) = score_mutants(bundle, [named(bundle, [10, 11])], predictor=predictor, estimator="unconditional").mutants
    assert found.interaction == 0


def test_names_with_insertion_codes_and_label_chains(bundle: Structure, predictor: Predictor) -> None:
    codes, numbers = list(bundle.insertion_codes), bundle.numbers.clone()
    codes[5], numbers[5], numbers[0] = "B", numbers[4], -3
    odd = replace(bundle, insertion_codes=tuple(codes), numbers=numbers, label_chain_ids=("A", "X1"))
    letters = odd.sequence
    assert places(odd, parse_mutant(f"A:{letters[5]}5BA; A:{letters[4]}5A,A:{letters[0]}-3G")) == [5, 4, 0]
    assert places(odd, parse_mutant(f"X1:{letters[32]}1G")) == [32]


def test_a_code_that_no_residue_has_is_looked_for_in_the_other_case(bundle: Structure) -> None:
    codes, numbers = list(bundle.insertion_codes), bundle.numbers.clone()
    codes[5], numbers[5] = "B", numbers[4]
    odd, letters = replace(bundle, insertion_codes=tuple(codes), numbers=numbers), bundle.sequence
    assert places(odd, parse_mutant(f"A:{letters[5]}5bA")) == [5]
    codes[6], numbers[6] = "b", numbers[4]
    both = replace(bundle, insertion_codes=tuple(codes), numbers=numbers)
    assert places(both, parse_mutant(f"A:{letters[6]}5bA")) == [6]
    with pytest.raises(ValueError, match="no residue A:5c"):
        places(both, parse_mutant(f"A:{letters[6]}5cA"))


def test_what_cannot_be_is_refused(bundle: Structure, predictor: Predictor) -> None:
    first = bundle.sequence[0]
    wt = "W" if first != "W" else "A"
    for text, message in (
        ("A:H18", "no mutation like A:H18A"), ("", "no mutation is named"), (f"A:{wt}1G", f"A:1 is {first}, not {wt}"),
        (f"A:{first}1{wt},A:{first}1V", "mutated twice"), (f"A:{first}101G", "no residue A:101"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            score_mutants(bundle, [text], predictor=predictor)
    with pytest.raises(ValueError, match="no mutant"):
        score_mutants(bundle, [], predictor=predictor)
    present = bundle.present.clone()
    present[0, chemistry.ATOM_INDEX["N"]] = False
    with pytest.raises(ValueError, match="lacks N, CA or C"):
        score_mutants(replace(bundle, present=present), [f"A:{first}1{wt}"], predictor=predictor)


def test_a_text_is_one_mutant(bundle: Structure, predictor: Predictor) -> None:
    text = named(bundle, [10, 11])
    one, listed = (score_mutants(bundle, given, predictor=predictor) for given in (text, [text]))
    assert one.rows() == listed.rows() and len(one.rows()) == 1


def test_a_chain_may_be_left_out_where_there_is_one(bundle: Structure, predictor: Predictor) -> None:
    alone = bundle.chain("A")
    full = named(alone, [5, 9])
    short = full.replace("A:", "")
    (given,), (found,) = (score_mutants(alone, text, predictor=predictor).mutants for text in (full, short))
    assert found == given and found.mutations == full
    with pytest.raises(ValueError, match=rf"has chains A, B: give it, such as A:{short.split(',')[0]} or B:"):
        score_mutants(bundle, short, predictor=predictor)
    with pytest.raises(ValueError, match="'H18A' names no chain: give it, such as A:H18A"):
        parse_mutant("H18A")

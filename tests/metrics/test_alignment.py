"""Which residue is which of another structure, and what each scoring of an alignment costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.metrics import match_residues
from protein_enn.metrics.alignment import SCORINGS, aligned_positions, aligner, blosum62, match_warning, merged_chains
from protein_enn.structure import Structure

SEQUENCE = "MKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAHRFKDLGEENFKALVLIAFAQYLQQCPF"


def test_numbering_and_gaps_do_not_matter(chain: Structure) -> None:
    keep = torch.ones(len(chain), dtype=torch.bool)
    keep[:4], keep[40:52], keep[-3:] = False, False, False
    model = replace(chain.take(keep), numbers=torch.arange(int(keep.sum())) + 900)
    i, j = match_residues(model, chain)
    assert torch.equal(model.residues[i], chain.residues[j])
    assert len(i) == len(model)
    same = (model.ca[i] - chain.ca[j]).norm(dim=-1) < 1e-3
    assert same.double().mean() > 0.97  # a residue next to the gap may be exchanged with its twin on the other side


def test_mutated_and_unknown_residues_are_left_out(chain: Structure) -> None:
    residues = chain.residues.clone()
    residues[10] = (residues[10] + 1) % 20
    residues[20] = chemistry.UNKNOWN
    expected = [k for k in range(len(chain)) if k not in (10, 20)]
    i, j = match_residues(replace(chain, residues=residues), chain)
    assert i.tolist() == j.tolist() == expected
    unknown = replace(chain, residues=residues)
    assert 20 not in match_residues(unknown, unknown)[0].tolist()


def test_chains_are_matched_by_sequence(globin: Structure) -> None:
    swapped = globin.take(torch.cat([(globin.chains == k).nonzero()[:, 0] for k in (1, 0)]))
    swapped = replace(swapped, chains=1 - swapped.chains, chain_ids=("X", "Y"), label_chain_ids=("X", "Y"))
    i, j = match_residues(swapped, globin)
    assert len(i) == len(globin)
    torch.testing.assert_close(swapped.ca[i], globin.ca[j])
    i, j = match_residues(swapped, globin, "X", "B")
    assert swapped.chains[i].unique().tolist() == [0] and globin.chains[j].unique().tolist() == [1]
    with pytest.raises(ValueError, match="no chain 'Q'"):
        match_residues(swapped, globin, "Q")


def test_a_chain_that_holds_two_chains_of_the_native_is_named(globin: Structure) -> None:
    merged = replace(globin, chains=0 * globin.chains, chain_ids=("M",), label_chain_ids=("M",))
    message = merged_chains(merged, globin)
    assert message is not None and message.startswith("chain M holds chains ") and "A" in message and "B" in message
    assert merged_chains(globin, globin) is None
    assert merged_chains(globin.chain("A"), globin) is None and merged_chains(globin, globin.chain("A")) is None


def test_half_of_the_smaller_must_match() -> None:
    assert match_warning(50, 100, 300) is None
    assert match_warning(49, 100, 300) == "49 of 100 residues match the native (49%): is it the right one?"


@pytest.mark.parametrize("gap", [1, 4, 9])
@pytest.mark.parametrize(
    ("scoring", "opening", "extension"),
    [("identity", 3.0, 0.1), ("global BLOSUM62", 11.0, 1.0), ("local BLOSUM62", 11.0, 1.0)],
)
def test_a_gap_costs_its_opening_and_the_residues_after_the_first(
    scoring: str, opening: float, extension: float, gap: int
) -> None:
    longer = SEQUENCE[:30] + "GSGSGSGSG"[:gap] + SEQUENCE[30:]
    whole, gapped = (float(aligner(scoring).score(SEQUENCE, other)) for other in (SEQUENCE, longer))
    assert whole - gapped == pytest.approx(opening + (gap - 1) * extension)
    ours, theirs = aligned_positions(SEQUENCE, longer, scoring)
    assert ours == list(range(60)) and theirs == [*range(30), *range(30 + gap, 60 + gap)]


@pytest.mark.parametrize("scoring", SCORINGS)
def test_ends_are_free(scoring: str) -> None:
    inner = SEQUENCE[20:45]
    assert aligned_positions(inner, SEQUENCE, scoring) == (list(range(25)), list(range(20, 45)))
    assert aligner(scoring).score(inner, SEQUENCE) == aligner(scoring).score(inner, inner)


def test_unknown_letters_match_nothing() -> None:
    assert aligner("identity").score("X" * 9, "X" * 9) == 0
    for scoring in ("global BLOSUM62", "local BLOSUM62"):
        matrix = aligner(scoring).substitution_matrix
        assert {float(matrix["*", letter]) for letter in (*chemistry.AMINO_ACIDS, "*")} == {-4.0}


def test_blosum62_is_in_the_order_of_the_amino_acids() -> None:
    matrix = torch.tensor(blosum62())
    at = {letter: k for k, letter in enumerate(chemistry.AMINO_ACIDS)}
    assert torch.equal(matrix, matrix.T) and matrix.shape == (20, 20)
    pairs = {"WW": 11, "CC": 9, "AA": 4, "IV": 3, "WG": -2, "LK": -2}  # Henikoff & Henikoff (1992), figure 2
    assert {pair: int(matrix[at[pair[0]], at[pair[1]]]) for pair in pairs} == pairs

"""Columns about the sequence alone: counted by hand."""

from __future__ import annotations

import math

import pytest

from protein_enn import chemistry
from protein_enn.scoring.composition import composition, entropy, low_complexity, motifs


def test_entropy_in_bits() -> None:
    assert entropy("AAAA") == 0
    assert entropy("AACC") == pytest.approx(1.0)
    assert entropy("ACDEFGHIKLMN") == pytest.approx(math.log2(12))


def test_repeats_are_of_low_complexity_and_mixed_sequences_are_not() -> None:
    mixed = chemistry.AMINO_ACIDS
    assert not any(low_complexity(mixed * 3))
    assert all(low_complexity("EK" * 10)) and all(low_complexity("A" * 12))
    low = low_complexity(mixed + "Q" * 20 + mixed)
    assert all(low[20:40]) and not any(low[:10]) and not any(low[50:])
    assert low == low_complexity((mixed + "Q" * 20 + mixed)[::-1])[::-1]


def test_a_segment_needs_a_window_that_triggers() -> None:
    """Six letters twice have log2 6 = 2.58 bits: nothing. 3 + 3 + 2 + 2 + 1 + 1 have 2.46: they only extend."""
    assert not any(low_complexity("ACDEFG" * 2))
    almost = "AAACCCDDEEFG"
    assert 2.2 < entropy(almost) < 2.5
    assert not any(low_complexity(almost))
    assert all(low_complexity("A" * 12 + almost))  # overlapping windows all below 2.5 bits, some below 2.2


def test_short_and_unknown_sequences() -> None:
    assert low_complexity("A" * 11) == []
    assert composition(["A" * 11], ["A" * 11])["low_complexity"] is None
    assert not any(low_complexity("X" * 30)) and not any(low_complexity("AAAAAXAAAAAAX"))


def test_motifs() -> None:
    assert motifs("NAS" + "NPT" + "NNTS" + "NGA" + "NG") == {0, 6, 7}
    assert motifs("") == set()


def test_composition_counts_chains_apart() -> None:
    found = composition(["KRDHC", "NASN", "GT"], ["KRDHC", "NAGN", "GT"])
    assert found["net_charge"] == 1 and found["cysteines"] == 1  # His counts as 0
    assert found["glycosylation_motifs"] == found["new_glycosylation_motifs"] == 1  # N of one chain, GT of the next
    assert found["hydrophobic"] == pytest.approx(1 / 11)
    assert composition(["NAS"], ["NGT"])["new_glycosylation_motifs"] == 0
    assert composition(["AILMFWV"], ["AILMFWV"])["hydrophobic"] == 1

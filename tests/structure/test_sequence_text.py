"""A sequence as text: chains in order or by name, gaps in the numbering, and what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn.structure import Structure
from protein_enn.structure.sequence_text import residues_of_text


@pytest.fixture
def three_chains() -> Structure:
    """Chains A (3), B (2) and C (1) of alanines; B lacks number 2."""
    n = 6
    present = torch.zeros(n, 37, dtype=torch.bool)
    present[:, :3] = True
    numbers = torch.tensor([5, 6, 7, 1, 3, 9])
    return Structure(
        name="x", residues=torch.zeros(n, dtype=torch.long), positions=torch.zeros(n, 37, 3), present=present,
        chains=torch.tensor([0, 0, 0, 1, 1, 2]), chain_ids=("A", "B", "C"), label_chain_ids=("A", "B", "C"),
        numbers=numbers, insertion_codes=("",) * n, label_numbers=numbers, residue_names=("ALA",) * n,
        b_factors=torch.zeros(n, 37), occupancies=present.float(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MEL/GK/V", "MELGKV"),
        ("mel:GK:V", "MELGKV"),
        ("MELGKV", "MELGKV"),
        ("MEL/GXK/V", "MELGKV"),
        ("MEL/G-K/V", "MELGKV"),
        ("C=V/B=GK", "AAAGKV"),
    ],
)
def test_chains_in_order_or_by_name(three_chains: Structure, text: str, expected: str) -> None:
    assert replace(three_chains, residues=residues_of_text(three_chains, text)).sequence == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ME/GKL/V", "a sequence of 2 for a chain of 3 residues, A; give a letter for each"),
        ("MEL/GXXK/V", r"a sequence of 4 for a chain of 2 residues, B \(numbers 1 to 3\)"),
        ("MEL/GK", r"2 chains with 5 letters, but the structure has 3 chains of 3 \+ 2 \+ 1 residues"),
        ("D=V", "a sequence for chain 'D', which is not there; A, B, C are"),
        ("MEX/GK/V", "'X' for residue A:7 is no amino acid"),
    ],
)
def test_what_does_not_fit_is_said(three_chains: Structure, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        residues_of_text(three_chains, text)

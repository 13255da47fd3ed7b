"""Label numbers of files without label_seq_id are the order in the chain: insertion codes and jumps are names."""

from __future__ import annotations

import pytest


def peptide_numbered(peptide, numbers):
    """Glycines named by numbers with insertion codes, all bonded."""
    atoms = peptide("G" * len(numbers))
    for i, number in enumerate(numbers):
        for atom in atoms[4 * i : 4 * i + 4]:
            code = number[-1:] if number[-1:].isalpha() else ""
            atom |= {"number": int(number.removesuffix(code)), "icode": code}
    return atoms


def shifted(atoms, after, by=10.0):
    """All atoms beyond residue `after` moved along z."""
    for atom in atoms[4 * (after + 1) :]:
        atom["z"] += by
    return atoms


@pytest.mark.parametrize(
    "numbers",
    [
        ["52", "52A", "52B", "53"],  # Kabat
        ["111", "111A", "112A", "112"],  # IMGT: descending codes
        ["10", "30", "31", "90"],  # jumps over bonds
        ["5", "5A", "4", "4A"],
        ["-1", "0", "1", "2"],
    ],
)
def test_bonded_neighbors_have_consecutive_label_numbers(peptide, file_of, read, numbers):
    structure = read(file_of(peptide_numbered(peptide, numbers), "pdb"))
    assert [structure.residue_id(i)[2:] for i in range(4)] == numbers
    assert structure.label_numbers.diff().tolist() == [1, 1, 1]
    assert structure.label_numbers[0] == structure.numbers[0]


@pytest.mark.parametrize(
    ("numbers", "step"),
    [(["1", "2", "8", "9"], 6), (["1", "2", "2A", "3"], 1), (["10", "11", "3", "4"], 1), (["1", "2", "3", "4"], 1)],
)
def test_a_chain_break_keeps_the_gap_that_the_numbers_have(peptide, file_of, read, numbers, step):
    structure = read(file_of(shifted(peptide_numbered(peptide, numbers), 1), "pdb"))
    assert structure.label_numbers.diff().tolist() == [1, step, 1]
    assert len(structure.audit.gaps) == 1


def test_where_c_is_missing_the_cas_decide(peptide, file_of, read):
    atoms = peptide_numbered(peptide, ["1", "5", "9"])
    structure = read(file_of([a for a in atoms if a["name"] != "C"], "pdb"))
    assert structure.label_numbers.tolist() == [1, 2, 3]


def test_each_chain_counts_from_its_own_first_number(peptide, file_of, read):
    atoms = [*peptide("GG", start=7), *peptide("GG", chain="B", start=100, origin=(0, 9, 0))]
    assert read(file_of(atoms, "pdb")).label_numbers.tolist() == [7, 8, 100, 101]


def test_label_numbers_of_the_file_stay(cif, peptide, file_of, read):
    atoms = peptide("GGG")
    for i, atom in enumerate(atoms):
        atom["label_number"] = (3, 9, 11)[i // 4]
    assert read(file_of(atoms, cif)).label_numbers.tolist() == [3, 9, 11]
    assert read(file_of(atoms, cif, drop=("label_seq_id",))).label_numbers.tolist() == [1, 2, 3]


def test_a_wrong_scale_is_seen_in_a_chain_named_by_insertion_codes(peptide, file_of, read):
    atoms = peptide_numbered(peptide, [f"52{code}" for code in "ABCDEFGHIJKL"])
    for i, atom in enumerate(atoms):
        atom |= {"x": 5 * atom["x"], "y": 5 * atom["y"], "z": float(i % 4)}
    structure = read(file_of(atoms, "pdb"))
    assert "scale" in [finding.code for finding in structure.audit.findings]

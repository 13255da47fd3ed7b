"""Capped peptides: atoms, charges, valences, chirality, the same molecule every time."""

from __future__ import annotations

import random

import numpy as np
import pytest

from protein_enn.quantum import libraries
from protein_enn.quantum.molecules import ATOM_COUNTS, CHARGES, MOST_ATOMS, Peptide, atom_count, build, sequences

pytest.importorskip("openmm")

VALENCES = {1: {1}, 6: {3, 4}, 7: {2, 3, 4}, 8: {1, 2}, 16: {2}}
"""Neighbors that an atom of each element may have."""


def volume(peptide: Peptide, center: str, *around: str) -> float:
    """Signed volume of the vectors to three atoms of the first residue."""
    x = peptide.positions
    middle = x[peptide.index(1, center)]
    return float(np.linalg.det([x[peptide.index(1, atom)] - middle for atom in around]))


@pytest.mark.parametrize("kind", ATOM_COUNTS)
def test_a_capped_residue_has_its_atoms_charge_and_valences(kind: str) -> None:
    peptide = build((kind,))
    assert len(peptide.elements) == atom_count((kind,)) == len(set(peptide.atoms))
    assert peptide.charge == CHARGES.get(kind, 0)
    assert (int(peptide.elements.sum()) - peptide.charge) % 2 == 0  # all electrons are paired
    neighbors = np.bincount(peptide.bonds.ravel(), minlength=len(peptide.elements))
    for element, count in zip(peptide.elements.tolist(), neighbors.tolist(), strict=True):
        assert count in VALENCES[element]
    lengths = np.linalg.norm(np.subtract(*peptide.positions[peptide.bonds.T]), axis=1)
    assert lengths.min() > 0.9 and lengths.max() < 1.9


@pytest.mark.parametrize("kind", sorted(ATOM_COUNTS.keys() - {"GLY"}))
def test_residues_are_l_amino_acids(kind: str) -> None:
    assert volume(build((kind,)), "CA", "N", "C", "CB") > 1.0


def test_side_chains_with_a_chiral_center_have_the_natural_one() -> None:
    assert volume(build(("ILE",)), "CB", "CA", "CG1", "CG2") * volume(build(("THR",)), "CB", "CA", "OG1", "CG2") > 0
    assert volume(build(("ILE",)), "CB", "CA", "CG1", "CG2") > 1.0


def test_capped_alanine_has_22_atoms_with_names() -> None:
    molecule = build(("ALA",)).molecule
    assert (molecule.name, len(molecule.elements), molecule.charge, molecule.set) == ("ACE-ALA-NME", 22, 0, "train")
    assert sorted(molecule.elements) == [1] * 12 + [6] * 6 + [7] * 2 + [8] * 2
    assert {"ACE CH3", "ALA1 CA", "ALA1 HB3", "NME N"} < set(molecule.atoms)


@pytest.mark.parametrize(
    ("kind", "hydrogens"),
    [
        ("HID", {"HD1"}), ("HIE", {"HE2"}), ("HIP", {"HD1", "HE2"}), ("ASP", set()), ("ASH", {"HD2"}),
        ("GLU", set()), ("GLH", {"HE2"}), ("LYS", {"HZ1", "HZ2", "HZ3"}), ("LYN", {"HZ1", "HZ2"}), ("CYS", {"HG"}),
    ],
)  # fmt: skip
def test_protonation_states_have_their_hydrogens(kind: str, hydrogens: set[str]) -> None:
    polar = {7, 8, 16}
    peptide = build((kind,))
    found = set()
    for one, two in np.concatenate([peptide.bonds, peptide.bonds[:, ::-1]]).tolist():
        residue, name = peptide.atoms[two]
        if residue == 1 and name != "H" and peptide.elements[one] in polar and peptide.elements[two] == 1:
            found.add(name)
    assert found == hydrogens


def test_dipeptides_have_at_most_45_atoms() -> None:
    kinds = sequences()
    assert max(map(atom_count, kinds)) == MOST_ATOMS == 45
    assert len(kinds) == len(set(kinds)) and {len(kind) for kind in kinds} == {1, 2}
    assert {residue for kind in kinds if len(kind) == 2 for residue in kind} == ATOM_COUNTS.keys()
    peptide = build(("HIP", "ASP"))
    assert (len(peptide.elements), peptide.charge) == (42, 0)
    assert peptide.molecule.atoms[-1] == "NME H3" and "ASP2 OD1" in peptide.molecule.atoms


def test_a_molecule_is_the_same_every_time_and_leaves_random_alone() -> None:
    positions, numbers = [], []
    for seed in (7, 8):
        random.seed(seed)
        positions.append(build.__wrapped__(("SER",)).positions)
        numbers.append(random.random())
    assert np.array_equal(positions[0], positions[1]) and numbers[0] != numbers[1]


@pytest.mark.parametrize("residues", [(), ("ALA", "XYZ")])
def test_an_unknown_residue_type_is_refused(residues: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"choose among ALA, ARG"):
        build(residues)


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("tblite", "tblite.interface", "openmm"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    for library in (libraries.tblite, libraries.openmm):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'protein-enn\[quantum\]'"):
            library()

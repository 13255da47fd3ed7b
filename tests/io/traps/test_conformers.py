"""One position, several answers: alternative conformers, two residue types, atoms given twice, occupancies."""

from __future__ import annotations

import pytest

from protein_enn import chemistry
from protein_enn.data.chain import Chain
from protein_enn.io import FormatError

CB, OG = chemistry.CB, chemistry.ATOM_INDEX["OG"]


def serine(atom, *side):
    """Atoms of a side chain, each (name, label, occupancy, x)."""
    return [atom(n, 2, x, y=3.0, residue="SER", alt=alt, occ=occ, element=n[0]) for n, alt, occ, x in side]


@pytest.mark.parametrize(
    ("a", "b", "chosen"),
    [
        ((0.9, 0.1), (0.3, 0.8), "B"),  # atom by atom CB would be A's and OG B's: a residue that never was
        ((0.6, 0.6), (0.4, 0.4), "A"),
        ((0.5, 0.5), (0.5, 0.5), "A"),  # equal: the lowest label, though B stands first in the file
    ],
)
def test_all_atoms_of_a_residue_are_of_one_conformer(kind, peptide, atom, file_of, read, a, b, chosen):
    """Taking the best label atom by atom mixes conformers into a residue that never existed."""
    atoms = peptide("ASA")
    atoms[9:10] = serine(
        atom, ("CB", "B", b[0], 6.0), ("OG", "B", b[1], 7.0), ("CB", "A", a[0], 4.0), ("OG", "A", a[1], 5.0)
    )
    structure = read(file_of(atoms, kind))
    assert structure.positions[1, [CB, OG], 0].tolist() == ([6.0, 7.0] if chosen == "B" else [4.0, 5.0])
    assert structure.present.sum(1).tolist() == [5, 6, 5], "atoms without a label belong to every conformer"
    assert structure.audit.atoms.dropped == {"other conformer": 2}
    assert "A:2" in {place for f in structure.audit.findings for place in f.places}


def test_each_residue_has_its_own_best_conformer_which_may_lack_atoms(kind, peptide, atom, file_of, read):
    """The better conformer of one residue says nothing about its neighbor's; its missing atoms are not filled in."""
    atoms = peptide("ASA")
    atoms[9:10] = serine(atom, ("CB", "A", 0.3, 4.0), ("OG", "A", 0.3, 5.0), ("CB", "B", 0.7, 6.0))
    atoms[-1] = {**atoms[-1], "alt": "A", "occ": 0.8}
    atoms.append({**atoms[-1], "alt": "B", "occ": 0.2, "x": 30.0})
    structure = read(file_of(atoms, kind))
    assert structure.positions[1, CB, 0] == 6.0 and not structure.present[1, OG]
    assert structure.positions[2, CB, 0] != 30.0
    assert structure.audit.atoms.dropped == {"other conformer": 3}


def test_a_whole_residue_in_two_conformers_is_read_once(kind, peptide, file_of, read):
    """Labels on the backbone too: the chain must stay bonded through the one that is kept."""
    atoms = peptide("AAA")
    first = [{**a, "alt": "A", "occ": 0.4} for a in atoms[5:10]]
    second = [{**a, "alt": "B", "occ": 0.6, "z": a["z"] + 0.2} for a in atoms[5:10]]
    mixed = [a for pair in zip(first, second, strict=True) for a in pair]
    structure = read(file_of([*atoms[:5], *mixed, *atoms[10:]], kind))
    assert structure.positions[1, chemistry.CA, 2] == pytest.approx(0.2)
    assert not structure.audit.gaps and len(structure) == 3


def test_two_residue_types_at_one_number_are_one_residue(kind, peptide, file_of, read):
    """Microheterogeneity: parsers hand out two residues at one number, and the sequence grows by one."""
    atoms = peptide("ASA")
    serine = [{**a, "alt": "A", "occ": 0.3} for a in atoms[5:10]]
    threonine = [{**a, "alt": "B", "occ": 0.7, "residue": "THR", "z": a["z"] + 0.1} for a in atoms[5:10]]
    structure = read(file_of([*atoms[:5], *serine, *threonine, *atoms[10:]], kind))
    assert structure.sequence == "ATA" and structure.residue_names[1] == "THR"
    assert structure.positions[1, :5, 2].sum() > 0.4
    assert structure.audit.atoms.dropped == {"other conformer": 5}


def test_two_residue_types_without_labels_are_one_residue_across_record_types(kind, peptide, file_of, read):
    """Methionine (ATOM) and selenomethionine (HETATM) at one place, and no label to tell them apart."""
    atoms = peptide("AMA")
    whole = [{**a, "occ": 0.4} for a in atoms[5:10]]
    heavy = [{**a, "occ": 0.6, "residue": "MSE", "record": "HETATM"} for a in atoms[5:10]]
    structure = read(file_of([*atoms[:5], *whole, *heavy, *atoms[10:]], kind))
    assert structure.residue_names == ("ALA", "MSE", "ALA")
    assert sum(structure.audit.atoms.dropped.values()) == 5


@pytest.mark.parametrize(("text", "value"), [(0.0, 0.0), ("", 1.0), ("0.00", 0.0)])
def test_an_occupancy_of_zero_stays_and_a_blank_is_one(kind, peptide, file_of, read, text, value):
    """An occupancy that is not given counts as full; an atom of occupancy zero is still an atom of the file."""
    atoms = peptide("AA")
    atoms[4] = {**atoms[4], "occ": text}
    structure = read(file_of(atoms, kind))
    assert structure.present[0, CB] and structure.occupancies[0, CB] == value
    assert structure.occupancies[1, CB] == 1.0


def test_a_negative_occupancy_is_refused_without_repair(kind, peptide, file_of, refused):
    """A negative occupancy would reverse the choice of conformers."""
    atoms = peptide("AA")
    atoms[4] = {**atoms[4], "occ": -0.5}
    message = refused(file_of(atoms, kind), FormatError, "-0.5", "negative", repair=False)
    assert ("line 5" if kind == "pdb" else "row 5") in message


@pytest.mark.parametrize("text", ["abc", "nan", "inf", "******"])
def test_an_occupancy_that_is_no_number_is_refused(kind, peptide, file_of, refused, text):
    """Only a blank means one: other text is a column read wrong."""
    atoms = peptide("AA")
    atoms[4] = {**atoms[4], "occ": text}
    refused(file_of(atoms, kind), FormatError, "occupancy", "line 5" if kind == "pdb" else "row 5")


@pytest.mark.parametrize("item", ["occ", "b"])
def test_numbers_beyond_single_precision_never_become_infinite(cif, peptide, file_of, read, refused, item):
    """1e300 is a number, and infinite as soon as it becomes a 32-bit float: refused or set aside, never infinite."""
    atoms = peptide("AA")
    atoms[4] = {**atoms[4], item: "1e300"}
    try:
        structure = read(file_of(atoms, cif))
    except FormatError as error:
        assert "row 5" in str(error)
    else:
        assert structure.occupancies.isfinite().all() and structure.b_factors.isfinite().all()


def test_atoms_of_occupancy_zero_are_no_targets(peptide, file_of, read):
    """Atoms of occupancy zero were placed, not observed: no loss may be taken against them."""
    atoms = peptide("A" * 4)
    atoms[4] = {**atoms[4], "occ": 0.0}
    chain = Chain.of(read(file_of(atoms, "pdb")))
    assert chain.mask.sum(1).tolist() == [4, 5, 5, 5]
    blind = Chain.of(read(file_of([{**a, "occ": 0.0} for a in atoms], "pdb")))
    assert blind.mask.sum() == 20, "where every occupancy is zero it says nothing"


def test_an_atom_given_twice_counts_once(kind, peptide, file_of, read):
    """The same line twice: two atoms in one place have no finite distance to divide by."""
    atoms = peptide("AA")
    structure = read(file_of([*atoms, atoms[1], atoms[7]], kind))
    assert int(structure.present.sum()) == 10
    assert structure.audit.atoms.dropped == {"given twice": 2}
    assert structure.audit.severity in ("warning", "error")


def test_two_positions_of_one_atom_are_refused_without_repair(kind, peptide, file_of, refused):
    """Two full CA atoms of one residue: which is right, only a person can say."""
    atoms = peptide("AA")
    message = refused(file_of([*atoms, {**atoms[1], "x": 50.0}], kind), FormatError, "CA", "A:1", repair=False)
    places = ("line 11", "line 2") if kind == "pdb" else ("row 11", "row 2")
    assert all(place in message for place in places), message


def test_two_residues_under_one_number_are_refused(kind, peptide, file_of, refused):
    """Two chains merged under one id: without labels, and both of full occupancy, neither is the other's conformer."""
    atoms = [*peptide("AMA"), *peptide("SGS", origin=(0.0, 9.0, 0.0))]
    message = refused(file_of(atoms, kind), FormatError, "A:1")
    assert ("line 16" if kind == "pdb" else "row 16") in message


def test_a_context_atom_given_twice_counts_once(kind, peptide, atom, file_of, read):
    """The same line twice is one atom also in a ligand; the same name elsewhere is another atom."""
    ligand = atom("C1", 201, 30.0, residue="LIG", record="HETATM", element="C")
    water = atom("O", 301, 35.0, residue="HOH", record="HETATM")
    twice = [ligand, ligand, {**ligand, "x": 32.0}, water, {**water, "x": 39.0}]
    structure = read(file_of([*peptide("AA"), *twice], kind))
    assert structure.hetero.positions[:, 0].tolist() == [30.0, 32.0, 35.0, 39.0]
    assert structure.audit.atoms.dropped == {"given twice": 1}


def test_of_conformers_that_lost_their_labels_the_first_is_taken(kind, peptide, file_of, read):
    """Occupancies that add up to one show that the labels were lost: the first one is taken, the other counted."""
    atoms = peptide("AA")
    atoms[9] = {**atoms[9], "occ": 0.5}
    structure = read(file_of([*atoms, {**atoms[9], "x": 9.0}], kind))
    assert structure.positions[1, CB, 0] == pytest.approx(atoms[9]["x"])
    assert sum(structure.audit.atoms.dropped.values()) == 1


def test_interleaved_chains_are_gathered(kind, peptide, file_of, read):
    """Residues of two chains in turn: gathered by chain, each in the order of the file."""
    first, second = peptide("AMG"), peptide("GSA", chain="B", origin=(0.0, 9.0, 0.0))
    mixed = [a for i in (1, 2, 3) for chain in (first, second) for a in chain if a["number"] == i]
    structure = read(file_of(mixed, kind))
    assert structure.chains.tolist() == [0, 0, 0, 1, 1, 1] and structure.sequence == "AMGGSA"
    assert not structure.audit.gaps and structure.source.rows[3, 0] == 5


def test_a_residue_in_two_places_of_the_file_is_one(kind, peptide, file_of, read):
    """Side chains at the end of the file make two residues of one for who only looks at the line before."""
    atoms = peptide("AAA")
    side = [a for a in atoms if a["name"] == "CB"]
    structure = read(file_of([*(a for a in atoms if a["name"] != "CB"), *side], kind))
    assert structure.sequence == "AAA" and structure.present.sum(1).tolist() == [5, 5, 5]
    whole = read(file_of(atoms, kind))
    assert structure.positions.equal(whole.positions)
    assert any("split" in line for line in structure.audit.lines())
    assert not any("split" in line for line in whole.audit.lines())

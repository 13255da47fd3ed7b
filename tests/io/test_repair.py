"""A few impossible atoms do not make a file unreadable: they are repaired or dropped, counted, and an error."""

from __future__ import annotations

import pytest

from protein_enn.io import FormatError, read_structure, write_structure


def errors(structure):
    return [finding.code for finding in structure.audit.findings if finding.severity == "error"]


def model(peptide, shift=0.0, chains="A", sequence="AGAGAG"):
    """One model of one or two chains; all atoms are moved by `shift` Å along z."""
    atoms = [a for i, chain in enumerate(chains) for a in peptide(sequence, chain=chain, origin=(0, 12.0 * i, shift))]
    return atoms


def with_ters(data, every):
    lines = data.split(b"\n")
    return b"\n".join(
        text for i, line in enumerate(lines, 1) for text in ([line, b"TER"] if i % every == 0 else [line])
    )


def test_an_atom_given_again_elsewhere_is_dropped_and_an_error(kind, peptide, atom, file_of, read, refused):
    atoms = [*peptide("AAA"), atom("CB", 2, 3.0, y=7.0)]
    data = file_of(atoms, kind)
    structure = read(data)
    assert errors(structure) == ["conflicting-atoms"] and structure.audit.atoms.dropped == {"given twice": 1}
    assert structure.positions.equal(read(file_of(peptide("AAA"), kind)).positions)
    refused(data, FormatError, "already given", repair=False)


def test_a_negative_occupancy_is_taken_as_0_and_an_error(kind, peptide, file_of, read, refused):
    atoms = peptide("AAA")
    atoms[6]["occ"] = -1.0
    data = file_of(atoms, kind)
    structure = read(data)
    assert errors(structure) == ["negative-occupancy"] and structure.occupancies[1, 1] == 0
    assert structure.occupancies.min() == 0 and structure.present.sum() == 15
    refused(data, FormatError, "negative", repair=False)


def test_a_digit_as_insertion_code_becomes_a_letter_that_is_free(kind, peptide, file_of, read, refused):
    atoms = peptide("AAAA")
    for residue, code in ((1, ""), (2, "A"), (3, "5")):
        for a in atoms[5 * residue : 5 * residue + 5]:
            a |= {"number": 2, "icode": code}
    data = file_of(atoms, kind)
    structure = read(data)
    assert errors(structure) == ["digit-insertion-code"] and structure.insertion_codes == ("", "", "A", "B")
    refused(data, FormatError, "is a digit", repair=False)


@pytest.mark.parametrize("chains", ["A", "AB"])
@pytest.mark.parametrize("ters", [False, True])
def test_models_without_model_lines_are_read_as_the_first(peptide, file_of, read, chains, ters):
    first = model(peptide, chains=chains)
    atoms = [*first, *model(peptide, 1.0, chains), *model(peptide, -1.5, chains)]
    data = file_of(atoms, "pdb")
    structure = read(with_ters(data, len(first) // len(chains)) if ters else data)
    assert errors(structure) == ["models-without-lines"]
    assert structure.chain_ids == tuple(chains)
    assert structure.positions.equal(read(file_of(first, "pdb")).positions)
    assert structure.audit.atoms.dropped == {"model without MODEL lines": 2 * len(first)}


def test_ions_of_the_models_that_were_dropped_are_dropped(peptide, atom, file_of, read):
    atoms = []
    for i, shift in enumerate((0.0, 1.0)):
        zinc = atom("ZN", 99, 9.0 + i, residue="ZN", element="ZN", record="HETATM")
        atoms += [*model(peptide, shift), zinc]
    structure = read(file_of(atoms, "pdb"))
    assert structure.hetero.positions[:, 0].tolist() == [9.0]


def test_a_copy_beside_the_first_is_a_chain_of_its_own(peptide, file_of, read, refused):
    data = file_of([*model(peptide), *model(peptide, 15.0)], "pdb")
    structure = read(data)
    assert structure.chain_ids == ("A", "B") and len(structure) == 12 and not structure.audit.atoms.dropped
    assert errors(structure) == ["chains-not-ended"]
    refused(data, FormatError, "already given", repair=False)


def test_a_chain_given_twice_exactly_or_as_conformers_is_no_error(peptide, file_of, read):
    assert errors(read(file_of([*model(peptide), *model(peptide)], "pdb"))) == []
    halves = [{**a, "occ": 0.5} for a in (*model(peptide), *model(peptide, 1.0))]
    assert errors(read(file_of(halves, "pdb"))) == []


@pytest.mark.parametrize("damage", ["occupancy", "code", "models", "twice"])
def test_a_repaired_file_is_written_in_place(peptide, atom, file_of, damage, tmp_path):
    atoms = model(peptide)
    if damage == "occupancy":
        atoms[3]["occ"] = -0.5
    elif damage == "code":
        atoms[0:5] = [{**a, "icode": "7"} for a in atoms[:5]]
    elif damage == "models":
        atoms += model(peptide, 1.0)
    else:
        atoms.append(atom("CB", 1, 3.0, y=7.0))
    data = file_of(atoms, "pdb")
    structure = read_structure(data)
    assert errors(structure)
    write_structure(structure, tmp_path / "same.pdb")
    assert (tmp_path / "same.pdb").read_bytes() == data
    moved = structure.with_positions(structure.positions + 1.0)
    write_structure(moved, tmp_path / "moved.pdb")
    assert (tmp_path / "moved.pdb").read_bytes().count(b"ATOM") == len(atoms)
    assert read_structure(tmp_path / "moved.pdb").positions.allclose(moved.positions, atol=1e-3)

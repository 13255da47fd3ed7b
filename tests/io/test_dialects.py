"""PDB files of simulation and design programs: long names, ions, terminal oxygens, tables behind the atoms, ligands."""

from __future__ import annotations

import pytest

from protein_enn.io import FormatError

FAR = (30.0, 30.0, 30.0)


def ids(structure):
    return [structure.residue_id(i) for i in range(len(structure))]


def rewritten(data: bytes, old: str, new: str) -> bytes:
    """The same lines with other residue name and chain columns (18-22)."""
    assert len(old) == len(new) == 5 and old.encode() in data
    return data.replace(old.encode(), new.encode())


def molecule(atom, name, number, *, chain, element="C", x=20.0, **fields):
    return atom(name, number, x, chain=chain, element=element, record="HETATM", **fields)


@pytest.mark.parametrize("lipid", ["POPC", "DPPE", "DOPS", "CHL1", "SDPC"])
@pytest.mark.parametrize("water", ["TIP3", "TIP4", "SPCE"])
def test_four_letter_names_are_read_in_files_that_have_several(peptide, atom, file_of, read, lipid, water):
    atoms = [
        *peptide("AC", chain="P"),
        molecule(atom, "C1", 1, chain="M", residue="LLL"),
        molecule(atom, "O", 1, chain="W", residue="WWW", element="O", y=9.0),
    ]
    data = rewritten(file_of(atoms, "pdb"), "LLL M", f"{lipid}M")
    data = rewritten(rewritten(data, "WWW W", f"{water}W"), "CYS P", "CYS2P")
    structure = read(data)
    assert ids(structure) == ["P:1", "P:2"] and structure.residue_names == ("ALA", "CYS2")
    assert structure.hetero.residue_names == (lipid, water)
    assert structure.hetero.residue_ids == ("M:1", "W:1")


def test_chain_ids_of_two_characters_are_read_beside_four_letter_names(peptide, atom, file_of, read):
    """Chain 2P has an alanine, so its cysteine is CYS, and pyrophosphate in chain CP of a protein is no lipid."""
    atoms = [*peptide("AC", chain="2P"), *peptide("GG", chain="CP", origin=FAR)]
    atoms += [molecule(atom, "P1", 9, chain="CP", residue="POP", element="P")]
    atoms += [molecule(atom, "O", 1, chain="W", residue="WWW", element="O", y=9.0)]
    structure = read(rewritten(file_of(atoms, "pdb"), "WWW W", "TIP3W"))
    assert structure.chain_ids == ("2P", "CP") and structure.residue_names == ("ALA", "CYS", "GLY", "GLY")
    assert structure.hetero.residue_ids == ("CP:9", "W:1") and structure.hetero.residue_names == ("POP", "TIP3")


def test_an_unlisted_name_is_of_four_letters_where_the_line_has_a_segment_id(peptide, atom, file_of, read):
    atoms = [*peptide("AA"), molecule(atom, "C1", 1, chain="M", residue="LLL")]
    data = rewritten(file_of(atoms, "pdb"), "LLL M", "QXY7M")
    assert read(data).hetero.residue_ids == ("7M:1",)
    lines = [line[:72] + b"MEMB" + line[76:] if b"QXY7" in line else line for line in data.split(b"\n")]
    structure = read(b"\n".join(lines))
    assert structure.hetero.residue_ids == ("M:1",) and structure.hetero.residue_names == ("QXY7",)


@pytest.mark.parametrize(
    ("name", "residue", "element"),
    [
        ("SOD", "SOD", "NA"), ("CLA", "CLA", "CL"), ("POT", "POT", "K"), ("CAL", "CAL", "CA"), ("CES", "CES", "CS"),
        ("ZN", "ZN2", "ZN"), ("ZN2", "ZN2", "ZN"), ("MG2", "MG2", "MG"), ("Na+", "Na+", "NA"), ("Cl-", "Cl-", "CL"),
        ("NA", "NA+", "NA"), ("Na+", "IP", "NA"), ("FE", "FE3", "FE"),
    ],
)  # fmt: skip
def test_ions_of_force_fields_are_ions_without_an_element_column(peptide, atom, file_of, read, name, residue, element):
    ion = molecule(atom, name, 201, chain="I", residue=residue, element="")
    structure = read(file_of([*peptide("AA"), ion], "pdb"))
    assert structure.hetero.elements == (element,) and structure.hetero.kinds.tolist() == [1]


def test_chlorophyll_is_no_chloride(peptide, atom, file_of, read):
    """CLA of the Chemical Component Dictionary has other atoms than CHARMM's ion."""
    parts = [
        molecule(atom, n, 201, chain="I", residue="CLA", element="", x=20.0 + i) for i, n in enumerate(("C1", "CHA"))
    ]
    assert read(file_of([*peptide("AA"), *parts], "pdb")).hetero.elements == ("C", "C")


@pytest.mark.parametrize("pair", [("O1", "O2"), ("OC1", "OC2"), ("OT1", "OT2"), ("O", "OT"), ("O2", "O1")])
def test_terminal_oxygens_of_other_force_fields_are_o_and_oxt(kind, peptide, atom, file_of, read, pair):
    atoms = peptide("AA")
    atoms[8]["name"] = pair[0]
    atoms.append(atom(pair[1], 2, 6.0, y=-1.0, element="O"))
    structure = read(file_of(atoms, kind))
    assert structure.present[1, [4, 36]].all() and not len(structure.hetero)
    assert "incomplete-backbone" not in structure.audit.codes


def test_an_atom_called_o1_in_a_residue_with_o_stays_what_it_is(peptide, atom, file_of, read):
    atoms = [*peptide("AA"), atom("O1", 2, 6.0, y=-1.0, element="O"), atom("O2", 2, 7.0, y=-1.0, element="O")]
    structure = read(file_of(atoms, "pdb"))
    assert structure.hetero.names == ("O1", "O2") and not structure.present[1, 36]


TABLE = b"atomic_contacts 12\natom_pair_constraint 3.2\nATOM_COUNT 5 3.25\nhetatm_score 1.0\n"


@pytest.mark.parametrize("behind", [TABLE, TABLE + b"atom  3.2\nATOM  12\nhetatm 1\natom weights 1.0 2.0 3.0\n"])
@pytest.mark.parametrize("end", [b"END\n", b"TER\nEND\n"])
def test_tables_behind_the_atoms_are_not_read(peptide, file_of, read, behind, end):
    atoms = file_of(peptide("AA"), "pdb").replace(b"END\n", b"")
    structure = read(atoms + end + behind)
    assert structure.audit.atoms.in_file == 10


def test_a_table_without_end_before_it_is_not_read(peptide, file_of, read):
    data = file_of(peptide("AA"), "pdb").replace(b"END\n", b"")
    assert read(data + TABLE).audit.atoms.in_file == 10


def test_a_shifted_atom_line_is_still_refused(peptide, file_of, refused):
    lines = file_of(peptide("AA"), "pdb").split(b"\n")
    lines[3] = lines[3].replace(b"ATOM  ", b"ATOM1000")
    refused(b"\n".join(lines), FormatError, "line 4", "columns")


@pytest.mark.parametrize("record", ["ATOM", "HETATM"])
def test_a_ligand_called_unk_is_context(peptide, atom, file_of, read, record):
    names = ("C", "C", "N", "O", "C")
    ligand = [atom(n, 0, 20.0 + i, residue="UNK", chain="", record=record, element=n) for i, n in enumerate(names)]
    structure = read(file_of([*peptide("GAS"), *ligand], "pdb"))
    assert structure.sequence == "GAS" and len(structure.hetero) == 5


def test_an_unknown_residue_with_a_ca_is_protein(peptide, file_of, read):
    assert read(file_of(peptide(["GLY", "UNK", "SER"]), "pdb")).sequence == "GXS"


@pytest.mark.parametrize("chain", ["A", "L", ""])
def test_a_free_amino_acid_is_a_ligand_in_any_chain(peptide, file_of, read, chain):
    free = peptide("K", chain=chain, start=301, origin=FAR, record="HETATM")
    structure = read(file_of([*peptide("GAS"), *free], "pdb"))
    assert structure.sequence == "GAS" and set(structure.hetero.residue_names) == {"LYS"}


def test_bonded_amino_acids_in_hetatm_records_are_a_chain(peptide, file_of, read):
    bound = peptide("KM", chain="L", start=301, origin=FAR, record="HETATM")
    assert read(file_of([*peptide("GAS"), *bound], "pdb")).sequence == "GASKM"

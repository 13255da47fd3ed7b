"""Names of residues and chains: insertion codes, odd numbers, ids of two kinds, more of them than columns."""

from __future__ import annotations

import pytest

from protein_enn.graph import protein_graph
from protein_enn.io import FormatError, StructureError, WriteError, find_structures, read_structure, write_structure


def ids(structure):
    return [structure.residue_id(i) for i in range(len(structure))]


@pytest.mark.parametrize("codes", [("", "A", "B"), ("B", "A", "")], ids=["ascending", "descending"])
def test_insertion_codes_are_other_residues_in_file_order(kind, peptide, file_of, read, codes):
    """52, 52A, 52B have one number; sorting or keying by it alone loses two of them or reverses the chain."""
    atoms = peptide("ASMTA", start=51)
    for i, code in enumerate(codes):
        for a in atoms[5 * (i + 1) : 5 * (i + 2)]:
            a.update(number=52, icode=code)
    for a in atoms[20:]:
        a["number"] = 53
    structure = read(file_of(atoms, kind))
    assert ids(structure) == ["A:51", *(f"A:52{c}" for c in codes), "A:53"]
    assert structure.sequence == "ASMTA" and structure.insertion_codes == ("", *codes, "")
    assert not structure.audit.gaps


def test_negative_and_zero_numbers_are_kept(kind, peptide, file_of, read):
    """A number below one taken for an index counts from the end of the array."""
    structure = read(file_of(peptide("GASM", start=-2), kind))
    assert ids(structure) == ["A:-2", "A:-1", "A:0", "A:1"]
    ordinary = read(file_of(peptide("GASM", start=7), kind))
    for (key, ours), (_, theirs) in zip(
        protein_graph(structure, 3, True), protein_graph(ordinary, 3, True), strict=True
    ):
        assert ours.equal(theirs), key


@pytest.mark.parametrize(
    ("text", "number"),
    [("-999", -999), ("9999", 9999), ("A000", 10_000), ("A001", 10_001), ("AZZZ", 56_655), ("ZZZZ", 1_223_055),
     ("a000", 1_223_056), ("zzzz", 2_436_111)],
)  # fmt: skip
def test_hybrid_36_residue_numbers_are_decoded(peptide, file_of, read, text, number):
    """Numbers above 9999 in four columns count on in base 36, first with capitals, then without."""
    structure = read(file_of([{**a, "number": text} for a in peptide("A")], "pdb"))
    assert structure.numbers.tolist() == [number]


@pytest.mark.parametrize("text", ["A0-0", "Aa00", "12 4", "    ", "1.5 "])
def test_a_residue_number_that_is_none_is_refused(peptide, file_of, refused, text):
    """Garbage in the number columns is no residue 0."""
    refused(file_of([{**a, "number": text} for a in peptide("A")], "pdb"), FormatError, "line 1")


@pytest.mark.parametrize("serial", ["*****", "A0000", "", "99999", "-1"])
def test_atom_serials_are_not_read(peptide, file_of, read, serial):
    """Overflowed serials are stars or hybrid-36, and often repeat: atoms are counted by line."""
    atoms = peptide("AA")
    structure = read(file_of([{**a, "serial": serial} for a in atoms], "pdb"))
    assert structure.positions.equal(read(file_of(atoms, "pdb")).positions)
    assert sorted(structure.source.rows[structure.present].tolist()) == list(range(10))


@pytest.mark.parametrize("record", ["ATOM", "HETATM"])
def test_columns_shifted_by_a_six_digit_serial_are_refused(peptide, file_of, refused, record):
    """A sixth digit shifts all columns by one: a residue -4565501 named "AL" of element X, read without an error."""
    atoms = peptide("AA")
    atoms[6] = {**atoms[6], "serial": 100_000, "record": record}
    refused(file_of(atoms, "pdb"), StructureError, "line 7")


def test_columns_shifted_by_a_seven_digit_serial_are_refused(peptide, file_of, refused):
    """Seven digits shift so far that a coordinate still looks like a number."""
    atoms = [{**a, "serial": 1_000_000} for a in peptide("AA")]
    refused(file_of(atoms, "pdb"), StructureError, "line 1")


def test_a_sixth_serial_digit_in_the_blank_column_shifts_nothing(peptide, file_of, read):
    """Column 12 is blank, and some programs put the sixth digit there: all else stands where it should."""
    lines = file_of(peptide("AA"), "pdb").split(b"\n")
    lines[:10] = [line[:6] + b"%6d" % (99_995 + i) + line[12:] for i, line in enumerate(lines[:10])]
    structure = read(b"\n".join(lines))
    assert structure.sequence == "AA" and int(structure.present.sum()) == 10


@pytest.fixture
def crowd(peptide):
    """70 chains: the letters and digits of one column do not suffice."""
    names = [f"{a}{b}" for a in "ABCDEFG" for b in "0123456789"]
    return names, [a for i, c in enumerate(names) for a in peptide("A", chain=c, origin=(0.0, 9.0 * i, 0.0))]


def test_more_chains_than_letters_are_kept_and_never_written_as_pdb(cif, crowd, file_of, read, tmp_path):
    """More than 62 chains: in and out of mmCIF and BinaryCIF, and never into PDB with ids cut short."""
    names, atoms = crowd
    structure = read(file_of(atoms, cif))
    assert list(structure.chain_ids) == names
    for suffix in ("cif", "bcif"):
        write_structure(structure, tmp_path / f"x.{suffix}")
        assert list(read(tmp_path / f"x.{suffix}").chain_ids) == names
    with pytest.raises(WriteError, match="mmCIF"):
        write_structure(structure, tmp_path / "x.pdb")
    assert not (tmp_path / "x.pdb").exists()


def test_long_chain_ids_are_kept_whole(cif, peptide, file_of, read, tmp_path):
    """An id "AAA" cut to "A" joins two chains into one."""
    structure = read(file_of([*peptide("AA", chain="A"), *peptide("GG", chain="AAA", origin=(0, 9, 0))], cif))
    assert structure.chain_ids == ("A", "AAA")
    with pytest.raises(WriteError, match="AAA"):
        write_structure(structure, tmp_path / "x.pdb")


def test_chain_ids_of_two_columns_of_a_pdb_file_are_read(peptide, file_of, read):
    """Columns 21 and 22 hold ids of two characters in files of large complexes."""
    atoms = [*peptide("AA", chain="AB"), *peptide("GG", chain="B", origin=(0, 9, 0))]
    structure = read(file_of(atoms, "pdb"))
    assert structure.chain_ids == ("AB", "B") and structure.chain("B").sequence == "GG"


def test_a_chain_without_an_id_gets_a_free_letter(kind, peptide, file_of, read):
    """A blank id is called by the first free letter, always the same, and the audit says so."""
    blank = [*peptide("AA", chain="")]
    structure = read(file_of(blank, kind))
    assert structure.chain_ids == ("A",) and ids(structure) == ["A:1", "A:2"]
    assert any(f.severity and "id" in f.message and "A" in f.message for f in structure.audit.findings)
    both = read(file_of([*blank, *peptide("GG", chain="A", origin=(0, 9, 0))], kind))
    assert len(set(both.chain_ids)) == 2 and both.chain_ids[1] == "A" and both.chain("A").sequence == "GG"


def test_author_and_label_names_are_both_kept(cif, peptide, file_of, read):
    """Papers speak of H:101, the sequence of A:1: one is shown, neither is lost."""
    heavy = peptide("GAS", chain="H", start=100, label_chain="A")
    light = peptide("MC", chain="H", start=300, label_chain="B", origin=(0, 9, 0))
    structure = read(file_of([*heavy, *light], cif))
    assert structure.chain_ids == ("H", "H") and structure.label_chain_ids == ("A", "B")
    assert structure.numbers.tolist() == [100, 101, 102, 300, 301]
    assert structure.label_numbers.tolist() == [1, 2, 3, 1, 2]
    assert ids(structure)[0] == "H:100"
    assert structure.chains.tolist() == [0, 0, 0, 1, 1], "two molecules under one author id are two chains"


@pytest.mark.parametrize(
    "drop", [("auth_asym_id",), ("auth_seq_id",), ("auth_asym_id", "auth_seq_id", "auth_comp_id", "auth_atom_id")]
)
def test_without_author_columns_the_labels_serve(cif, peptide, file_of, read, drop):
    """Author items are optional in mmCIF; predicted models often lack them."""
    atoms = peptide("GAS", chain="H", start=100, label_chain="A")
    structure = read(file_of(atoms, cif, drop=drop))
    assert structure.sequence == "GAS" and structure.label_numbers.tolist() == [1, 2, 3]
    assert structure.chain_ids == (("A",) if "auth_asym_id" in drop else ("H",))
    assert structure.numbers.tolist() == ([1, 2, 3] if "auth_seq_id" in drop else [100, 101, 102])


def test_a_file_without_any_residue_numbers_is_refused(cif, peptide, file_of, refused):
    """Neither kind of number: all residues would be residue 0."""
    drop = ("auth_seq_id", "label_seq_id")
    refused(file_of(peptide("GAS"), cif, drop=drop), FormatError, *drop)


@pytest.mark.parametrize("name", ["A1LU6", "A1AB2"])
def test_component_ids_of_five_letters_are_kept_whole(cif, peptide, atom, file_of, read, tmp_path, name):
    """The three-letter codes have run out: a longer name is a ligand like any, or an unknown amino acid."""
    ligand = [atom("C1", 201, 9.0, y=9.0, residue=name, record="HETATM")]
    inside = peptide(["ALA", name, "ALA"])
    structure = read(file_of([*inside, *ligand], cif))
    assert structure.residue_names == ("ALA", name, "ALA") and structure.sequence == "AXA"
    assert structure.hetero.residue_names == (name,)
    with pytest.raises(WriteError, match=name):
        write_structure(structure, tmp_path / "x.pdb")
    write_structure(structure, tmp_path / "x.cif", format="mmcif")
    assert read(tmp_path / "x.cif").residue_names == structure.residue_names


def test_component_ids_of_five_letters_are_refused_in_pdb_columns(peptide, file_of, refused):
    """A name of five letters pushes the chain id away: every parser reads residue A1L of another chain."""
    atoms = peptide("AA")
    atoms[7] = {**atoms[7], "residue": "A1LU6"}
    refused(file_of(atoms, "pdb"), StructureError, "line 8")


@pytest.mark.parametrize("name", ["pdb_00001abc", "1ABC", "9xyz12"])
def test_long_entry_ids_are_names_like_any(peptide, file_of, tmp_path, name):
    """Entry ids have twelve characters now: no pattern of four may stand in the way."""
    path = tmp_path / f"{name}.cif.gz"
    path.write_bytes(file_of(peptide("AA"), "mmcif").replace(b"data_TINY", f"data_{name}".encode()))
    assert find_structures([tmp_path]) == [path]
    assert read_structure(path).name == name


def test_a_fifth_digit_in_the_insertion_code_column_is_part_of_the_number(lines, as_bytes, atom_line):
    """Beyond residue 9999 many programs write the fifth digit where the insertion code stands."""
    extra = [
        atom_line("CA", 1, 20.0 + 4 * i).replace("A   1 ", f"A{number}") for i, number in enumerate(("10000", "10001"))
    ]
    structure = read_structure(as_bytes([*lines, *extra]))
    assert structure.numbers.tolist()[2:] == [10_000, 10_001]
    assert structure.insertion_codes[2:] == ("", "")


def test_a_digit_is_refused_as_an_insertion_code_without_repair(lines, as_bytes, atom_line):
    """In an id like A:2575 it could not be told from the number."""
    with pytest.raises(FormatError, match="line 11: insertion code '5' is a digit"):
        read_structure(as_bytes([*lines, atom_line("CA", 257, 20.0, icode="5")]), repair=False)

"""Links: declared by files, found by distance, and what is no link."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import torch

from protein_enn import chemistry
from protein_enn.io.convert.links import find_links
from protein_enn.io.formats.budget import Budget
from protein_enn.io.formats.document import Header
from protein_enn.io.formats.header import LABEL_IDS, read_header
from protein_enn.structure import LINKS

SG, C, N = chemistry.ATOM_INDEX["SG"], chemistry.C, chemistry.N


def sulfur(atom, number, x, chain="A", y=9.0, **fields):
    return atom("SG", number, x, y=y, z=1.5, residue="CYS", chain=chain, element="S", **fields)


def joined(*atoms):
    """Atoms sorted so that residues are whole."""
    return sorted((a for part in atoms for a in part), key=lambda a: (a["chain"], a["number"]))


def connections(*rows, auth=True):
    """struct_conn: rows of (kind, (chain, residue, number, atom), the other end, symmetry of the other end)."""
    table: dict = {"id": [str(i) for i in range(len(rows))], "conn_type_id": [row[0] for row in rows]}
    for i in (1, 2):
        for column, item in enumerate(("label_asym_id", "label_comp_id", "label_seq_id", "label_atom_id")):
            table[f"ptnr{i}_{item}"] = [str(row[i][column]) for row in rows]
        if auth:
            table[f"ptnr{i}_auth_asym_id"] = [row[i][0] for row in rows]
            table[f"ptnr{i}_auth_seq_id"] = [str(row[i][2]) for row in rows]
        table[f"ptnr{i}_symmetry"] = ["1_555" if i == 1 else (*row, "1_555")[3] for row in rows]
    return {"struct_conn": table}


def codes(structure):
    return {f.code: f.count for f in structure.audit.findings if f.code.startswith("links")}


def ends(structure, kind):
    links = structure.links.of_kind(kind)
    return [tuple(zip(r, a, strict=True)) for r, a in zip(links.residues.tolist(), links.atoms.tolist(), strict=True)]


def test_bridges_that_no_record_declares(kind, peptide, atom, file_of, read):
    """2.05 Å between two SG is a bond with any header; 2.6 Å is none, nor are two copies at one position."""
    base = peptide("ACACACACAC")
    sulfurs = [sulfur(atom, 2, 0.0), sulfur(atom, 4, 2.05), sulfur(atom, 6, 20.0), sulfur(atom, 8, 22.6),
                sulfur(atom, 10, 22.61)]  # fmt: skip
    structure = read(file_of(joined(base, sulfurs), kind))
    assert ends(structure, "disulfide") == [((1, SG), (3, SG))] and len(structure.links) == 1
    assert codes(structure) == {"links-by-distance": 1}


def test_a_sulfur_has_one_partner(peptide, atom, file_of, read):
    """Of three in a row the nearest two are bonded."""
    base = peptide("CACAC")
    atoms = joined(base, [sulfur(atom, 1, 0.0), sulfur(atom, 3, 2.4), sulfur(atom, 5, 4.4)])
    assert ends(read(file_of(atoms, "pdb")), "disulfide") == [((2, SG), (4, SG))]


def test_each_link_is_there_once(peptide, atom, file_of, read):
    """Declared in both directions and plain by distance: one link."""
    atoms = joined(peptide("CAC"), [sulfur(atom, 1, 0.0), sulfur(atom, 3, 2.05)])
    first, second = ("A", "CYS", 1, "SG"), ("A", "CYS", 3, "SG")
    data = file_of(atoms, "mmcif", categories=connections(("disulf", second, first), ("disulf", first, second)))
    structure = read(data)
    assert ends(structure, "disulfide") == [((0, SG), (2, SG))] and codes(structure) == {}


def test_kinds(cif, peptide, atom, file_of, read):
    """A zinc and an isopeptide bond, in the order of residues; no hydrogen bond, no peptide bond of the chain."""
    zinc = atom("ZN", 301, 6.0, y=11.0, z=1.5, residue="ZN", record="HETATM", element="ZN", label_number=301)
    atoms = joined(peptide("ACGKA"), [sulfur(atom, 2, 6.0), atom("NZ", 4, 30.0, residue="LYS")], [])
    base = peptide("GG", chain="B", origin=(31.3, 0.0, 2.0))
    rows = (
        ("hydrog", ("A", "ALA", 1, "O"), ("A", "LYS", 4, "N")),
        ("covale", ("A", "ALA", 1, "C"), ("A", "CYS", 2, "N")),
        ("metalc", ("A", "ZN", 301, "ZN"), ("A", "CYS", 2, "SG")),
        ("covale", ("B", "GLY", 1, "N"), ("A", "LYS", 4, "NZ")),
    )
    structure = read(file_of([*atoms, *base, zinc], cif, categories=connections(*rows)))
    kinds = [LINKS[k] for k in structure.links.kinds.tolist()]
    assert kinds == ["metal", "covalent"]
    assert ends(structure, "metal") == [((1, SG), (-1, 0))] and structure.hetero.elements[0] == "ZN"
    assert ends(structure, "covalent") == [((3, chemistry.ATOM_INDEX["NZ"]), (5, N))]
    assert codes(structure) == {}


def test_a_bond_of_the_backbone_is_a_peptide_bond_whatever_the_entry_calls_it(ring, file_of, read):
    """1SFI declares the closure of its cyclic inhibitor as "metalc"."""
    row = ("metalc", ("A", "GLY", 1, "N"), ("A", "GLY", 8, "C"))
    structure = read(file_of(ring, "mmcif", categories=connections(row)))
    assert ends(structure, "peptide") == [((7, C), (0, N))] and len(structure.links) == 1
    assert codes(structure) == {}


def test_rings_by_distance_have_three_residues_at_least(ring, peptide, file_of, read):
    """A dipeptide's own ends are never a ring, and a chain whose C and N are 2.2 Å apart is open."""
    structure = read(file_of(ring, "mmcif"))
    assert ends(structure, "peptide") == [((7, C), (0, N))] and codes(structure) == {"links-by-distance": 1}
    wide = [{**a, "x": a["x"] + 1.6} if (a["number"], a["name"]) == (1, "N") else a for a in ring]
    assert len(read(file_of(wide, "mmcif")).links) == 0
    pair = peptide("GG")
    last = next(a for a in pair if (a["number"], a["name"]) == (2, "C"))
    pair[0] |= {"x": last["x"] + 1.3, "y": last["y"], "z": last["z"]}
    assert len(read(file_of(pair, "mmcif")).links) == 0


@pytest.fixture
def ring(atom):
    """Eight glycines whose last C is 1.33 Å from the first N."""
    angle = np.cumsum([0.0, *([1.458, 1.525, 1.329] * 8)])
    radius = angle[-1] / (2 * np.pi)
    at = [(round(radius * np.cos(t / radius), 3), round(radius * np.sin(t / radius), 3)) for t in angle[:-1]]
    names = ("N", "CA", "C")
    return [atom(names[i % 3], i // 3 + 1, x, y=y, z=1.0, residue="GLY") for i, (x, y) in enumerate(at)]


def test_what_is_declared_but_not_there(cif, peptide, atom, file_of, read):
    """No such residue, another residue name or a missing atom is a note; too large a distance is a warning."""
    atoms = joined(peptide("CAC"), [sulfur(atom, 1, 0.0), sulfur(atom, 3, 8.0)])
    first, second = ("A", "CYS", 1, "SG"), ("A", "CYS", 3, "SG")
    rows = (
        ("disulf", first, ("A", "CYS", 77, "SG")),
        ("disulf", first, ("A", "SER", 3, "SG")),
        ("covale", first, ("A", "ALA", 2, "CG")),
        ("disulf", first, second),
        ("disulf", first, second, "2_655"),
    )
    structure = read(file_of(atoms, cif, categories=connections(*rows)))
    assert len(structure.links) == 0
    assert codes(structure) == {"links-dangling": 3, "links-too-long": 1, "links-between-copies": 1}
    severity = {f.code: f.severity for f in structure.audit.findings}
    assert severity["links-too-long"] == "warning" and severity["links-dangling"] == "note"


def test_ions_may_lie_farther_than_covalent_bonds(peptide, atom, file_of, read):
    """4 Å: loose for a metal, absurd for a bond."""
    metal = atom("NA", 301, 6.0, y=13.0, z=1.5, residue="NA", record="HETATM", element="NA", label_number=301)
    atoms = [*joined(peptide("ACA"), [sulfur(atom, 2, 6.0)]), metal]
    place = (("A", "CYS", 2, "SG"), ("A", "NA", 301, "NA"))
    for kind, count in (("metalc", 1), ("covale", 0)):
        assert len(read(file_of(atoms, "mmcif", categories=connections((kind, *place)))).links) == count


def test_a_conformer_that_was_not_kept_is_no_mistake(peptide, atom, file_of, read):
    """A link of conformer B, where A was kept 6 Å away: a note, no warning."""
    two = [sulfur(atom, 1, 2.05, y=15.0, alt="A", occ=0.7), sulfur(atom, 1, 2.05, alt="B", occ=0.3)]
    atoms = joined(peptide("CAC"), two, [sulfur(atom, 3, 0.0)])
    table = connections(("disulf", ("A", "CYS", 1, "SG"), ("A", "CYS", 3, "SG")))
    table["struct_conn"]["pdbx_ptnr1_label_alt_id"] = ["B"]
    assert codes(read(file_of(atoms, "mmcif", categories=table))) == {"links-dangling": 1}


def test_label_ids_alone(cif, peptide, atom, file_of, read):
    """Label chain and number, where author ids differ: gemmi cannot place these without atoms."""
    base = [{**a, "label_chain": "Q"} for a in peptide("CAC", start=50)]
    more = [sulfur(atom, 50, 0.0, label_chain="Q"), sulfur(atom, 52, 3.1, label_chain="Q")]
    row = ("covale", ("Q", "CYS", 1, "SG"), ("Q", "CYS", 3, "SG"))
    structure = read(file_of(joined(base, more), cif, categories=connections(row, auth=False)))
    assert structure.chain_ids == ("A",) and structure.label_chain_ids == ("Q",)
    assert ends(structure, "disulfide") == [((0, SG), (2, SG))]


def test_insertion_codes_distinguish_residues(peptide, atom, file_of, read):
    atoms = [*peptide("C", start=5), sulfur(atom, 5, 0.0), *peptide("C", start=5, origin=(20.0, 0, 0), icode="A"),
             sulfur(atom, 5, 40.0, icode="A"), *peptide("C", start=9, origin=(40.0, 0, 0)),
             sulfur(atom, 9, 43.0)]  # fmt: skip
    line = b"SSBOND   1 CYS A    5A   CYS A    9                          1555   1555  3.00  \n"
    assert ends(read(line + file_of(atoms, "pdb")), "disulfide") == [((1, SG), (2, SG))]


def test_a_chain_without_an_id(peptide, atom, file_of, read):
    atoms = joined(peptide("CAC", chain=""), [sulfur(atom, 1, 0.0, chain=""), sulfur(atom, 3, 3.0, chain="")])
    line = b"SSBOND   1 CYS      1    CYS      3                          1555   1555  3.00  \n"
    assert ends(read(line + file_of(atoms, "pdb")), "disulfide") == [((0, SG), (2, SG))]


def dimer(atom, peptide, symmetry):
    """A chain with one bridge inside (declared, 3 Å) and one to its copy across the axis at x = 0, y = 0."""
    sulfurs = [sulfur(atom, 1, 20.0), sulfur(atom, 3, 23.0), sulfur(atom, 5, 1.0, y=0.2)]
    operators = {
        "pdbx_struct_assembly_gen": {"assembly_id": ["1"], "oper_expression": ["1,2"], "asym_id_list": ["A"]},
        "pdbx_struct_oper_list": {
            "id": ["1", "2"],
            **{f"matrix[{i}][{j}]": ["1", "1" if i == 3 else "-1"] if i == j else ["0", "0"]
               for i in (1, 2, 3) for j in (1, 2, 3)},
            **{f"vector[{i}]": ["0", "0"] for i in (1, 2, 3)},
        },
    }  # fmt: skip
    inside = ("disulf", ("A", "CYS", 1, "SG"), ("A", "CYS", 3, "SG"))
    across = ("disulf", ("A", "CYS", 5, "SG"), ("A", "CYS", 5, "SG"), symmetry)
    return joined(peptide("CACAC"), sulfurs), {**operators, **connections(inside, across)}


@pytest.mark.parametrize("symmetry", ["2_555", "1_555"])
def test_an_assembly_has_the_links_of_all_copies_and_those_between_them(cif, atom, peptide, file_of, read, symmetry):
    atoms, extra = dimer(atom, peptide, symmetry)
    data = file_of(atoms, cif, categories=extra)
    unit = read(data)
    assert ends(unit, "disulfide") == [((0, SG), (2, SG))] and codes(unit) == {"links-between-copies": 1}
    whole = read(data, assembly="1")
    assert whole.chain_ids == ("A", "A-2") and codes(whole) == {}
    assert ends(whole, "disulfide") == [((0, SG), (2, SG)), ((4, SG), (9, SG)), ((5, SG), (7, SG))]


def test_links_survive_take(cif, atom, peptide, file_of, read):
    """Wherever its residues go the link goes; without one of them it is gone."""
    atoms, extra = dimer(atom, peptide, "2_555")
    whole = read(file_of(atoms, cif, categories=extra), assembly="1")
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(1))
    mixed = whole.take(order)

    def pairs(structure):
        names = [[structure.residue_id(i) for i in row] for row in structure.links.residues.tolist()]
        return {frozenset(pair) for pair in names}

    assert pairs(mixed) == pairs(whole) and len(mixed.links) == 3
    assert pairs(whole.chain("A")) == {frozenset({"A:1", "A:3"})}
    assert len(whole.take(torch.arange(1, 5)).links) == 0


def test_without_connections_a_header_is_not_needed(peptide, file_of, read):
    links, findings = find_links(read(file_of(peptide("AMA"), "pdb")), Header())
    assert len(links) == 0 and links.residues.shape == (0, 2) and findings == []


def test_header_of_a_block_without_atoms():
    """What gemmi refuses to read without atoms, or reads as unknown kinds."""
    text = "data_x\nloop_\n" + "".join(f"_struct_conn.{item}\n" for item in (
        "id", "conn_type_id", "ptnr1_label_asym_id", "ptnr1_label_comp_id", "ptnr1_label_seq_id", "ptnr1_label_atom_id",
        "ptnr2_label_asym_id", "ptnr2_label_comp_id", "ptnr2_label_seq_id", "ptnr2_label_atom_id"))  # fmt: skip
    rows = "a covale_base A DG 1 O6 A DC 2 N4\nb saltbr A LYS 1 NZ A GLU 2 OE1\nc disulf A CYS . SG A CYS x SG\n"
    header = read_header(gemmi.cif.read_string(text + rows)[0], "", Budget(0))
    kinds = [connection.type for connection in header.connections]
    assert kinds == [gemmi.ConnectionType.Covale, gemmi.ConnectionType.Unknown, gemmi.ConnectionType.Disulf]
    assert {connection.link_id for connection in header.connections} == {LABEL_IDS}


def conect(data, *pairs):
    """The PDB file with records that join the atoms of these serial numbers."""
    records = "".join(f"CONECT{one:5d}{two:5d}\n" for one, two in pairs)
    return data.replace(b"END", records.encode() + b"END", 1)


def serial(data, name, number):
    """The serial number of an atom of a residue of a PDB file."""
    lines = (line for line in data.decode().splitlines() if line.startswith(("ATOM", "HETATM")))
    return next(int(i[6:11]) for i in lines if i[12:16].strip() == name and int(i[22:26]) == number)


def test_conect_declares_a_link(peptide, atom, file_of, read):
    """As Rosetta, RDKit and PyMOL write it; a bond inside a residue or along the chain is none, nor is one too long."""
    base = joined(peptide("ACACA"), [sulfur(atom, 2, 0.0), sulfur(atom, 4, 3.0)])
    data = file_of(base, "pdb")
    first, second = (serial(data, "SG", number) for number in (2, 4))
    inside, along = (serial(data, "CA", 2), serial(data, "C", 2)), (serial(data, "C", 2), serial(data, "N", 3))
    declared = conect(data, (first, second), (second, first), inside, along, (first, serial(data, "CA", 5)), (1, 99999))
    assert len(read(data).links) == 0
    structure = read(declared)
    assert ends(structure, "disulfide") == [((1, SG), (3, SG))] and len(structure.links) == 1
    assert codes(structure) == {}


def test_serial_numbers_that_several_atoms_have_declare_nothing(peptide, atom, file_of, read):
    base = joined(peptide("ACACA"), [sulfur(atom, 2, 0.0), sulfur(atom, 4, 3.0)])
    data = file_of(base, "pdb")
    first, second = (serial(data, "SG", number) for number in (2, 4))
    declared = conect(data, (first, second))
    same = declared.replace(f"{serial(data, 'CA', 1):5d}".encode(), f"{first:5d}".encode(), 1)
    assert len(read(same).links) == 0


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
def test_conect_in_a_file_with_other_line_ends(peptide, atom, file_of, read, ends):
    base = joined(peptide("ACACA"), [sulfur(atom, 2, 0.0), sulfur(atom, 4, 3.0)])
    data = file_of(base, "pdb")
    declared = conect(data, tuple(serial(data, "SG", number) for number in (2, 4)))
    assert len(read(declared.replace(b"\n", ends)).links) == 1

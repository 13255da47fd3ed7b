"""New files: what they hold, that other readers find the same in them, and what is refused."""

from __future__ import annotations

import gzip
import io
import re
import time
from dataclasses import replace

import biotite.structure.io.pdb as biotite_pdb
import biotite.structure.io.pdbx as biotite_pdbx
import gemmi
import numpy as np
import pytest
import torch
from Bio.PDB import MMCIFParser, PDBParser

from protein_enn import chemistry
from protein_enn.io import StructureError, WriteError, find_structures, read_structure, write_structure
from protein_enn.io.write import structure_bytes
from protein_enn.io.writing import fresh_pdb
from protein_enn.structure import Links, Structure

SG, CA = chemistry.ATOM_INDEX["SG"], chemistry.CA
FORMATS = ("pdb", "mmcif", "bcif")


@pytest.fixture
def mixed(peptide, atom, file_of):
    """Two chains with a chain break, insertion codes and a negative number, MSE, DNA, a ligand, an ion and waters."""
    first = peptide(["GLY", "MSE", "CYS", "SER", "SEP"], start=-1)
    first += [atom("SE", 0, 6.0, y=2.0, residue="MSE", element="SE"), atom("SG", 1, 9.5, y=3.0, residue="CYS")]
    first += [atom("P", 3, 17.0, y=3.0, residue="SEP")]
    second = peptide("CAG", chain="b", start=52, origin=(0, 8, 0))
    second.append(atom("SG", 52, 9.5, y=5.0, residue="CYS", chain="b"))
    for a in second[5:10]:
        a.update(number=52, icode="A")
    for a in second[10:]:
        a.update(number=a["number"] + 10 * (a["number"] == 54))
    dna = [
        atom(name, number, 3.0 * number + i, y=20.0, residue=residue, chain="D")
        for number, residue in ((1, "DA"), (2, "DT"))
        for i, name in enumerate(("P", "O5'", "C1'"))
    ]
    ligand = [atom(name, 301, i, y=30.0, z=1.0, residue="HEM", record="HETATM", element=element, b=33.25, occ=0.5)
              for i, (name, element) in enumerate((("FE", "FE"), ("CHA", "C"), ("NA", "N")))]  # fmt: skip
    ion = [atom("ZN", 302, 9.0, y=33.0, residue="ZN", record="HETATM", element="ZN", chain="b")]
    water = [atom("O", n, 5.0 + n, y=40.0, residue="HOH", record="HETATM", chain=c) for n, c in ((1, "A"), (2, "b"))]
    for a in (*first, *second):
        a["b"] = 10.0 + a["number"]
    return replace(read_structure(file_of([*first, *second, *dna, *ligand, *ion, *water], "pdb")), source=None)


def written(structure, format):
    return structure_bytes(structure, format=format, file="x")


def protein_of(structure):
    """Every protein atom by its address."""
    return {
        (structure.residue_id(i), structure.residue_names[i], slot): (
            *structure.positions[i, slot].tolist(), float(structure.occupancies[i, slot]),
            float(structure.b_factors[i, slot]),
        )
        for i, slot in structure.present.nonzero().tolist()
    }  # fmt: skip


def context_of(structure):
    """Every other atom by its address."""
    o = structure.others
    numbers = torch.cat([o.positions, o.occupancies[:, None], o.b_factors[:, None]], dim=1).tolist()
    rows = zip(o.residue_ids, o.residue_names, o.names, o.elements, o.kinds.tolist(), numbers, strict=True)
    return sorted(rows)


def links_of(structure):
    def end(i, atom):
        return (structure.residue_id(i), atom) if i >= 0 else (structure.others.residue_ids[atom], "other")

    links = structure.links
    return sorted(
        (kind, sorted(end(i, a) for i, a in zip(ends, atoms, strict=True)))
        for kind, ends, atoms in zip(links.kinds.tolist(), links.residues.tolist(), links.atoms.tolist(), strict=True)
    )


def assert_same(again, structure):
    assert protein_of(again) == protein_of(structure)
    assert context_of(again) == context_of(structure)
    assert again.sequence == structure.sequence
    assert links_of(again) == links_of(structure)


@pytest.mark.parametrize("format", FORMATS)
def test_a_new_file_holds_the_structure(mixed, format):
    again = read_structure(written(mixed, format))
    assert_same(again, mixed)
    assert again.chain_ids == mixed.chain_ids
    assert not again.audit.findings or all(f.severity != "error" for f in again.audit.findings)


def gemmi_atoms(data, format):
    if format == "pdb":
        model = gemmi.read_pdb_string(data)[0]
    else:
        model = gemmi.make_structure_from_block(gemmi.cif.read_string(data)[0])[0]
    return {
        (c.chain.name, str(c.residue.seqid), c.residue.name, c.atom.name, c.atom.element.name.upper(),
         *(round(x, 3) for x in c.atom.pos), round(c.atom.occ, 2), round(c.atom.b_iso, 2))
        for c in model.all()
    }  # fmt: skip


def biopython_atoms(data, format):
    parser = PDBParser(QUIET=True) if format == "pdb" else MMCIFParser(QUIET=True)
    model = parser.get_structure("x", io.StringIO(data.decode()))[0]
    return {
        (a.parent.parent.id, f"{a.parent.id[1]}{a.parent.id[2].strip()}", a.parent.resname.strip(), a.id, a.element,
         *(round(float(x), 3) for x in a.coord), round(float(a.occupancy), 2), round(float(a.bfactor), 2))
        for a in model.get_atoms()
    }  # fmt: skip


def biotite_atoms(data, format):
    fields = ["occupancy", "b_factor"]
    if format == "pdb":
        atoms = biotite_pdb.PDBFile.read(io.StringIO(data.decode())).get_structure(model=1, extra_fields=fields)
    else:
        kind = biotite_pdbx.CIFFile if format == "mmcif" else biotite_pdbx.BinaryCIFFile
        stream = io.StringIO(data.decode()) if format == "mmcif" else io.BytesIO(data)
        atoms = biotite_pdbx.get_structure(kind.read(stream), model=1, extra_fields=fields)
    return {
        (a.chain_id, f"{a.res_id}{a.ins_code}", a.res_name, a.atom_name, a.element,
         *(round(float(x), 3) for x in a.coord), round(float(a.occupancy), 2), round(float(a.b_factor), 2))
        for a in atoms
    }  # fmt: skip


def our_atoms(structure):
    atoms = set()
    for (residue, name, slot), (*xyz, occupancy, b_factor) in protein_of(structure).items():
        atom = chemistry.ATOMS[slot] if (name, chemistry.ATOMS[slot]) != ("MSE", "SD") else "SE"
        element = "SE" if atom == "SE" else atom[0]
        atoms.add((*residue.split(":"), name, atom, element, *(round(x, 3) for x in xyz), occupancy, b_factor))
    for residue, name, atom, element, _, (*xyz, occupancy, b_factor) in context_of(structure):
        atoms.add((*residue.split(":"), name, atom, element, *(round(x, 3) for x in xyz), occupancy, b_factor))
    return atoms


@pytest.mark.parametrize(
    ("reader", "formats"), [(gemmi_atoms, FORMATS[:2]), (biopython_atoms, FORMATS[:2]), (biotite_atoms, FORMATS)]
)
def test_other_readers_find_the_same_atoms(mixed, reader, formats):
    for format in formats:
        assert reader(written(mixed, format), format) == our_atoms(mixed)


def test_pdb_records(mixed):
    lines = written(mixed, "pdb").decode().split("\n")
    assert lines[-1] == "" and all(len(line) == 80 for line in lines[:-1])
    ters = [line.split()[2:] for line in lines if line.startswith("TER")]
    assert ters == [["SEP", "A", "3"], ["GLY", "b", "64"], ["DT", "D", "2"]]
    names = [line[:6] + line[12:20] for line in lines if line.startswith(("ATOM", "HETATM"))]
    for expected in ("HETATMSE   MSE", "ATOM   SG  CYS", "HETATM P   SEP", "HETATMFE   HEM", "HETATM NA  HEM",
                     "HETATMZN    ZN", "ATOM   O5'  DA"):  # fmt: skip
        assert expected in names
    serials = [int(line[6:11]) for line in lines if line.startswith(("ATOM", "HETATM", "TER"))]
    assert serials == list(range(1, len(serials) + 1))


def test_mmcif_entities_and_asymmetric_units(mixed):
    block = gemmi.cif.read_string(written(mixed, "mmcif"))[0]

    def table(category, *tags):
        return [tuple(row) for row in block.find(f"_{category}.", list(tags))]

    assert table("entity", "id", "type") == [
        ("1", "polymer"), ("2", "polymer"), ("3", "polymer"), ("4", "non-polymer"), ("5", "non-polymer"),
        ("6", "water"),
    ]  # fmt: skip
    assert [kind.strip("'") for _, kind in table("entity_poly", "entity_id", "type")] == [
        "polypeptide(L)", "polypeptide(L)", "polydeoxyribonucleotide"
    ]  # fmt: skip
    asym = dict(table("struct_asym", "id", "entity_id"))
    assert list(asym.values()) == ["1", "2", "3", "4", "5", "6", "6"] and len(asym) == 7
    rows = table("atom_site", "label_asym_id", "label_entity_id", "label_seq_id", "auth_seq_id", "label_comp_id",
                 "pdbx_PDB_ins_code", "label_alt_id")  # fmt: skip
    assert all(asym[label] == entity for label, entity, *_ in rows)
    numbers = list(dict.fromkeys((r[2], r[3]) for r in rows if r[1] == "2"))
    assert numbers == [("52", "52"), ("53", "52"), ("63", "64")] or numbers[0][0] == "52"
    assert {r[2] for r in rows if r[1] in "456"} == {"."}
    assert {r[6] for r in rows} == {"."} and {r[5] for r in rows} == {"?", "A"}


def test_copies_of_a_chain_are_one_entity(peptide, file_of):
    structure = read_structure(file_of([*peptide("GAS"), *peptide("GAS", chain="B", origin=(0, 9, 0))], "pdb"))
    block = gemmi.cif.read_string(written(replace(structure, source=None), "mmcif"))[0]
    assert list(block.find_values("_struct_asym.entity_id")) == ["1", "1"]


@pytest.mark.parametrize("format", FORMATS)
def test_links(mixed, format):
    cys = [i for i, name in enumerate(mixed.residue_names) if name == "CYS"]
    iron, zinc = (mixed.others.names.index(name) for name in ("FE", "ZN"))
    links = Links(
        torch.tensor([0, 2, 3]),
        torch.tensor([cys, [cys[0], -1], [-1, -1]]),
        torch.tensor([[SG, SG], [SG, iron], [iron, zinc]]),
    )
    data = written(replace(mixed, links=links), format)
    if format == "bcif":
        block = biotite_pdbx.BinaryCIFFile.read(io.BytesIO(data)).block
        kinds = block["struct_conn"]["conn_type_id"].as_array().tolist()
    elif format == "mmcif":
        kinds = list(gemmi.cif.read_string(data)[0].find_values("_struct_conn.conn_type_id"))
    else:
        kinds = [{"SSBOND": "disulf", "LINK  ": "covale"}[line[:6]] for line in data.decode().split("\n")[:3]]
        kinds[2] = "metalc"
    assert kinds == ["disulf", "covale", "metalc"]
    if format != "bcif":
        found = (
            gemmi.read_pdb_string(data)
            if format == "pdb"
            else gemmi.make_structure_from_block(gemmi.cif.read_string(data)[0])
        )
        ends = [{str(c.partner1), str(c.partner2)} for c in found.connections]
        assert {"A/CYS 1/SG", "b/CYS 52/SG"} in ends
        assert {"A/CYS 1/SG", "A/HEM 301/FE"} in ends
        assert {"A/HEM 301/FE", "b/ZN 302/ZN"} in ends
        assert all(found[0].find_cra(end).atom for c in found.connections for end in (c.partner1, c.partner2))


def test_chains_that_share_an_author_id_stay_two(cif, peptide, file_of):
    atoms = [*peptide("GAS", label_chain="A"), *peptide("GAS", start=1, label_chain="B", origin=(0, 9, 0))]
    structure = replace(read_structure(file_of(atoms, cif)), source=None)
    assert structure.chain_ids == ("A", "A")
    for format in FORMATS:
        again = read_structure(written(structure, format))
        assert again.chain_ids == ("A", "A") and again.positions.equal(structure.positions)
        assert again.chains.equal(structure.chains)
    assert read_structure(written(structure, cif)).label_chain_ids == ("A", "B")


def test_label_chain_ids_that_collide_are_made_anew(peptide, file_of):
    atoms = [*peptide("GAS"), *peptide("GAS", chain="B", origin=(0, 9, 0))]
    structure = replace(read_structure(file_of(atoms, "pdb")), source=None, label_chain_ids=("A", "A"))
    again = read_structure(written(structure, "mmcif"))
    assert again.chain_ids == ("A", "B") and len(set(again.label_chain_ids)) == 2


def many(count, chain_id, peptide, file_of):
    """A structure with so many copies of one residue, each a chain."""
    one = read_structure(file_of(peptide("G"), "pdb"))
    names = ("residues", "present", "numbers", "label_numbers", "b_factors", "occupancies")
    copies = {name: getattr(one, name).repeat(count, *[1] * (getattr(one, name).dim() - 1)) for name in names}
    shift = 5.0 * torch.arange(count)[:, None, None] % 900 * one.present[..., None]
    ids = tuple(chain_id(i) for i in range(count))
    return Structure(
        "many", **copies, positions=one.positions.repeat(count, 1, 1) + shift, chains=torch.arange(count),
        chain_ids=ids, label_chain_ids=ids, insertion_codes=("",) * count, residue_names=("GLY",) * count,
    )  # fmt: skip


def test_many_chains_with_long_ids_in_mmcif(cif, peptide, file_of):
    structure = many(200, lambda i: f"chain-{i}", peptide, file_of)
    again = read_structure(written(structure, cif))
    assert again.chain_ids == structure.chain_ids
    assert torch.allclose(again.positions, structure.positions, atol=6e-4)


@pytest.mark.parametrize(
    "name", ["O5'", 'HO5"', "O5'\"", "a b", "_x", "#1", ";s", "$v", "[1]", "loop_", "data_1", "?x", "é", "'q'", '"']
)
def test_odd_names_are_quoted(cif, name, mixed):
    names = (name, *mixed.others.names[1:])
    ids = ("Chain '1' #2:5", *mixed.others.residue_ids[1:])
    odd = replace(mixed, others=replace(mixed.others, names=names, residue_ids=ids))
    data = written(odd, cif)
    assert context_of(read_structure(data)) == context_of(odd)
    if cif == "mmcif":
        block = gemmi.cif.read_string(data)[0]
        assert name in {gemmi.cif.as_string(v) for v in block.find_values("_atom_site.label_atom_id")}


def test_texts_that_look_like_nulls_are_none(mixed):
    """A chain called "?" is not an unknown one."""
    structure = replace(mixed, chain_ids=("?", "."), label_chain_ids=("?", "."))
    block = gemmi.cif.read_string(written(structure, "mmcif"))[0]
    ids = set(block.find_values("_atom_site.auth_asym_id"))
    assert {"'?'", "'.'"} <= ids and not {"?", "."} & ids


@pytest.mark.parametrize(
    ("format", "changes", "says"),
    [
        ("pdb", {"chain_ids": ("AB", "b")}, "chain id 'AB'"),
        ("pdb", {"chain_ids": ("", "b")}, "chain id ''"),
        ("pdb", {"chain_ids": ("Å", "b")}, "ASCII"),
        ("pdb", {"residue_names": ("A1ABC",)}, "residue name 'A1ABC'"),
        ("pdb", {"numbers": 10_000}, "residue number of A:10000"),
        ("pdb", {"numbers": -1000}, "residue number of A:-1000"),
        ("pdb", {"insertion_codes": ("AB",)}, "insertion code 'AB'"),
        ("pdb", {"positions": -1000.0}, "Cartn_x -1000.000"),
        ("pdb", {"positions": -999.9996}, "Cartn_x -1000.000"),
        ("pdb", {"b_factors": 999.996}, "B_iso_or_equiv 1000.00"),
        ("pdb", {"b_factors": -100.0}, "B_iso_or_equiv -100.00"),
        ("pdb", {"occupancies": 1000.0}, "occupancy 1000.00"),
        ("cif", {"chain_ids": ("", "b")}, "chain id ''"),
        ("cif", {"chain_ids": ("a\nb", "b")}, "chain id"),
        ("cif", {"residue_names": ("G\tY",)}, "residue name"),
        ("cif", {"residue_names": ("",)}, "residue name ''"),
        ("any", {"positions": float("nan")}, "not finite"),
        ("any", {"positions": 10_000.0}, "beyond 9999"),
        ("any", {"b_factors": float("inf")}, "B factor"),
        ("any", {"occupancies": float("nan")}, "occupancy"),
        ("any", {"numbers": 0}, "two residues of one chain are called A:0"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(format, changes, says, mixed, tmp_path):
    suffixes = {"pdb": (".pdb",), "cif": (".cif", ".bcif"), "any": (".pdb", ".cif", ".bcif.gz")}[format]
    for name, value in changes.items():
        old = getattr(mixed, name)
        if isinstance(value, tuple):
            new = (*value, *old[len(value) :])
        else:
            new = old.clone()
            new[(0, CA, 0)[: new.dim()]] = value
        changed = replace(mixed, **{name: new})
        for suffix in suffixes:
            with pytest.raises(WriteError, match=f"x{suffix}: .*{re.escape(says)}.*; ".replace(". ", ". ?")):
                write_structure(changed, tmp_path / f"x{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("field", "value"), [("names", "LONG1"), ("residue_names", "A1ABC"), ("residue_ids", "AB:1")])
def test_context_that_pdb_cannot_hold_is_refused(field, value, mixed):
    changed = replace(mixed.others, **{field: (*getattr(mixed.others, field)[:-1], value)})
    with pytest.raises(WriteError, match="write mmCIF"):
        written(replace(mixed, others=changed), "pdb")
    read_structure(written(replace(mixed, others=changed), "mmcif"))


def test_pdb_refuses_more_atoms_and_chains_than_it_can_number(peptide, file_of, monkeypatch):
    letters = [chr(i) for i in range(33, 127)]
    assert written(many(62, letters.__getitem__, peptide, file_of), "pdb")
    with pytest.raises(WriteError, match="63 chains"):
        written(many(63, letters.__getitem__, peptide, file_of), "pdb")
    structure = many(3, letters.__getitem__, peptide, file_of)  # twelve atoms and three TER records
    monkeypatch.setattr(fresh_pdb, "MAX_SERIAL", 15)
    assert b"TER      15" in written(structure, "pdb")
    monkeypatch.setattr(fresh_pdb, "MAX_SERIAL", 14)
    with pytest.raises(WriteError, match="15 atom and TER records, the PDB format numbers 14; write mmCIF"):
        written(structure, "pdb")


def test_numbers_in_the_source_are_held_to_its_columns_too(peptide, file_of):
    structure = read_structure(file_of(peptide("GA"), "pdb"))
    with pytest.raises(WriteError, match=r"Cartn_x -1\d+\.\d+ does not fit the 8 columns"):
        written(structure.with_positions(structure.positions - 1500.0), "pdb")
    with pytest.raises(WriteError, match="B_iso_or_equiv 5000"):
        structure_bytes(structure, format="pdb", b_factors=torch.tensor([5000.0, 1.0]))
    with pytest.raises(WriteError, match="b_factors must be finite"):
        structure_bytes(structure, format="pdb", b_factors=torch.tensor([float("nan"), 1.0]))
    with pytest.raises(WriteError, match="one per residue"):
        structure_bytes(structure, format="pdb", b_factors=torch.ones(3))


def test_unknown_formats_are_refused(mixed, tmp_path):
    with pytest.raises(WriteError, match=r"suffix '\.xyz'; use"):
        write_structure(mixed, tmp_path / "x.xyz")
    with pytest.raises(WriteError, match="no format 'mol2'; there are"):
        write_structure(mixed, tmp_path / "x.pdb", format="mol2")
    write_structure(mixed, tmp_path / "x.dat", format="mmcif")
    assert_same(read_structure(tmp_path / "x.dat"), mixed)


def test_exact_coordinates_where_the_format_has_room(cif, mixed):
    """What a file gave with four decimals, a part of it keeps; computed coordinates are kept to 0.00001 Å."""
    positions = torch.where(mixed.present[..., None], (mixed.positions + 0.0004).round(decimals=4), 0.0)
    assert read_structure(written(replace(mixed, positions=positions), cif)).positions.equal(positions)
    positions = torch.where(mixed.present[..., None], mixed.positions + torch.pi, 0.0)
    again = read_structure(written(replace(mixed, positions=positions), cif))
    assert torch.allclose(again.positions, positions, atol=6e-6)
    assert not re.search(rb"\d\.\d{4}", written(mixed, "mmcif")), "three decimals where three say all"


def test_no_negative_zero(mixed):
    positions = mixed.positions.clone()
    positions[0, CA] = torch.tensor([-0.0001, 1.0, 2.0])
    assert b"-0.000 " not in written(replace(mixed, positions=positions), "pdb")


def test_residues_without_ca_stay_protein(peptide, file_of):
    """MSE without CA in a HETATM record would be read as a ligand."""
    structure = read_structure(file_of(peptide(["GLY", "MSE", "GLY"]), "pdb"))
    present = structure.present.clone()
    present[1, CA] = False
    for format in FORMATS:
        again = read_structure(written(replace(structure, present=present, source=None), format))
        assert again.sequence == "GMG" and again.present.equal(present)


def test_plddt_stays_declared_until_other_b_factors_replace_it(cif, mixed):
    predicted = replace(mixed, predicted=True)
    assert read_structure(written(predicted, cif)).predicted
    assert not read_structure(written(mixed, cif)).predicted
    given = structure_bytes(predicted, format=cif, b_factors=torch.ones(len(mixed)))
    assert not read_structure(given).predicted


def test_parts_are_written(mixed):
    part = mixed.take(torch.tensor([6, 0, 2]))
    for format in FORMATS:
        again = read_structure(written(part, format))
        assert protein_of(again) == protein_of(part)
        assert len(again.others) == len(part.others)


@pytest.mark.parametrize("suffix", [".pdb", ".cif", ".mmcif", ".bcif", ".ent"])
def test_gzip_is_the_same_bytes_at_any_time(mixed, suffix, tmp_path, monkeypatch):
    write_structure(mixed, tmp_path / f"a{suffix}.gz")
    monkeypatch.setattr(time, "time", lambda: 1e9)
    write_structure(mixed, tmp_path / f"b{suffix}.gz")
    write_structure(mixed, tmp_path / f"c{suffix}")
    first = (tmp_path / f"a{suffix}.gz").read_bytes()
    assert first == (tmp_path / f"b{suffix}.gz").read_bytes()
    assert gzip.decompress(first) == (tmp_path / f"c{suffix}").read_bytes()


def test_block_names_hold_no_blanks(cif, mixed):
    data = written(replace(mixed, name="a model\nof loop_ é"), cif)
    assert_same(read_structure(data), mixed)
    if cif == "mmcif":
        assert data.startswith(b"data_a_model_of_loop___\n")


def test_large_assemblies_take_seconds(peptide, file_of):
    structure = many(2000, lambda i: f"A-{i}", peptide, file_of)
    for format in ("mmcif", "bcif"):
        start = time.process_time()
        data = written(structure, format)
        assert time.process_time() - start < 2
        assert len(data) > 2000 * 10
    assert np.isfinite(structure.positions.numpy()).all()


def test_find_structures(tmp_path):
    for name in ("b.pdb", "sub/a.cif.gz", "sub/notes.txt", "sub/.hidden.pdb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    both = [tmp_path / "b.pdb", tmp_path / "sub/a.cif.gz"]
    assert find_structures([str(tmp_path), str(tmp_path / "*.pdb")]) == both
    assert find_structures([str(tmp_path / "sub/notes.txt")]) == [tmp_path / "sub/notes.txt"]
    for nothing in ("absent.pdb", "*.ent"):
        with pytest.raises(StructureError, match="no such"):
            find_structures([str(tmp_path / nothing)])

"""New files: what they hold, and that other readers find the same in them."""

from __future__ import annotations

import io
from dataclasses import replace

import biotite.structure.io.pdb as biotite_pdb
import biotite.structure.io.pdbx as biotite_pdbx
import gemmi
import pytest
import torch
from Bio.PDB import MMCIFParser, PDBParser

from protein_enn import chemistry
from protein_enn.io import read_structure
from protein_enn.io.write import structure_bytes
from protein_enn.structure import Links

SG = chemistry.ATOM_INDEX["SG"]
FORMATS = ("pdb", "mmcif", "bcif")


def written(structure, format):
    return structure_bytes(structure, format=format, file="x")


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


def our_atoms(protein, context):
    atoms = set()
    for (residue, name, slot), (*xyz, occupancy, b_factor) in protein.items():
        atom = chemistry.ATOMS[slot] if (name, chemistry.ATOMS[slot]) != ("MSE", "SD") else "SE"
        element = "SE" if atom == "SE" else atom[0]
        atoms.add((*residue.split(":"), name, atom, element, *(round(x, 3) for x in xyz), occupancy, b_factor))
    for residue, name, atom, element, _, (*xyz, occupancy, b_factor) in context:
        atoms.add((*residue.split(":"), name, atom, element, *(round(x, 3) for x in xyz), occupancy, b_factor))
    return atoms


@pytest.mark.parametrize("format", FORMATS)
def test_a_new_file_holds_the_structure(mixed, format, everything):
    again = read_structure(written(mixed, format))
    assert everything(again) == everything(mixed)
    assert again.chain_ids == mixed.chain_ids
    assert not again.audit.findings or all(f.severity != "error" for f in again.audit.findings)


@pytest.mark.parametrize(
    ("reader", "formats"), [(gemmi_atoms, FORMATS[:2]), (biopython_atoms, FORMATS[:2]), (biotite_atoms, FORMATS)]
)
def test_other_readers_find_the_same_atoms(mixed, reader, formats, everything):
    _, protein, context, _ = everything(mixed)
    for format in formats:
        assert reader(written(mixed, format), format) == our_atoms(protein, context)


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
    iron, zinc = (mixed.hetero.names.index(name) for name in ("FE", "ZN"))
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


def test_two_chains_with_one_author_id_stay_two(cif, peptide, file_of):
    atoms = [*peptide("GAS", label_chain="A"), *peptide("GAS", start=1, label_chain="B", origin=(0, 9, 0))]
    structure = replace(read_structure(file_of(atoms, cif)), source=None, chain_ids=("A", "A"))
    for format in FORMATS:
        again = read_structure(written(structure, format))
        assert again.chain_ids == ("A", "B") and again.positions.equal(structure.positions)
        assert again.chains.equal(structure.chains)
    assert read_structure(written(structure, cif)).label_chain_ids == ("A", "B")


def test_label_chain_ids_that_collide_are_made_anew(peptide, file_of):
    atoms = [*peptide("GAS"), *peptide("GAS", chain="B", origin=(0, 9, 0))]
    structure = replace(read_structure(file_of(atoms, "pdb")), source=None, label_chain_ids=("A", "A"))
    again = read_structure(written(structure, "mmcif"))
    assert again.chain_ids == ("A", "B") and len(set(again.label_chain_ids)) == 2


def test_parts_are_written(mixed, everything):
    part = mixed.take(torch.tensor([6, 0, 2]))
    for format in FORMATS:
        again = read_structure(written(part, format))
        assert everything(again)[1] == everything(part)[1]
        assert len(again.hetero) == len(part.hetero)

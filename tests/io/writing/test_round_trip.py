"""Written back, a file changes only where its atoms moved, to the byte in the text formats."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import gemmi
import msgpack
import numpy as np
import pytest
import torch
from biotite.structure.io.pdbx import (
    BinaryCIFColumn,
    BinaryCIFData,
    BinaryCIFFile,
    ByteArrayEncoding,
    FixedPointEncoding,
)

from protein_enn import chemistry
from protein_enn.io import read_structure
from protein_enn.io.write import structure_bytes
from protein_enn.io.writing.revision import Cells
from protein_enn.io.writing.rewrite_mmcif import rewrite
from protein_enn.structure import KINDS, OtherAtoms

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = ["1bhl.pdb", "2gtl_chain_a.cif", "2gtl_chain_a.bcif"]
CA = chemistry.CA


def rewritten(structure):
    return structure_bytes(structure, format=structure.source.format)


def shifted(structure, residue=0, slot=CA, by=1.0):
    """One atom further along x."""
    positions = structure.positions.clone()
    positions[residue, slot, 0] += by
    return structure.with_positions(positions)


def noisy(structure):
    noise = torch.randn(structure.positions.shape, generator=torch.Generator().manual_seed(3))
    return structure.with_positions(structure.positions + 0.3 * noise)


def mmcif(rows, tags=("group_PDB", "label_atom_id", "label_comp_id", "label_asym_id", "label_seq_id", "Cartn_x",
                      "Cartn_y", "Cartn_z", "occupancy", "B_iso_or_equiv")):  # fmt: skip
    return "data_x\nloop_\n" + "".join(f"_atom_site.{tag}\n" for tag in tags) + rows


ROWS = """ATOM N  GLY A 1 1.0000  2.000 3.000 1.00 10.00
ATOM CA GLY A 1 2.5(2)  2.000 3.000 1.00 ?
ATOM C  GLY A 1 3.0     2.000 3.000 1    .
"""


@pytest.mark.parametrize("file", FILES)
def test_nothing_moved_gives_the_same_bytes(file):
    assert rewritten(read_structure(EXAMPLES / file)) == (EXAMPLES / file).read_bytes()


@pytest.mark.parametrize("file", FILES)
def test_moved_atoms_are_where_they_were_put_and_all_else_is_equal(file):
    structure = noisy(read_structure(EXAMPLES / file))
    again = read_structure(rewritten(structure))
    assert torch.allclose(again.positions, structure.positions, atol=5.01e-4)
    assert again.present.equal(structure.present) and again.residue_names == structure.residue_names
    assert again.b_factors.equal(structure.b_factors) and again.occupancies.equal(structure.occupancies)
    whole = structure.others.kinds != KINDS.index("other")  # not a group of a modified residue
    assert again.others.positions[whole].equal(structure.others.positions[whole])


def test_pdb_changes_only_the_moved_columns():
    structure = read_structure(EXAMPLES / "1bhl.pdb")
    before = (EXAMPLES / "1bhl.pdb").read_bytes().split(b"\n")
    after = rewritten(shifted(structure, 4)).split(b"\n")
    row = int(structure.source.rows[4, CA])
    assert [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [row]
    assert before[row][:30] == after[row][:30] and before[row][38:] == after[row][38:]
    assert float(after[row][30:38]) == pytest.approx(float(before[row][30:38]) + 1)


def test_pdb_lines_of_every_kind_stay(peptide, file_of):
    """ANISOU, hybrid-36 numbers, a line that ends after its coordinates, other records, what follows END."""
    lines = file_of(peptide("GAS", start=-1), "pdb").decode().split("\n")
    lines[1] = lines[1][:22] + "A000" + lines[1][26:]
    lines[0] = lines[0][:22] + "A000" + lines[0][26:]
    lines[2], lines[3] = (line[:22] + "A000" + line[26:] for line in lines[2:4])
    lines[5] = lines[5][:54]
    lines.insert(1, "ANISOU    1  N   GLY A  -1     1000   1000   1000      0      0      0       N")
    lines = ["HEADER    A TITLE", *lines[:-1], "ATOM  after", ""]
    data = "\n".join(lines[:-2]).encode() + b"\nREMARK after END"
    structure = read_structure(data)
    new = rewritten(structure.with_positions(structure.positions + 1.0)).split(b"\n")
    for a, b in zip(data.split(b"\n"), new, strict=True):
        same = a if not a.startswith(b"ATOM") else a[:30] + b[30:54] + a[54:]
        assert b == same
    assert sum(a != b for a, b in zip(data.split(b"\n"), new, strict=True)) == 14
    factors = structure_bytes(structure, format="pdb", b_factors=torch.full((3,), 7.0)).split(b"\n")
    assert factors[7].rstrip().endswith(b"  7.00") and len(factors[7]) == 66


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("kind", ["pdb", "mmcif"])
def test_line_ends_and_byte_order_mark_stay(kind, mark, end, peptide, file_of):
    data = file_of(peptide("GAS"), kind)
    foreign = mark + data.replace(b"\n", end)
    structure = read_structure(foreign)
    assert rewritten(structure) == foreign
    plain = rewritten(shifted(read_structure(data)))
    assert rewritten(shifted(structure)) == mark + plain.replace(b"\n", end)


def test_numbers_keep_their_decimals_and_have_three():
    structure = read_structure(mmcif(ROWS).encode())
    positions = structure.positions.clone()
    positions[0, [chemistry.N, CA, chemistry.C], 0] += 0.25
    new = rewritten(structure.with_positions(positions)).decode()
    assert new == mmcif(ROWS.replace("1.0000 ", "1.2500 ").replace("2.5(2) ", "2.750  ").replace("3.0  ", "3.250"))
    least = shifted(structure, slot=chemistry.N, by=4e-5)
    assert rewritten(least).decode() == mmcif(ROWS), "less than half of the last digit"


def test_values_that_stand_beside_each_other_stay_apart():
    rows = ROWS.replace("3.0     2.000", "3.0 2.000")
    structure = read_structure(mmcif(rows).encode())
    new = rewritten(shifted(structure, slot=chemistry.C, by=-1000.0)).decode()
    assert new == mmcif(rows.replace("3.0 2.000", "-997.000 2.000"))


@pytest.mark.parametrize(
    "rows",
    [
        ROWS.replace(" A 1 ", " A\n1\n"),  # rows over several lines
        ROWS.replace(" 1.00 ?", "\n1.00\n?").replace("\n", " \n\n"),
        ROWS.replace("CA GLY", "CA 'GLY'").replace("N  GLY", '"N" GLY'),
        ROWS.replace("ATOM C ", "# it's a comment 1 2\nATOM C "),
        ROWS.replace("GLY A", "GLY 'a chain'"),
        ROWS.replace("GLY A 1", "GLY\n;A\n;\n1"),
        ROWS + "data_y\n_other.text\n;\nloop_\n_atom_site.Cartn_x\n1.0000\n;\n_other.id 1\n",
        ROWS + "loop_\n_atom_site_anisotrop.id\n_atom_site_anisotrop.U[1][1]\n1 1.0000\n",
        ROWS[:-1],
    ],
)
def test_mmcif_in_any_shape_changes_only_its_numbers(rows):
    for before in ("", "data_w\n_first.text\n;\nloop_\n_atom_site.Cartn_x\n1.0000\n; _second.text 'it''s'\n"):
        text = before + mmcif(rows)
        structure = read_structure(text.encode())
        new = rewritten(shifted(structure, slot=chemistry.N)).decode()
        old_lines, new_lines = text.split("\n"), new.split("\n")
        changed = [(a, b) for a, b in zip(old_lines, new_lines, strict=True) if a != b]
        assert len(changed) == 1 and changed[0][1] == changed[0][0].replace("1.0000 ", "2.0000 "), changed
        assert float(read_structure(new.encode()).positions[0, chemistry.N, 0]) == 2.0


def test_blanks_in_a_value_are_not_mistaken_for_values_behind_a_comment():
    """As many pieces as values, but not the same: the grammar must decide."""
    rows = ROWS.replace("GLY A 1 1.0000", "GLY 'a b c d e f g h i j k' 1 1.0000").replace("ATOM C ", "# c\nATOM C ")
    cells = {"Cartn_x": Cells(np.array([0, 2]), np.array([2.0, 4.0]))}
    new = rewrite(mmcif(rows).encode(), "x", cells).decode()
    assert new == mmcif(rows.replace("1.0000 ", "2.0000 ").replace("3.0  ", "4.000"))


def test_a_loop_that_begins_where_a_text_ends():
    text = "data_x\n_a.text\n;\nit\n; " + mmcif(ROWS)[7:] + "_b.text\n;\nends\n;\n"
    new = rewritten(shifted(read_structure(text.encode()), slot=chemistry.N))
    assert new.decode() == text.replace("1.0000 ", "2.0000 ")


def test_one_atom_as_pairs():
    text = "data_x\n" + "".join(
        f"_atom_site.{tag} {value}\n"
        for tag, value in (("group_PDB", "ATOM"), ("label_atom_id", "CA"), ("label_comp_id", "GLY"),
                           ("label_asym_id", "'A'"), ("label_seq_id", 1), ("Cartn_x", "1.50"), ("Cartn_y", 2),
                           ("Cartn_z", 3))
    )  # fmt: skip
    structure = read_structure(text.encode())
    new = rewritten(shifted(structure)).decode()
    assert new == text.replace("1.50", "2.500")
    factors = structure_bytes(structure, format="mmcif", b_factors=torch.tensor([50.0]))
    assert factors.decode() == text[:-1] + "\n_atom_site.B_iso_or_equiv 50.00\n"


def test_a_column_of_b_factors_is_added_where_there_is_none(cif, peptide, file_of):
    data = file_of(peptide("GAS"), cif, drop=("B_iso_or_equiv",))
    structure = read_structure(data)
    new = structure_bytes(structure, format=cif, b_factors=torch.tensor([10.0, 20.0, 30.0]))
    again = read_structure(new)
    assert again.b_factors[:, CA].tolist() == [10.0, 20.0, 30.0]
    assert again.positions.equal(structure.positions)
    if cif == "mmcif":
        added = re.sub(rb" [123]0\.00\n", b"\n", new).replace(b"_atom_site.B_iso_or_equiv\n", b"")
        assert added == data


def test_the_chosen_data_block_is_the_one_that_changes(peptide, file_of):
    one = file_of(peptide("GAS"), "mmcif").replace(b"TINY", b"one")
    two = file_of(peptide("GAS", chain="B"), "mmcif").replace(b"TINY", b"two")
    structure = read_structure(one + two, block="two")
    assert rewritten(structure) == one + two
    new = rewritten(shifted(structure))
    assert new.startswith(one) and new != one + two
    assert new[len(one) :] == rewritten(shifted(read_structure(two)))


def test_nulls_stay_two_kinds():
    structure = read_structure(mmcif(ROWS).encode())
    new = rewritten(structure.with_positions(structure.positions + 1.0))
    column = gemmi.cif.read_string(new)[0].find_values("_atom_site.B_iso_or_equiv")
    assert list(column) == ["10.00", "?", "."]


def test_binarycif_keeps_the_bytes_of_all_other_columns(peptide, file_of):
    source = {"entry": {"id": ["TINY"]}, "audit_author": {"name": ["A, B.", "C, D."]}}
    data = file_of(peptide("GAS"), "bcif", categories=source)
    old = msgpack.unpackb(data)
    new = msgpack.unpackb(rewritten(shifted(read_structure(data))))
    assert new.keys() == old.keys() and new["encoder"] == old["encoder"]
    (before,), (after,) = old["dataBlocks"], new["dataBlocks"]
    assert [c["name"] for c in before["categories"]] == [c["name"] for c in after["categories"]]
    for a, b in zip(before["categories"], after["categories"], strict=True):
        assert [x["name"] for x in a["columns"] if x not in b["columns"]] == (
            ["Cartn_x"] if a["name"] == "_atom_site" else []
        )


def test_binarycif_columns_keep_their_type(peptide, file_of):
    """In float32 or as text, what did not move decodes to what it was."""
    document = BinaryCIFFile.read(io.BytesIO(file_of(peptide("GAS"), "bcif")))
    site = document.block["atom_site"]
    x = site["Cartn_x"].as_array(float)
    for values, encoding in (
        (x.astype(np.float32), [FixedPointEncoding(1000), ByteArrayEncoding()]),
        (x.astype(np.float32), [ByteArrayEncoding()]),
        (x, [FixedPointEncoding(1e6), ByteArrayEncoding()]),
        (np.array([f"{v:.5f}" for v in x]), None),
    ):
        site["Cartn_x"] = BinaryCIFColumn(BinaryCIFData(values, encoding))
        stream = io.BytesIO()
        document.write(stream)
        new = BinaryCIFFile.read(io.BytesIO(rewritten(shifted(read_structure(stream.getvalue())))))
        after = new.block["atom_site"]["Cartn_x"].data.array
        still = np.arange(len(x)) != 1
        assert after.dtype.kind == values.dtype.kind and (after[still] == values[still]).all()
        assert float(after[1]) == pytest.approx(float(values[1]) + 1, abs=1e-5)


def test_other_models_and_conformers_stay(kind, peptide, file_of):
    first = peptide("GAS")
    other = [{**a, "alt": "B", "occ": 0.3, "x": a["x"] + 0.5} for a in first[4:9]]
    for a in first[4:9]:
        a.update(alt="A", occ=0.7)
    second = [{**a, "model": 2, "x": a["x"] + 9.0} for a in peptide("GAS")]
    data = file_of([*first, *other, *second], kind)
    new = rewritten(noisy(read_structure(data)))
    assert read_structure(new, model=2).positions.equal(read_structure(data, model=2).positions)
    if kind == "pdb":
        assert new.split(b"\n")[16:] == data.split(b"\n")[16:], "alternative conformers and the second model"
    moved_second = rewritten(shifted(read_structure(data, model=2)))
    assert read_structure(moved_second).positions.equal(read_structure(data).positions)
    assert not read_structure(moved_second, model=2).positions.equal(read_structure(data, model=2).positions)


def hydrogens_of(data):
    return np.array([list(a.atom.pos) for a in gemmi.read_pdb_string(data)[0].all() if a.atom.is_hydrogen()])


def test_hydrogens_ride_and_turn_with_their_residue(peptide, atom, file_of):
    """A residue that turns as one body turns its hydrogens, while the other residue stays."""
    structure = read_structure(
        file_of([*peptide("A"), atom("HA", 1, 1.3, y=1.2, z=0.6), *peptide("S", start=2, origin=(9, 9, 9))], "pdb")
    )
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    positions = structure.positions.clone()
    positions[0] = positions[0] @ turn.T + 5.0
    (hydrogen,) = hydrogens_of(rewritten(structure.with_positions(positions)))
    assert np.allclose(hydrogen, [5 - 1.2, 5 + 1.3, 5.6], atol=2e-3)


def test_a_motion_of_the_whole_moves_everything(peptide, atom, file_of):
    """Superposed onto something, a model takes its water hydrogens, ions and other conformers along."""
    atoms = peptide("GA")
    atoms[4]["alt"], atoms[4]["occ"] = "A", 0.6
    atoms += [{**atoms[4], "alt": "B", "occ": 0.4, "x": atoms[4]["x"] + 0.4}]
    for i, name in enumerate(("O", "H1", "H2")):
        atoms.append(atom(name, 90, 5.0 + 0.9 * i, residue="HOH", record="HETATM", y=4.0 - 0.3 * i))
    data = file_of(atoms, "pdb")
    structure = read_structure(data)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    turn = turn * torch.linalg.det(turn)
    new = rewritten(structure.moved(turn, torch.tensor([1.0, 2.0, 3.0])))
    old, moved = (
        np.array([list(a.atom.pos) for a in gemmi.read_pdb_string(d)[0].all()]) for d in (data, new)
    )  # fmt: skip
    assert len(old) == len(atoms)
    assert np.allclose(moved, old @ turn.numpy().T + [1, 2, 3], atol=1e-3)


def test_context_that_moved_alone_is_written(kind, peptide, atom, file_of):
    data = file_of([*peptide("GA"), atom("ZN", 50, 5.0, residue="ZN", record="HETATM", element="ZN")], kind)
    structure = read_structure(data)
    others = replace(structure.others, positions=structure.others.positions + 2.0)
    again = read_structure(rewritten(replace(structure, others=others)))
    assert again.others.positions.equal(others.positions)
    assert again.positions.equal(structure.positions)


def test_groups_of_modified_residues_follow_them(kind, peptide, atom, file_of):
    atoms = [*peptide(["ALA", "SEP"]), atom("P", 2, 6.0, y=3.0, z=1.0, residue="SEP")]
    structure = read_structure(file_of(atoms, kind))
    positions = structure.positions.clone()
    positions[1, structure.present[1]] += 2.0
    again = read_structure(rewritten(structure.with_positions(positions)))
    assert torch.allclose(again.others.positions, structure.others.positions + 2.0, atol=1e-3)


def test_b_factors_and_occupancies_that_changed_are_written(kind, peptide, file_of):
    structure = read_structure(file_of(peptide("GAS"), kind))
    occupancies = structure.occupancies.clone()
    occupancies[1, CA] = 0.5
    again = read_structure(rewritten(replace(structure, occupancies=occupancies)))
    assert again.occupancies.equal(occupancies) and again.b_factors.equal(structure.b_factors)
    values = torch.tensor([1.25, 50.5, 99.0])
    again = read_structure(structure_bytes(structure, format=kind, b_factors=values))
    assert torch.equal(again.b_factors[structure.present], values[:, None].expand(-1, 37)[structure.present])


@pytest.mark.parametrize("change", ["name", "number", "chain", "atom", "context"])
def test_what_the_source_cannot_say_makes_a_new_file(kind, change, peptide, file_of):
    """A changed residue must not be written under its old name."""
    structure = read_structure(file_of([*peptide("GAS")], kind))
    changed = {
        "name": {"residue_names": ("GLY", "ALA", "THR")},
        "number": {"numbers": structure.numbers + 5},
        "chain": {"chain_ids": ("Q",)},
        "atom": {"present": structure.present.clone().index_fill_(1, torch.tensor([chemistry.O]), False)},
        "context": {"others": OtherAtoms(torch.tensor([[9.0, 9.0, 9.0]]), ("ZN",), ("ZN",), ("ZN",), ("Q:1",),
                                         torch.tensor([1]), torch.ones(1), torch.ones(1))},
    }[change]  # fmt: skip
    edited = replace(structure, **changed)
    again = read_structure(rewritten(edited))
    assert again.residue_names == edited.residue_names and again.numbers.equal(edited.numbers)
    assert again.chain_ids == edited.chain_ids and again.present.equal(edited.present)
    assert again.others.names == edited.others.names


def test_a_file_read_leniently_is_written_with_its_blanks(peptide, file_of):
    atoms = peptide("GAS")
    atoms[6]["x"] = "?"
    data = file_of(atoms, "mmcif")
    structure = read_structure(data, lenient=True)
    assert rewritten(structure) == data
    again = read_structure(rewritten(noisy(structure)), lenient=True)
    assert again.present.equal(structure.present)


def test_the_model_of_biopython_agrees_about_the_new_places():
    from Bio.PDB import PDBParser

    structure = noisy(read_structure(EXAMPLES / "1bhl.pdb"))
    model = PDBParser(QUIET=True).get_structure("x", io.StringIO(rewritten(structure).decode()))[0]
    residues = {f"{r.get_parent().id}:{r.id[1]}{r.id[2].strip()}": r for r in model.get_residues()}
    for i, slot in structure.present.nonzero().tolist():
        atom = residues[structure.residue_id(i)][chemistry.ATOMS[slot]]
        assert np.allclose(structure.positions[i, slot].numpy(), atom.coord, atol=6e-4)

"""Written back, a file changes only where its atoms moved, to the byte in the text formats."""

from __future__ import annotations

import io
import re
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
from protein_enn.io.write.edit_mmcif import rewrite
from protein_enn.io.write.edits import Cells
from protein_enn.structure import KINDS

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = ["1bhl.pdb", "2gtl_chain_a.cif", "2gtl_chain_a.bcif"]
CA = chemistry.CA
ROWS = """ATOM N  GLY A 1 1.0000  2.000 3.000 1.00 10.00
ATOM CA GLY A 1 2.5(2)  2.000 3.000 1.00 ?
ATOM C  GLY A 1 3.0     2.000 3.000 1    .
"""


def mmcif(rows, tags=("group_PDB", "label_atom_id", "label_comp_id", "label_asym_id", "label_seq_id", "Cartn_x",
                      "Cartn_y", "Cartn_z", "occupancy", "B_iso_or_equiv")):  # fmt: skip
    return "data_x\nloop_\n" + "".join(f"_atom_site.{tag}\n" for tag in tags) + rows


@pytest.mark.parametrize("file", FILES)
def test_nothing_moved_gives_the_same_bytes(file, rewritten):
    assert rewritten(read_structure(EXAMPLES / file)) == (EXAMPLES / file).read_bytes()


@pytest.mark.parametrize("file", FILES)
def test_moved_atoms_are_where_they_were_put_and_all_else_is_equal(file, rewritten, noisy):
    structure = noisy(read_structure(EXAMPLES / file))
    again = read_structure(rewritten(structure))
    assert torch.allclose(again.positions, structure.positions, atol=5.01e-4)
    assert again.present.equal(structure.present) and again.residue_names == structure.residue_names
    assert again.b_factors.equal(structure.b_factors) and again.occupancies.equal(structure.occupancies)
    whole = structure.hetero.kinds != KINDS.index("other")  # not a group of a modified residue
    assert again.hetero.positions[whole].equal(structure.hetero.positions[whole])


def test_pdb_changes_only_the_moved_columns(rewritten, shifted):
    structure = read_structure(EXAMPLES / "1bhl.pdb")
    before = (EXAMPLES / "1bhl.pdb").read_bytes().split(b"\n")
    after = rewritten(shifted(structure, 4)).split(b"\n")
    row = int(structure.source.rows[4, CA])
    assert [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [row]
    assert before[row][:30] == after[row][:30] and before[row][38:] == after[row][38:]
    assert float(after[row][30:38]) == pytest.approx(float(before[row][30:38]) + 1)


def test_pdb_lines_of_every_kind_stay(peptide, file_of, rewritten):
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
def test_line_ends_and_byte_order_mark_stay(kind, mark, end, peptide, file_of, rewritten, shifted):
    data = file_of(peptide("GAS"), kind)
    foreign = mark + data.replace(b"\n", end)
    structure = read_structure(foreign)
    assert rewritten(structure) == foreign
    plain = rewritten(shifted(read_structure(data)))
    assert rewritten(shifted(structure)) == mark + plain.replace(b"\n", end)


def test_numbers_keep_their_decimals_and_have_three(rewritten, shifted):
    structure = read_structure(mmcif(ROWS).encode())
    positions = structure.positions.clone()
    positions[0, [chemistry.N, CA, chemistry.C], 0] += 0.25
    new = rewritten(structure.with_positions(positions)).decode()
    assert new == mmcif(ROWS.replace("1.0000 ", "1.2500 ").replace("2.5(2) ", "2.750  ").replace("3.0  ", "3.250"))
    least = shifted(structure, slot=chemistry.N, by=4e-5)
    assert rewritten(least).decode() == mmcif(ROWS), "less than half of the last digit"


def test_adjacent_values_stay_separate(rewritten, shifted):
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
def test_mmcif_in_any_shape_changes_only_its_numbers(rows, rewritten, shifted):
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


def test_a_loop_that_begins_where_a_text_ends(rewritten, shifted):
    text = "data_x\n_a.text\n;\nit\n; " + mmcif(ROWS)[7:] + "_b.text\n;\nends\n;\n"
    new = rewritten(shifted(read_structure(text.encode()), slot=chemistry.N))
    assert new.decode() == text.replace("1.0000 ", "2.0000 ")


def test_one_atom_as_pairs(rewritten, shifted):
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


def test_the_chosen_data_block_is_the_one_that_changes(peptide, file_of, rewritten, shifted):
    one = file_of(peptide("GAS"), "mmcif").replace(b"TINY", b"one")
    two = file_of(peptide("GAS", chain="B"), "mmcif").replace(b"TINY", b"two")
    structure = read_structure(one + two, block="two")
    assert rewritten(structure) == one + two
    new = rewritten(shifted(structure))
    assert new.startswith(one) and new != one + two
    assert new[len(one) :] == rewritten(shifted(read_structure(two)))


def test_nulls_stay_two_kinds(rewritten):
    structure = read_structure(mmcif(ROWS).encode())
    new = rewritten(structure.with_positions(structure.positions + 1.0))
    column = gemmi.cif.read_string(new)[0].find_values("_atom_site.B_iso_or_equiv")
    assert list(column) == ["10.00", "?", "."]


def test_binarycif_keeps_the_bytes_of_all_other_columns(peptide, file_of, rewritten, shifted):
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


def test_binarycif_columns_keep_their_type(peptide, file_of, rewritten, shifted):
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


def test_the_model_of_biopython_agrees_about_the_new_places(rewritten, noisy):
    from Bio.PDB import PDBParser

    structure = noisy(read_structure(EXAMPLES / "1bhl.pdb"))
    model = PDBParser(QUIET=True).get_structure("x", io.StringIO(rewritten(structure).decode()))[0]
    residues = {f"{r.get_parent().id}:{r.id[1]}{r.id[2].strip()}": r for r in model.get_residues()}
    for i, slot in structure.present.nonzero().tolist():
        atom = residues[structure.residue_id(i)][chemistry.ATOMS[slot]]
        assert np.allclose(structure.positions[i, slot].numpy(), atom.coord, atol=6e-4)

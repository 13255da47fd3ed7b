"""What is written can be read again, and what did not move is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from Bio.PDB import PDBParser

from protein_enn import chemistry
from protein_enn.io import StructureError, WriteError, find_structures, read_structure, write_structure

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = ["1bhl.pdb", "2gtl_chain_a.cif", "2gtl_chain_a.bcif"]


def noisy(structure):
    noise = torch.randn(structure.positions.shape, generator=torch.Generator().manual_seed(3))
    return structure.with_positions(structure.positions + 0.3 * noise)


@pytest.mark.parametrize("file", FILES)
def test_nothing_moved_gives_the_same_bytes(file, tmp_path):
    path = tmp_path / file
    write_structure(read_structure(EXAMPLES / file), path)
    assert path.read_bytes() == (EXAMPLES / file).read_bytes()


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("suffix", [".pdb", ".cif", ".bcif", ".pdb.gz", ".cif.gz", ".bcif.gz"])
def test_round_trip_across_formats(file, suffix, tmp_path):
    structure = noisy(read_structure(EXAMPLES / file))
    write_structure(structure, tmp_path / f"x{suffix}")
    again = read_structure(tmp_path / f"x{suffix}")
    assert again.sequence == structure.sequence
    assert again.present.equal(structure.present)
    assert again.numbers.equal(structure.numbers)
    assert again.residue_names == structure.residue_names
    assert len(again.others) == len(structure.others)
    assert torch.allclose(again.positions, structure.positions, atol=6e-4)


@pytest.mark.parametrize("file", FILES)
def test_b_factors(file, tmp_path):
    structure = read_structure(EXAMPLES / file)
    values = torch.linspace(1.0, 90.0, len(structure))
    write_structure(structure, tmp_path / file, b_factors=values)
    again = read_structure(tmp_path / file)
    assert torch.allclose(again.b_factors[:, chemistry.CA], values, atol=6e-3)
    assert again.positions.equal(structure.positions)


def test_pdb_changes_only_the_moved_columns(tmp_path):
    structure = read_structure(EXAMPLES / "1bhl.pdb")
    positions = structure.positions.clone()
    positions[4, chemistry.CA, 0] += 1.0
    write_structure(structure.with_positions(positions), tmp_path / "x.pdb")
    before = (EXAMPLES / "1bhl.pdb").read_text().splitlines()
    after = (tmp_path / "x.pdb").read_text().splitlines()
    row = int(structure.source.rows[4, chemistry.CA])
    assert [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [row]
    assert before[row][:30] == after[row][:30]
    assert before[row][38:] == after[row][38:]


def test_hydrogens_ride_with_their_atom(lines, tmp_path, as_bytes, atom_line):
    structure = read_structure(as_bytes([*lines, atom_line("H", 2, 8.5)]))
    write_structure(structure.with_positions(structure.positions + 2.0), tmp_path / "x.pdb")
    hydrogen = (tmp_path / "x.pdb").read_text().splitlines()[10]
    assert hydrogen[30:54] == "  10.500   3.000   4.000"


def test_coordinates_agree_with_biopython():
    structure = read_structure(EXAMPLES / "1bhl.pdb")
    model = PDBParser(QUIET=True).get_structure("x", EXAMPLES / "1bhl.pdb")[0]
    residues = {f"{r.get_parent().id}:{r.id[1]}{r.id[2].strip()}": r for r in model.get_residues()}
    for i in range(len(structure)):
        for slot in structure.present[i].nonzero()[:, 0].tolist():
            atom = residues[structure.residue_id(i)][chemistry.ATOMS[slot]]
            assert torch.allclose(structure.positions[i, slot], torch.tensor(atom.coord), atol=1e-4)


def test_pdb_refuses_what_it_cannot_hold(tmp_path):
    structure = read_structure(EXAMPLES / "2gtl_chain_a.cif")
    long = type(structure)(**{**vars(structure), "chain_ids": ("AB",)})
    with pytest.raises(WriteError, match="AB"):
        write_structure(long, tmp_path / "x.pdb")
    with pytest.raises(WriteError, match="suffix"):
        write_structure(structure, tmp_path / "x.xyz")
    positions = torch.full_like(structure.positions, float("nan"))
    with pytest.raises(WriteError, match="not finite"):
        write_structure(structure.with_positions(positions), tmp_path / "x.cif")
    assert not list(tmp_path.iterdir())


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


def test_originals_are_read_or_refused(data_dir):
    """Real and nasty files: a structure or a StructureError, never anything else."""
    files = sorted(p for p in (data_dir / "originals").rglob("*") if p.is_file())
    read = 0
    for path in files:
        try:
            structure = read_structure(path)
        except StructureError as error:
            assert path.name in str(error)
        else:
            read += 1
            assert len(structure) and torch.isfinite(structure.positions).all()
    assert read > len(files) // 2

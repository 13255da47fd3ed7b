"""Atoms that a file lacks are written into it as new lines, and no other byte changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry
from protein_enn.io import read_structure, write_structure
from protein_enn.io.write import structure_bytes
from protein_enn.structure import Structure

PDB, CIF = "1bhl.pdb", "2gtl_chain_a.cif"
GONE = {PDB: ("A", 62), CIF: ("A", 5)}
"""A residue of each file that loses what lies beyond CB."""


def is_tip(line: bytes, where: tuple[str, int], cif: bool) -> bool:
    """Whether a line holds an atom beyond CB of the residue."""
    if not line.startswith((b"ATOM", b"ANISOU")):
        return False
    if cif:
        values = line.split()
        return int(values[ITEMS["auth_seq_id"]]) == where[1] and values[ITEMS["label_atom_id"]] not in KEPT
    return int(line[22:26]) == where[1] and line[12:16].strip() not in KEPT


KEPT = (b"N", b"CA", b"C", b"O", b"CB")
ITEMS: dict[str, int] = {}


@pytest.fixture(params=[PDB, CIF])
def case(request: pytest.FixtureRequest, examples: Path, tmp_path: Path) -> tuple[Structure, Structure, bytes]:
    """The whole structure, the one read from a file without some atoms, and that file."""
    path = examples / request.param
    data, cif = path.read_bytes(), request.param == CIF
    if cif:
        tags = [line.split(b".")[1].strip() for line in data.split(b"\n") if line.startswith(b"_atom_site.")]
        ITEMS.update({tag.decode(): k for k, tag in enumerate(tags)})
    lines = data.split(b"\n")
    cut = [line for line in lines if not is_tip(line, GONE[request.param], cif)]
    assert 2 <= len(lines) - len(cut) <= 8
    file = tmp_path / path.name
    file.write_bytes(b"\n".join(cut))
    return read_structure(path), read_structure(file), b"\n".join(cut)


def completed(part: Structure, whole: Structure) -> Structure:
    """The part with the atoms of the whole, marked by their B factor."""
    added = whole.present & ~part.present
    return replace(
        part,
        present=whole.present,
        positions=torch.where(added[..., None], whole.positions, part.positions),
        b_factors=torch.where(added, 12.34, part.b_factors),
        occupancies=torch.where(added, 1.0, part.occupancies),
    )


def test_every_old_line_stays_and_the_new_ones_stand_with_their_residue(
    case: tuple[Structure, Structure, bytes], tmp_path: Path
) -> None:
    whole, part, data = case
    assert part.source is not None
    result = completed(part, whole)
    path = tmp_path / f"again{Path(part.source.path).suffix}"
    write_structure(result, path)
    old, new = data.split(b"\n"), path.read_bytes().split(b"\n")
    remaining = iter(new)
    assert all(line in remaining for line in old)  # in order
    count = int((whole.present & ~part.present).sum())
    assert len(new) == len(old) + count
    again = read_structure(path)
    assert torch.equal(again.present, whole.present)
    torch.testing.assert_close(again.positions, whole.positions, atol=1e-4, rtol=0)
    torch.testing.assert_close(again.b_factors, result.b_factors)
    assert again.source is not None
    i = int((whole.present & ~part.present).any(1).nonzero()[0])
    rows = again.source.rows[i][again.source.rows[i] >= 0].sort().values
    attached = 12 if again.source.format == "pdb" else 0  # hydrogens at most
    assert int(rows[-1] - rows[0]) < len(rows) + attached  # nothing of another residue between
    assert again.source.rows[i][whole.present[i] & ~part.present[i]].min() > again.source.rows[i][part.present[i]].max()
    assert again.residue_names == whole.residue_names and not again.audit.at_least("error")


def test_what_moved_and_what_was_added(case: tuple[Structure, Structure, bytes], tmp_path: Path) -> None:
    whole, part, _ = case
    assert part.source is not None
    moved = completed(part, whole)
    moved = moved.with_positions(moved.positions + 0.25)
    path = tmp_path / f"moved{Path(part.source.path).suffix}"
    write_structure(moved, path, b_factors=torch.full((len(moved),), 50.0))
    again = read_structure(path)
    torch.testing.assert_close(again.positions, moved.positions, atol=6e-4, rtol=0)
    assert torch.equal(again.b_factors[again.present], torch.full_like(again.b_factors[again.present], 50.0))


def test_serial_numbers_go_on(case: tuple[Structure, Structure, bytes]) -> None:
    whole, part, data = case
    assert part.source is not None
    text = structure_bytes(completed(part, whole), format=part.source.format)
    cif = part.source.format == "mmcif"

    def serials(text: bytes) -> list[int]:
        lines = [line for line in text.split(b"\n") if line.startswith((b"ATOM", b"HETATM"))]
        return [int(line.split()[ITEMS["id"]] if cif else line[6:11]) for line in lines]

    old, new = serials(data), serials(text)
    count = len(new) - len(old)
    assert sorted(set(new) - set(old)) == list(range(max(old) + 1, max(old) + 1 + count))
    assert len(set(new)) == len(new)


def test_line_ends_are_kept(examples: Path, tmp_path: Path) -> None:
    whole = read_structure(examples / PDB)
    lines = (examples / PDB).read_bytes().split(b"\n")
    data = b"\r\n".join(line for line in lines if not is_tip(line, GONE[PDB], cif=False))
    path = tmp_path / "dos.pdb"
    path.write_bytes(data)
    part = read_structure(path)
    text = structure_bytes(completed(part, whole), format="pdb")
    assert text.count(b"\r\n") == text.count(b"\n") > data.count(b"\n")


def test_binary_cif_becomes_a_new_file(examples: Path, tmp_path: Path) -> None:
    whole = read_structure(examples / "2gtl_chain_a.bcif")
    assert whole.source is not None
    rows = whole.source.rows.clone()
    rows[6, chemistry.CB] = -1  # as if the file lacked it
    path = tmp_path / "new.bcif"
    write_structure(replace(whole, source=replace(whole.source, rows=rows)), path)
    assert torch.equal(read_structure(path).present, whole.present)


def test_a_residue_without_any_atom_in_the_file_makes_a_new_file(examples: Path) -> None:
    whole = read_structure(examples / PDB)
    assert whole.source is not None
    rows = whole.source.rows.clone()
    rows[3] = -1
    text = structure_bytes(replace(whole, source=replace(whole.source, rows=rows)), format="pdb")
    assert not text.startswith(b"HEADER") and text.count(b"\nATOM") > 500

"""What goes along when protein atoms move, and what stays where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
import torch

from protein_enn import chemistry
from protein_enn.io import read_structure
from protein_enn.io.write import structure_bytes
from protein_enn.structure import HeteroAtoms

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = ["1bhl.pdb", "2gtl_chain_a.cif", "2gtl_chain_a.bcif"]
CA = chemistry.CA
ROWS = """ATOM N  GLY A 1 1.0000  2.000 3.000 1.00 10.00
ATOM CA GLY A 1 2.5(2)  2.000 3.000 1.00 ?
ATOM C  GLY A 1 3.0     2.000 3.000 1    .
"""


def test_other_models_and_conformers_stay(kind, peptide, file_of, rewritten, shifted, noisy):
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


SERINE = (
    ("N", 0.0, 0.0, 0.0, "N"), ("CA", 1.46, 0.0, 0.0, "C"), ("C", 2.0, 1.42, 0.0, "C"), ("O", 1.25, 2.39, 0.1, "O"),
    ("CB", 2.0, -0.75, 1.22, "C"), ("OG", 1.6, -2.1, 1.2, "O"), ("H", 0.9, 0.4, 0.2, "H"), ("HA", 1.7, -0.4, 0.3, "H"),
    ("HB2", 1.9, -0.3, 0.6, "H"), ("1HB", 1.8, -1.5, 1.2, "H"), ("HG", 1.9, -1.3, 1.2, "H"),
)  # hydrogens put nearer to another atom than to their own  # fmt: skip


def hydrogens_of(data):
    return np.array([list(a.atom.pos) for a in gemmi.read_pdb_string(data)[0].all() if a.atom.is_hydrogen()])


def test_hydrogens_move_and_rotate_with_their_residue(peptide, atom, file_of, rewritten):
    """A residue that rotates as a rigid body rotates its hydrogens, while the other residue stays."""
    structure = read_structure(
        file_of([*peptide("A"), atom("HA", 1, 1.3, y=1.2, z=0.6), *peptide("S", start=2, origin=(9, 9, 9))], "pdb")
    )
    rotation = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    positions = structure.positions.clone()
    positions[0] = positions[0] @ rotation.T + 5.0
    (hydrogen,) = hydrogens_of(rewritten(structure.with_positions(positions)))
    assert np.allclose(hydrogen, [5 - 1.2, 5 + 1.3, 5.6], atol=2e-3)


def test_hydrogens_stay_on_the_atom_that_bears_them_however_near_another_one_is(rewritten):
    """Noise of 0.5 Å brings hydrogens nearer to atoms that do not bear them; each keeps its distance to its own."""
    lines = []
    for name, x, y, z, element in SERINE:
        place = f"{x:8.3f}{y:8.3f}{z:8.3f}"
        lines.append(f"ATOM  {len(lines) + 1:5d} {name:^4s} SER A   1    {place}  1.00 10.00          {element:>2s}")
    data = ("\n".join(lines) + "\nEND\n").encode()
    structure = read_structure(data)
    moved = structure.positions + 0.4 * torch.randn(
        structure.positions.shape, generator=torch.Generator().manual_seed(3)
    )
    written = rewritten(structure.with_positions(moved))
    atoms = {a.name: np.array(list(a.pos)) for a in gemmi.read_pdb_string(written)[0][0][0]}
    start = {name: np.array([x, y, z]) for name, x, y, z, _ in SERINE}
    for hydrogen, parent in (("H", "N"), ("HA", "CA"), ("HB2", "CB"), ("1HB", "CB"), ("HG", "OG")):
        bond = np.linalg.norm(start[hydrogen] - start[parent])
        assert np.linalg.norm(atoms[hydrogen] - atoms[parent]) == pytest.approx(bond, abs=3e-3), hydrogen


def test_a_motion_of_the_whole_moves_everything(peptide, atom, file_of, rewritten):
    """Superposed onto something, a model takes its water hydrogens, ions and other conformers along."""
    atoms = peptide("GA")
    atoms[4]["alt"], atoms[4]["occ"] = "A", 0.6
    atoms += [{**atoms[4], "alt": "B", "occ": 0.4, "x": atoms[4]["x"] + 0.4}]
    for i, name in enumerate(("O", "H1", "H2")):
        atoms.append(atom(name, 90, 5.0 + 0.9 * i, residue="HOH", record="HETATM", y=4.0 - 0.3 * i))
    data = file_of(atoms, "pdb")
    structure = read_structure(data)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    rotation = rotation * torch.linalg.det(rotation)
    new = rewritten(structure.moved(rotation, torch.tensor([1.0, 2.0, 3.0])))
    old, moved = (
        np.array([list(a.atom.pos) for a in gemmi.read_pdb_string(d)[0].all()]) for d in (data, new)
    )  # fmt: skip
    assert len(old) == len(atoms)
    assert np.allclose(moved, old @ rotation.numpy().T + [1, 2, 3], atol=1e-3)


def test_context_that_moved_alone_is_written(kind, peptide, atom, file_of, rewritten):
    data = file_of([*peptide("GA"), atom("ZN", 50, 5.0, residue="ZN", record="HETATM", element="ZN")], kind)
    structure = read_structure(data)
    hetero = replace(structure.hetero, positions=structure.hetero.positions + 2.0)
    again = read_structure(rewritten(replace(structure, hetero=hetero)))
    assert again.hetero.positions.equal(hetero.positions)
    assert again.positions.equal(structure.positions)


def test_groups_of_modified_residues_follow_them(kind, peptide, atom, file_of, rewritten):
    atoms = [*peptide(["ALA", "SEP"]), atom("P", 2, 6.0, y=3.0, z=1.0, residue="SEP")]
    structure = read_structure(file_of(atoms, kind))
    positions = structure.positions.clone()
    positions[1, structure.present[1]] += 2.0
    again = read_structure(rewritten(structure.with_positions(positions)))
    assert torch.allclose(again.hetero.positions, structure.hetero.positions + 2.0, atol=1e-3)


def test_b_factors_and_occupancies_that_changed_are_written(kind, peptide, file_of, rewritten):
    structure = read_structure(file_of(peptide("GAS"), kind))
    occupancies = structure.occupancies.clone()
    occupancies[1, CA] = 0.5
    again = read_structure(rewritten(replace(structure, occupancies=occupancies)))
    assert again.occupancies.equal(occupancies) and again.b_factors.equal(structure.b_factors)
    values = torch.tensor([1.25, 50.5, 99.0])
    again = read_structure(structure_bytes(structure, format=kind, b_factors=values))
    assert torch.equal(again.b_factors[structure.present], values[:, None].expand(-1, 37)[structure.present])


@pytest.mark.parametrize("change", ["name", "number", "chain", "atom", "context"])
def test_a_change_that_the_source_cannot_hold_makes_a_new_file(kind, change, peptide, file_of, rewritten):
    """A changed residue must not be written under its old name."""
    structure = read_structure(file_of([*peptide("GAS")], kind))
    changed = {
        "name": {"residue_names": ("GLY", "ALA", "THR")},
        "number": {"numbers": structure.numbers + 5},
        "chain": {"chain_ids": ("Q",)},
        "atom": {"present": structure.present.clone().index_fill_(1, torch.tensor([chemistry.O]), False)},
        "context": {"hetero": HeteroAtoms(torch.tensor([[9.0, 9.0, 9.0]]), ("ZN",), ("ZN",), ("ZN",), ("Q:1",),
                                         torch.tensor([1]), torch.ones(1), torch.ones(1))},
    }[change]  # fmt: skip
    edited = replace(structure, **changed)
    again = read_structure(rewritten(edited))
    assert again.residue_names == edited.residue_names and again.numbers.equal(edited.numbers)
    assert again.chain_ids == edited.chain_ids and again.present.equal(edited.present)
    assert again.hetero.names == edited.hetero.names


def test_a_file_read_leniently_is_written_with_its_blanks(peptide, file_of, rewritten, noisy):
    atoms = peptide("GAS")
    atoms[6]["x"] = "?"
    data = file_of(atoms, "mmcif")
    structure = read_structure(data, lenient=True)
    assert rewritten(structure) == data
    again = read_structure(rewritten(noisy(structure)), lenient=True)
    assert again.present.equal(structure.present)

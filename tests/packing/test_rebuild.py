"""Missing side-chain atoms put in: which, where, what stays, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from protein_enn import chemistry
from protein_enn.chemistry import OXT, C, O
from protein_enn.geometry.atom14 import atom14_slots
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.geometry.rotations import random_rotation
from protein_enn.io import read_structure, write_structure
from protein_enn.metrics import stereochemistry
from protein_enn.packing.contacts import BRIDGE_ENERGY, Atoms, Pairs, contacts, lowest, repulsion
from protein_enn.packing.rebuild import rebuild
from protein_enn.structure import HeteroAtoms, Structure

MODIFIED = [8, 73]
"""Rows of the example's modified residues, CAF 65 and CAS 130: left as they are."""
SIDE = torch.tensor([slot not in (*chemistry.BACKBONE, OXT) for slot in range(37)])


def without(structure: Structure, gone: torch.Tensor) -> Structure:
    """Without the atoms of an (n, 37) mask; what stays keeps its place in the file."""
    present = structure.present & ~gone
    return replace(structure, present=present, positions=torch.where(present[..., None], structure.positions, 0.0))


def bare(structure: Structure, rows: torch.Tensor) -> Structure:
    """Without the side chains of these residues."""
    gone = torch.zeros_like(structure.present)
    gone[rows] = SIDE
    return without(structure, gone)


def complete(structure: Structure) -> torch.Tensor:
    slots, exists = atom14_slots(structure.residues)
    return (structure.present.gather(1, slots) | ~exists).all(1)


def same_structure(a: Structure, b: Structure) -> bool:
    return torch.equal(a.positions, b.positions) and torch.equal(a.present, b.present)


def test_nothing_missing_nothing_done(native: Structure) -> None:
    whole = native.take(complete(native))
    result, rows = rebuild(whole)
    assert rows == [] and same_structure(result, whole) and result.audit == whole.audit


def test_all_side_chains_come_back_sound(native: Structure) -> None:
    cut = bare(native, torch.arange(len(native)))
    result, rows = rebuild(cut)
    assert (~complete(result)).nonzero()[:, 0].tolist() == MODIFIED
    expected = (native.residues != chemistry.RESIDUE_INDEX["GLY"]).nonzero()[:, 0].tolist()
    assert rows == [i for i in expected if i not in MODIFIED]
    assert torch.equal(result.positions[cut.present], cut.positions[cut.present])
    before, after = (stereochemistry(s).summary() for s in (native, result))
    # CB over an unusual N-CA-C of the file strains an angle or two there; nothing else may go wrong.
    assert after["chirality_errors"] == 0
    assert after["clashes"] <= before["clashes"] + 2
    chi, truth = (chi_angles(s.positions, s.present, s.residues)[:, 0] for s in (result, native))
    off = torch.rad2deg(torch.atan2((chi - truth).sin(), (chi - truth).cos()).abs())
    off = off[~off.isnan()]
    assert float((off < 40).float().mean()) > 0.6  # three wells at random: a third


def test_atoms_that_exist_stay_and_tell_the_angles(native: Structure) -> None:
    ends = torch.zeros_like(native.present)
    ends[:, [chemistry.ATOM_INDEX[a] for a in ("CZ", "NZ", "CE", "OE1", "OE2", "NE2", "CD1", "CG1", "NH1")]] = True
    cut = without(native, ends)
    result, _ = rebuild(cut)
    assert complete(result)[complete(native)].all()
    assert torch.equal(result.positions[cut.present], cut.positions[cut.present])
    told = torch.tensor([chemistry.RESIDUES[r] in ("PHE", "TYR", "VAL", "LEU") for r in native.residues.tolist()])
    added = result.present & native.present & ends & told[:, None]
    moved = (result.positions - native.positions)[added].norm(dim=-1)
    assert len(moved) > 20 and float(moved.max()) < 0.45  # NMR models keep to ideal geometry, more or less


def test_sulfurs_at_bonding_distance_are_a_disulfide() -> None:
    """The same contact between other atoms, or too close for a bond, costs what a clash does."""

    def energy(distance: float, *, sulfur: bool) -> float:
        sides = []
        for x, residue in ((0.0, 3), (distance, 40)):
            ones = torch.ones(1, dtype=torch.long)
            at, flags = torch.tensor([[x, 0.0, 0.0]]).double(), torch.tensor([sulfur])
            sides.append(Atoms(at, torch.tensor([1.7]).double(), residue * ones, 10 * ones, 0 * ones, flags))
        first, second = sides
        return float(contacts(first, second, torch.full((50, 37, 2), 9))[2].sum())

    assert energy(2.05, sulfur=True) == BRIDGE_ENERGY < 0
    assert energy(2.05, sulfur=False) == energy(1.5, sulfur=True) == 10.0


@pytest.mark.parametrize("name", ["ZN", "C"])
def test_ligands_are_in_the_way_and_water_is_not(native: Structure, name: str) -> None:
    row = (native.residues == chemistry.RESIDUE_INDEX["LEU"]).nonzero()[2, 0]
    cut = bare(native, row[None])
    free, _ = rebuild(cut)
    tip = free.positions[row, chemistry.ATOM_INDEX["CG"]]
    one = torch.zeros(1)
    results = {}
    for kind in (0, 3):  # ligand, water
        atom = HeteroAtoms(tip[None], (name,), (name,), ("LIG",), ("X:1",), torch.tensor([kind]), one, one + 1)
        results[kind] = rebuild(replace(cut, hetero=atom))[0].positions[row, chemistry.ATOM_INDEX["CG"]]
    assert float((results[0] - tip).norm()) > 1.0
    assert torch.equal(results[3], tip)


def test_oxygen_goes_into_the_peptide_plane(native: Structure) -> None:
    gone = torch.zeros_like(native.present)
    gone[:, O] = True
    result, rows = rebuild(without(native, gone))
    added = result.present[:, O]
    error = (result.positions - native.positions)[added, O].norm(dim=-1)
    assert int(added.sum()) >= len(native) - 3 and float(error.max()) < 0.25
    assert len(rows) == int(added.sum())
    left = [f for f in result.audit.findings if f.code == "atoms-not-rebuilt"]
    assert left and "no O" in left[0].message  # at the end of the chain and before the gap


def test_obstacles_are_left_alone_and_named(native: Structure) -> None:
    cut = bare(native, torch.tensor([3, 4, 9]))
    gone = torch.zeros_like(cut.present)
    gone[4, C] = True
    cut = without(cut, gone)
    names = list(cut.residue_names)
    names[3] = "TPO"
    cut = replace(cut, residue_names=tuple(names))
    result, rows = rebuild(cut)
    assert rows == [9]
    assert torch.equal(result.present[[3, 4]], cut.present[[3, 4]])
    (left,) = [f for f in result.audit.findings if f.code == "atoms-not-rebuilt"]
    assert "TPO is a modified residue" in left.message and "N, CA or C is missing" in left.message
    (made,) = [f for f in result.audit.findings if f.code == "atoms-rebuilt"]
    assert made.places == (native.residue_id(9),)


def test_it_turns_with_the_structure_and_does_not_depend_on_order(native: Structure) -> None:
    cut = bare(native, torch.arange(0, len(native), 3))
    rotation, shift = random_rotation(3).float(), torch.tensor([10.0, -4.0, 25.0])
    result, _ = rebuild(cut)
    there, _ = rebuild(cut.moved(rotation, shift))
    expected = result.moved(rotation, shift).positions
    torch.testing.assert_close(there.positions, expected, atol=5e-4, rtol=0)


def test_b_factors_and_occupancies_of_new_atoms(native: Structure) -> None:
    cut = bare(native, torch.tensor([9]))
    values = torch.arange(37.0).repeat(len(cut), 1) * cut.present
    cut = replace(cut, b_factors=values)
    new = rebuild(cut)[0]
    added = new.present & ~cut.present
    assert set(new.b_factors[added].tolist()) == {4.0} and set(new.occupancies[added].tolist()) == {1.0}
    predicted = rebuild(replace(cut, predicted=True))[0]
    assert set(predicted.b_factors[added].tolist()) == {1.0}  # pLDDT of CA


def test_written_into_the_file_it_came_from(native: Structure, tmp_path: Path) -> None:
    assert native.source is not None
    lines = native.source.data.split(b"\n")
    kept = [x for x in lines if not (x.startswith(b"ATOM") and x[12:16].strip() in (b"CG", b"CD", b"NE2", b"OE1"))]
    path, again = tmp_path / "cut.pdb", tmp_path / "again.pdb"
    path.write_bytes(b"\n".join(kept))
    result, rows = rebuild(read_structure(path))
    write_structure(result, again)
    back = read_structure(again)
    assert rows and torch.equal(back.present, result.present)
    torch.testing.assert_close(back.positions, result.positions, atol=6e-4, rtol=0)
    remaining = iter(again.read_bytes().split(b"\n"))
    assert all(line in remaining for line in kept)


def test_chi1_of_val_natives(data_dir: Path) -> None:
    """Better than the most frequent well alone, which is right for about half of the side chains."""
    path = sorted((data_dir / "structures" / "val").glob("*.bcif.gz"))[7]
    native = read_structure(path)
    result, _ = rebuild(bare(native, torch.arange(len(native))))
    chi, truth = (chi_angles(s.positions, s.present, s.residues)[:, 0] for s in (result, native))
    off = torch.rad2deg(torch.atan2((chi - truth).sin(), (chi - truth).cos()).abs())
    assert float((off[~off.isnan()] < 40).float().mean()) > 0.6


def test_energy_of_a_contact() -> None:
    """SCWRL3's: 0 at the sum of the radii, 10 at 0.8254 of it and closer."""
    distance = torch.tensor([3.3, 3.2, 0.9 * 3.2, 0.8254 * 3.2, 1.0])
    assert repulsion(distance, torch.full((5,), 3.2)).tolist() == pytest.approx([0, 0, 5.7273, 10, 10], abs=1e-3)


def test_the_search_finds_the_minimum() -> None:
    """Of all combinations of small random problems, against brute force."""
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(20):
        owner = np.repeat(np.arange(5), 3)
        energy = generator.exponential(2.0, 15)
        pairs = np.triu(generator.exponential(1.0, (15, 15)) * (generator.random((15, 15)) < 0.4), 1)
        pairs[owner[:, None] == owner] = 0
        pairs = pairs + pairs.T

        def total(chosen: np.ndarray, energy: np.ndarray = energy, pairs: np.ndarray = pairs) -> float:
            return float(energy[chosen].sum() + 0.5 * pairs[np.ix_(chosen, chosen)].sum())

        best = min(total(np.array(c) + 3 * np.arange(5)) for c in product(range(3), repeat=5))
        i, j = (torch.from_numpy(ends) for ends in np.nonzero(pairs))
        listed = Pairs.sorted(i, j, torch.from_numpy(pairs)[i, j])
        chosen = lowest(torch.from_numpy(energy), torch.from_numpy(owner), listed).numpy()
        assert (owner[chosen] == np.arange(5)).all() and total(chosen) < best + 1.5
        found += total(chosen) < best + 1e-9
    assert found >= 17


def test_structures_without_residues_to_rebuild(native: Structure) -> None:
    result, rows = rebuild(native.take(torch.zeros(0, dtype=torch.long)))
    assert rows == [] and len(result) == 0

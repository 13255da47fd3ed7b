"""Symmetry among the chains of a structure: found, refused, made exact; copies of a unit given alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.spatial.transform import Rotation

from protein_enn.chemistry import ATOM_INDEX, CA, RESIDUE_INDEX
from protein_enn.geometry.symmetry.operators import Operators, helical_operators
from protein_enn.geometry.symmetry.point_groups import group_operators
from protein_enn.io import read_structure, write_structure
from protein_enn.metrics import stereochemistry
from protein_enn.refinement.symmetry.base import made_symmetric
from protein_enn.refinement.symmetry.choice import detect, symmetry_of
from protein_enn.refinement.symmetry.copies import with_copies
from protein_enn.structure import HeteroAtoms, Links, Structure
from protein_enn.testing import random_structure

TILT = torch.tensor(Rotation.from_euler("xyz", [0.4, -1.1, 2.0]).as_matrix())
CENTER = torch.tensor([22.0, -31.0, 40.0], dtype=torch.float64)
GROUPS = ["C2", "C3", "C7", "D2", "D3"]


def group(name: str) -> Operators:
    return group_operators(name, TILT, CENTER)


def unit(lengths: tuple[int, ...] = (24,), seed: int = 0) -> Structure:
    """A small protein off the axis."""
    structure = random_structure(lengths, seed)
    return structure.with_positions(structure.positions - structure.ca.mean(0))


def shaken(structure: Structure, size: float, seed: int = 5) -> Structure:
    noise = torch.randn(structure.positions.shape, generator=torch.Generator().manual_seed(seed))
    return structure.with_positions(structure.positions + size * noise)


def without(structure: Structure, *gone: int) -> Structure:
    return structure.take(torch.tensor([i not in gone for i in range(len(structure))]))


@pytest.mark.parametrize("name", GROUPS)
def test_ideal_groups_are_found(name: str) -> None:
    whole, made = with_copies(unit(), group(name))
    assert made.deviation(whole.positions) < 1e-4
    found = detect(whole)
    assert found is not None
    assert (found.name, found.rows.shape, found.notes) == (name, made.rows.shape, ())
    assert found.deviation(whole.positions) < 1e-4
    assert found.rows[0].tolist() == list(range(24))
    assert symmetry_of(whole, name.lower()).name == name


@pytest.mark.parametrize("name", ["C3", "D2"])
def test_a_noisy_complex_becomes_exact(name: str) -> None:
    whole, _ = with_copies(unit(), group(name))
    noisy = shaken(whole, 0.3)
    found = symmetry_of(noisy, "detect")
    assert found.name == name
    base, notes = made_symmetric(noisy, found)
    assert found.deviation(noisy.positions) > 0.3
    assert found.deviation(base.positions) < 1e-4
    assert f"made exactly {name}" in notes[0]
    again, _ = made_symmetric(base, found)
    assert torch.equal(again.positions, base.positions)


def test_found_whatever_the_order_of_chains_and_wherever_it_stands() -> None:
    whole, _ = with_copies(unit((24, 15)), group("D3"))
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    mixed = whole.take(torch.cat([(whole.chains == c).nonzero()[:, 0] for c in order.tolist()]))
    mixed = mixed.moved(TILT.float(), torch.tensor([3.0, 4.0, 5.0]))
    found = detect(mixed)
    assert found is not None and found.name == "D3" and found.rows.shape == (6, 39)
    assert found.deviation(mixed.positions) < 1e-4
    assert len({frozenset(mixed.chains[r].tolist()) for r in found.rows}) == 6
    assert all(len(mixed.chains[r].unique()) == 2 for r in found.rows)


def test_units_of_several_chains_are_neighbors() -> None:
    """A3 B3: copy 0 holds the B that lies at its A."""
    structure = unit((30, 20))
    far = structure.positions.clone()
    far[30:] += 8.0 - structure.ca[30:].mean(0) + structure.ca[:30].mean(0)
    whole, _ = with_copies(structure.with_positions(far), group("C3"))
    chains = [(whole.chains == c).nonzero()[:, 0] for c in range(6)]
    positions = whole.positions.clone()
    positions[torch.cat(chains[1::2])] = whole.positions[torch.cat([chains[3], chains[5], chains[1]])]
    found = detect(whole.with_positions(positions))
    assert found is not None and found.name == "C3"
    assert {whole.chain_ids[c] for c in whole.chains[found.rows[0]].tolist()} == {"A", "B-3"}


def test_other_chains_are_outside() -> None:
    whole, _ = with_copies(unit(), group("C3"))
    lone = unit((31,), seed=9)
    both = joined(whole, lone, "Z")
    found = detect(both)
    assert found is not None and found.name == "C3"
    assert found.notes == ("outside C3, left as they are: chain(s) Z",)
    base, _ = made_symmetric(shaken(both, 0.2), found)
    assert torch.equal(base.positions[72:], shaken(both, 0.2).positions[72:])


def test_a_further_copy_of_the_chain_is_outside() -> None:
    """A crystal's asymmetric unit may hold a dimer and half of another."""
    whole, _ = with_copies(unit(), group("C2"))
    third = unit().moved(TILT.float(), torch.tensor([90.0, 80.0, 10.0]))
    found = detect(joined(whole, third, "Z"))
    assert found is not None and found.name == "C2" and found.rows.shape == (2, 24)


def joined(one: Structure, two: Structure, chain: str) -> Structure:
    def both(name: str) -> Any:
        return torch.cat([getattr(one, name), getattr(two, name)])

    tensors = ("residues", "positions", "present", "numbers", "label_numbers", "b_factors", "occupancies")
    return replace(
        one,
        **{name: both(name) for name in tensors},
        chains=torch.cat([one.chains, two.chains + len(one.chain_ids)]),
        chain_ids=(*one.chain_ids, chain),
        label_chain_ids=(*one.label_chain_ids, chain),
        insertion_codes=one.insertion_codes + two.insertion_codes,
        residue_names=one.residue_names + two.residue_names,
    )


def test_residues_missing_in_a_copy_follow_their_neighbors() -> None:
    whole, _ = with_copies(unit(), group("C2"))
    lacking = without(shaken(whole, 0.2), 24 + 10, 24 + 11)  # of the second chain
    found = symmetry_of(lacking, "C2")
    assert found.rows.shape == (2, 22)
    assert "2 residue(s) that not all copies have" in found.notes[0] and "A:11, A:12" in found.notes[0]
    base, _ = made_symmetric(lacking, found)
    assert found.deviation(base.positions) < 1e-4
    shift = (base.positions - lacking.positions)[:, CA]
    torch.testing.assert_close(shift[10], (2 * shift[9] + shift[12]) / 3, atol=1e-5, rtol=0)
    torch.testing.assert_close(shift[11], (shift[9] + 2 * shift[12]) / 3, atol=1e-5, rtol=0)


def test_pseudo_symmetry_is_refused() -> None:
    whole, _ = with_copies(unit(), group("C3"))
    bent = whole.positions.clone()
    bent[24:48] += torch.tensor([2.5, 0.0, 0.0])
    bent = bent + 0.8 * torch.randn(bent.shape, generator=torch.Generator().manual_seed(0))
    pseudo = whole.with_positions(bent)
    with pytest.raises(ValueError, match=r"nearest to C3 is \d\.\d\d Å .*more than 1: pseudo-symmetric .*A, A-2, A-3"):
        symmetry_of(pseudo, "C3")
    assert detect(pseudo) is None
    assert symmetry_of(pseudo, "C3", tolerance=6.0).name == "C3"


def test_a_screw_is_not_a_rotation() -> None:
    helix, made = with_copies(unit(), helical_operators(9.0, 90.0, 4, axis=(0.3, 0.5, 1.0), center=(20.0, 0.0, 0.0)))
    assert made.name == "helix" and made.deviation(helix.positions) < 1e-4
    assert detect(helix) is None


@pytest.mark.parametrize(
    ("which", "message"),
    [("D2", "comes near D2"), ("C4", "comes near C4"), ("O", "polyhedral"), ("C1", "not a point group"),
     ("nonsense", "C2 to C60")],
)  # fmt: skip
def test_the_wrong_group_is_refused(which: str, message: str) -> None:
    whole, _ = with_copies(unit(), group("C3"))
    with pytest.raises(ValueError, match=message):
        symmetry_of(whole, which)


def test_chains_without_copies_are_refused() -> None:
    with pytest.raises(ValueError, match="no two of its chains have the same sequence"):
        symmetry_of(random_structure((20, 30)), "detect")
    with pytest.raises(ValueError, match="no chain has copies named like A-2"):
        symmetry_of(random_structure((20, 30)), "assembly")
    with pytest.raises(ValueError, match="carry no chain"):
        symmetry_of(random_structure((20, 30)), group("C2"))
    with pytest.raises(ValueError, match="tolerance is 0"):
        detect(unit(), tolerance=0.0)


@pytest.mark.parametrize("name", ["C3", "D2"])
def test_given_operators_and_assemblies(name: str) -> None:
    operators = group(name)
    whole, _ = with_copies(unit((24, 10)), operators)
    for which in (operators, "assembly"):
        found = symmetry_of(shaken(whole, 0.05) if which is operators else whole, which)
        assert (found.name, found.rows.shape) == (name, (len(operators), 34))
    assert symmetry_of(whole, found) is found
    with pytest.raises(ValueError, match="make it for this structure"):
        symmetry_of(without(whole, 0), found)


def test_helical_copies_are_recognised_by_their_operators() -> None:
    operators = helical_operators(9.0, 40.0, 5, axis=(0.3, 0.5, 1.0), center=(20.0, 0.0, 0.0))
    whole, _ = with_copies(unit(), operators)
    noisy = shaken(whole, 0.3)
    for which in (operators, symmetry_of(whole, "assembly").operators):
        found = symmetry_of(noisy, which)
        assert not found.is_point_group and found.rows[:, 0].tolist() == [0, 24, 48, 72, 96]
        base, _ = made_symmetric(noisy, found)
        assert torch.equal(base.positions[:24], noisy.positions[:24])
        assert found.deviation(base.positions) < 1e-4


def test_copies_carry_context_links_and_names(tmp_path: Path) -> None:
    structure = unit()
    on_axis = (CENTER + 3 * TILT[:, 2]).float()
    hetero = HeteroAtoms(
        torch.stack([on_axis, structure.ca[3] + 2.5]), ("ZN", "O"), ("ZN", "O"), ("ZN", "HOH"), ("A:101", "A:102"),
        torch.tensor([1, 3]), torch.zeros(2), torch.ones(2),
    )  # fmt: skip
    links = Links(torch.tensor([3, 2]), torch.tensor([[3, -1], [4, -1]]), torch.tensor([[0, 0], [0, 1]]))
    structure = replace(structure, hetero=hetero, links=links)
    whole, _ = with_copies(structure, group("C3"))
    assert whole.chain_ids == ("A", "A-2", "A-3") and whole.residue_id(24) == "A-2:1"
    assert torch.equal(whole.positions[:24], structure.positions)
    assert whole.hetero.names == ("ZN", "O", "O", "O"), "the ion on the axis is there once"
    assert whole.hetero.residue_ids == ("A:101", "A:102", "A-2:102", "A-3:102")
    assert whole.links.residues.tolist() == [[3, -1], [4, -1], [27, -1], [28, -1], [51, -1], [52, -1]]
    assert whole.links.atoms[:, 1].tolist() == [0, 1, 0, 2, 0, 3]
    assert whole.audit.findings[-1].code == "copies-made" and whole.source is None
    write_structure(whole, tmp_path / "whole.cif")
    read = read_structure(tmp_path / "whole.cif")
    assert len(read) == 72 and symmetry_of(read, "detect").deviation(read.positions) < 1e-4
    twice, _ = with_copies(
        whole, Operators("copies", torch.eye(3).double().repeat(2, 1, 1), torch.zeros(2, 3).double())
    )
    assert twice.chain_ids[3:] == ("A-4", "A-2-4", "A-3-4")


def test_equivalent_atoms_and_rotamers_are_not_averaged() -> None:
    example = read_structure(Path(__file__).parents[2] / "examples" / "1bhl.pdb")
    one = example.take(torch.arange(60))
    one = one.with_positions(one.positions - one.ca.mean(0))
    whole, symmetry = with_copies(one, group("C2"))
    positions, n = whole.positions.clone(), len(one)
    ring = next(i for i in range(n) if one.residues[i] in (RESIDUE_INDEX["PHE"], RESIDUE_INDEX["TYR"]))
    cd, ce = ([ATOM_INDEX[a] for a in pair] for pair in (("CD1", "CD2"), ("CE1", "CE2")))
    for pair in (cd, ce):
        positions[n + ring, pair] = positions[n + ring, pair[::-1]]
    base, notes = made_symmetric(whole.with_positions(positions), symmetry)
    torch.testing.assert_close(base.positions, whole.positions, atol=1e-4, rtol=0)
    assert len(notes) == 1
    # another rotamer: chi1 of a leucine rotated by 120 degrees in one copy
    leu = next(i for i in range(n) if one.residues[i] == RESIDUE_INDEX["LEU"] and one.present[i].sum() >= 8)
    ca, cb = positions[n + leu, CA], positions[n + leu, ATOM_INDEX["CB"]]
    axis = torch.nn.functional.normalize(cb - ca, dim=0).double().numpy()
    rotation = torch.tensor(Rotation.from_rotvec(2.0944 * axis).as_matrix()).float()
    tip = [ATOM_INDEX[a] for a in ("CG", "CD1", "CD2")]
    positions[n + leu, tip] = (positions[n + leu, tip] - cb) @ rotation.T + cb
    base, notes = made_symmetric(whole.with_positions(positions), symmetry)
    assert "1 residue(s) of the unit differ" in notes[1]
    assert symmetry.deviation(base.positions) < 1e-4
    before, after = stereochemistry(whole), stereochemistry(base)
    assert int(after.bond.sum()) <= int(before.bond.sum()) and int(after.angle.sum()) <= int(before.angle.sum())


@pytest.mark.parametrize(("entry", "name"), [("1u7g", "C3"), ("1b26", "D3"), ("4i0u", None), ("1rzh", None)])
def test_real_complexes(data_dir: Path, entry: str, name: str | None) -> None:
    """An ammonia channel, glutamate dehydrogenase, a CorA whose five copies differ by 1.5 Å, a reaction center."""
    structure = read_structure(data_dir / "structures" / "val" / f"{entry}.bcif.gz")
    found = detect(structure)
    assert (found.name if found else None) == name
    if found:
        base, _ = made_symmetric(structure, found)
        assert found.deviation(base.positions) < 1e-4
        assert found.rows.shape[1] * len(found) == len(structure)

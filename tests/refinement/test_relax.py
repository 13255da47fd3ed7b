"""Restrained minimization: what it must correct, what it must leave, and what it says when it cannot work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn import chemistry
from protein_enn.chemistry import CA, CB, C, N, O
from protein_enn.io import read_structure
from protein_enn.metrics import lddt, stereochemistry
from protein_enn.refinement import relax as relaxing
from protein_enn.refinement.relax import relax, relaxation
from protein_enn.refinement.relax_model import segments
from protein_enn.structure import KINDS, HeteroAtoms, Structure

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # of OpenMM's own imports


@pytest.fixture(scope="module")
def native(examples: Path) -> Structure:
    """Thirty residues of a crystal structure, none modified, no ligand."""
    part = read_structure(examples / "1bhl.pdb").take(torch.arange(9, 39))
    return replace(part, hetero=HeteroAtoms.empty())


@pytest.fixture(scope="module")
def noisy(native: Structure) -> Structure:
    noise = torch.randn(native.positions.shape, generator=torch.Generator().manual_seed(1))
    return native.with_positions(native.positions + 0.3 * noise)


def score(structure: Structure, native: Structure) -> float:
    return lddt(structure.positions, native.positions, native.present, residues=native.residues).mean


def farthest(one: Structure, two: Structure) -> float:
    return float((one.positions - two.positions).norm(dim=-1).max())


def test_noise_is_removed(native: Structure, noisy: Structure) -> None:
    result = relaxation(noisy, threads=1)
    relaxed, before = result.structure, stereochemistry(noisy)
    after = stereochemistry(relaxed)
    assert score(relaxed, native) > score(noisy, native) + 0.02
    assert before.bond_outliers > 100 and after.bond_outliers < 10
    assert after.clashes < before.clashes or before.clashes == 0
    assert result.energy_after < result.energy_before
    assert result.left_out == result.held == ()
    assert torch.equal(relaxed.present, noisy.present) and relaxed.source is noisy.source
    assert not relaxed.positions[~relaxed.present].any()


def test_the_stiffer_the_restraints_the_less_moves(noisy: Structure) -> None:
    moves = [farthest(relax(noisy, stiffness=k, threads=1), noisy) for k in (1.0, 10.0, 1e6)]
    assert moves[0] > moves[1] > moves[2]
    assert moves[2] < 0.01


def test_the_restraint_is_half_k_square(noisy: Structure) -> None:
    """Two stiffnesses that hold nearly everything: the strain is k sum d^2 / 2, and d goes as 1 / k."""
    soft, stiff = (relaxation(noisy, stiffness=k, threads=1, iterations=2000) for k in (1e5, 2e5))
    assert soft.energy_before == pytest.approx(stiff.energy_before, rel=1e-6)  # at first nothing is strained
    square = [float((r.structure.positions - noisy.positions).square().sum()) for r in (soft, stiff)]
    strain = 1e5 * square[0] / 2 - 2e5 * square[1] / 2  # which halves as the stiffness doubles
    assert stiff.energy_after - soft.energy_after == pytest.approx(strain, rel=0.3)
    assert square[0] / square[1] == pytest.approx(4, rel=0.2)


def test_atoms_without_mobility_stay(noisy: Structure) -> None:
    mobility = torch.ones(len(noisy), 37)
    mobility[:10] = 0
    mobility[:, CA] = 0
    relaxed = relaxation(noisy, threads=1, mobility=mobility).structure
    still = mobility == 0
    assert torch.equal(relaxed.positions[still], noisy.positions[still])
    assert farthest(relaxed, noisy) > 0.1


def test_half_the_mobility_is_held_twice_as_firmly(noisy: Structure) -> None:
    half = relaxation(noisy, stiffness=5.0, threads=1, mobility=torch.full((len(noisy), 37), 0.5))
    whole = relaxation(noisy, stiffness=10.0, threads=1)
    assert half.energy_after == pytest.approx(whole.energy_after, rel=1e-3)
    assert farthest(half.structure, whole.structure) < 0.05


def test_missing_atoms_stay_missing(noisy: Structure) -> None:
    present = noisy.present.clone()
    present[5:8, 5:] = False  # beyond CB and O
    present[12, O] = False
    cut = replace(noisy, present=present, positions=torch.where(present[..., None], noisy.positions, 0.0))
    relaxed = relax(cut, threads=1)
    assert torch.equal(relaxed.present, present) and not relaxed.positions[~present].any()
    assert stereochemistry(relaxed).bond_outliers < 15


def test_what_is_no_standard_residue_is_held_or_left_out_and_named(noisy: Structure) -> None:
    names = list(noisy.residue_names)
    names[4] = "SEP"
    residues = noisy.residues.clone()
    residues[20] = chemistry.UNKNOWN
    names[20] = "UNK"
    present = noisy.present.clone()
    present[-1, C] = False
    one = torch.zeros(2)
    ligand = HeteroAtoms(
        noisy.ca[:2] + 1.0, ("ZN", "O"), ("ZN", "O"), ("ZN", "HOH"), ("Z:1", "W:1"),
        torch.tensor([KINDS.index("ion"), KINDS.index("water")]), one, one,
    )  # fmt: skip
    odd = replace(noisy, residue_names=tuple(names), residues=residues, present=present, hetero=ligand)
    odd = odd.with_positions(noisy.positions)
    result = relaxation(odd, threads=1)
    assert result.held == (odd.residue_id(4), odd.residue_id(20))
    assert result.left_out == (odd.residue_id(len(odd) - 1), "Z:1")
    for i in (4, 20, len(odd) - 1):
        assert torch.equal(result.structure.positions[i], odd.positions[i])
    assert torch.equal(result.structure.hetero.positions, ligand.positions)
    assert farthest(result.structure, odd) > 0.1


def test_a_stretched_bond_is_corrected_and_a_gap_is_not(helix: Structure) -> None:
    positions = helix.positions.clone()
    positions[10:] += (
        0.7 * torch.nn.functional.normalize(positions[10, N] - positions[9, C], dim=0) * helix.present[10:, :, None]
    )
    stretched = helix.with_positions(positions)
    assert [len(run) for run in segments(stretched)] == [20]
    relaxed = relax(stretched, threads=1)
    assert float((relaxed.positions[10, N] - relaxed.positions[9, C]).norm()) < 1.6
    renumbered = replace(stretched, label_numbers=5 * helix.label_numbers, numbers=5 * helix.numbers)
    assert [len(run) for run in segments(renumbered)] == [20]
    positions[10:] += 2.0 * torch.nn.functional.normalize(positions[10, N] - positions[9, C], dim=0)
    assert [len(run) for run in segments(helix.with_positions(positions))] == [10, 10]
    assert segments(helix.take(torch.tensor([0, 2, 4]))) == []


def test_a_far_away_chain_changes_nothing(helix: Structure) -> None:
    noise = 0.2 * torch.randn(helix.positions.shape, generator=torch.Generator().manual_seed(2))
    alone = helix.with_positions(helix.positions + noise)
    there = alone.moved(torch.eye(3), torch.tensor([900.0, 0.0, 0.0]))
    twice: dict[str, Any] = {
        **{
            k: torch.cat([getattr(alone, k)] * 2)
            for k in ("residues", "present", "numbers", "label_numbers", "b_factors", "occupancies")
        },
        **{k: getattr(alone, k) * 2 for k in ("insertion_codes", "residue_names")},
    }
    both = replace(
        alone,
        positions=torch.cat([alone.positions, there.positions]),
        chains=torch.arange(2).repeat_interleave(len(alone)),
        chain_ids=("A", "B"),
        label_chain_ids=("A", "B"),
        **twice,
    )
    relaxed, single = relaxation(both, threads=1), relaxation(alone, threads=1)
    assert relaxed.energy_after == pytest.approx(2 * single.energy_after, abs=5.0)
    assert (relaxed.structure.positions[: len(alone)] - single.structure.positions).norm(dim=-1).max() < 0.15
    near = (relaxed.structure.positions[: len(alone), CB] - alone.positions[:, CB]).norm(dim=-1)
    assert near.median() > 0.05


def test_clear_errors(helix: Structure, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="nothing to relax"):
        relax(helix.take(torch.tensor([3])))
    wrong: list[dict[str, Any]] = [{"stiffness": -1.0}, {"iterations": -1}, {"threads": 0}]
    for options in wrong:
        with pytest.raises(ValueError, match=next(iter(options))):
            relax(helix, **options)
    with pytest.raises(ValueError, match="cutoff"):
        relaxation(helix, cutoff=0.0)
    monkeypatch.setattr(relaxing, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"protein-enn\[relax\]"):
        relax(helix)

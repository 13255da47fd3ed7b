"""Start conformations and their frames: whole molecules with the torsions of the draw; relaxed and jittered frames."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from protein_enn.quantum import chains
from protein_enn.quantum.chains import FRAMES, chain, relaxation
from protein_enn.quantum.conformations import conformer
from protein_enn.quantum.torsions import angles
from protein_enn.quantum.xtb import GFN2, NotConverged

pytest.importorskip("openmm")
pytest.importorskip("tblite")


@pytest.mark.parametrize("residues", [("ALA",), ("PRO",), ("ILE",), ("HIP", "ASP")])
def test_conformations_are_whole_and_differ(residues: tuple[str, ...]) -> None:
    one, rng = conformer(residues), np.random.default_rng(0)
    drawn = [one.draw(rng) for _ in range(4)]
    assert all(positions is not None and one.is_whole(positions) for positions in drawn)
    psi = [angles(positions, one.torsions)[2] for positions in drawn if positions is not None]
    assert np.ptp(psi) > 20
    first = one.draw(np.random.default_rng(0))
    assert first is not None and drawn[0] is not None and np.array_equal(first, drawn[0])  # whatever was drawn before


def test_the_mirror_image_a_broken_bond_and_a_clash_are_not_whole() -> None:
    one = conformer(("ALA",))
    good = one.peptide.positions
    broken, clash = good.copy(), good.copy()
    broken[one.peptide.index(1, "HA")] += 0.3 * (good[one.peptide.index(1, "HA")] - good[one.peptide.index(1, "CA")])
    broken[one.peptide.index(1, "HA")] += 0.1
    clash[one.peptide.index(0, "H1")] = good[one.peptide.index(2, "C")] + 1.0
    assert one.is_whole(good)
    assert not any(one.is_whole(positions) for positions in (good * [1, 1, -1], broken, clash))


def test_a_chain_has_frames_near_rest_and_far_from_it() -> None:
    frames, dropped = chain(conformer(("ALA",)), 5, 3, seed=0)
    assert len(frames) + dropped.total() == FRAMES
    assert {(frame.molecule, frame.conformation, frame.charge) for frame in frames} == {(5, 3, 0)}
    forces = [float(frame.forces.norm(dim=1).max()) for frame in frames]
    assert min(forces) < 0.5 < 2.0 < max(forces) <= chains.LARGEST_FORCE
    for frame in frames:
        assert frame.forces.sum(0).abs().max() < 1e-3


def test_energies_are_those_of_the_positions_that_are_stored() -> None:
    frames, _ = chain(conformer(("GLY",)), 0, 1, seed=0)
    for frame in frames:
        energy, forces = GFN2(frame.elements.numpy(), 0)(frame.positions.double().numpy())
        assert frame.energy == pytest.approx(energy, abs=1e-4)
        torch.testing.assert_close(frame.forces.double(), torch.from_numpy(forces), atol=2e-3, rtol=0)


def test_a_relaxation_goes_down() -> None:
    one = conformer(("GLY",))
    start = one.draw(np.random.default_rng(0))
    assert start is not None
    points = list(relaxation(GFN2(one.peptide.elements, 0), start, 25))
    energies = [energy for _, energy, _ in points]
    assert energies[-1] < energies[0] - 0.05
    assert np.abs(points[-1][2]).max() < 0.2 * np.abs(points[0][2]).max()
    for (before, _, _), (after, _, _) in itertools.pairwise(points):
        assert np.linalg.norm(after - before, axis=1).max() <= chains.STEP + 1e-5


@pytest.mark.parametrize(("fault", "reason"), [("force", "force"), ("scf", "SCF")])
def test_frames_that_fail_are_counted(monkeypatch: pytest.MonkeyPatch, fault: str, reason: str) -> None:
    class Failing:
        def __init__(self, elements: np.ndarray, charge: int) -> None:
            self.shape = (len(elements), 3)

        def __call__(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
            if fault == "scf":
                raise NotConverged("no")
            return 0.0, np.full(self.shape, 50.0)

    monkeypatch.setattr(chains, "GFN2", Failing)
    frames, dropped = chain(conformer(("GLY",)), 0, 0, seed=0)
    assert not frames and dropped == {reason: FRAMES}

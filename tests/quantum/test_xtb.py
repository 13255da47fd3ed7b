"""GFN2-xTB: units, forces as the slope of the energy, failures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from protein_enn.quantum.xtb import BOHR, GFN2, HARTREE, NotConverged, program

pytest.importorskip("tblite")

WATER = np.array([8, 1, 1])
POSITIONS = np.array([[0.0, 0.0, 0.0], [0.98, 0.05, 0.0], [-0.24, 0.93, 0.1]])


def test_the_energy_is_that_of_the_program_in_ev() -> None:
    from tblite.interface import Calculator

    calculator = Calculator("GFN2-xTB", WATER, POSITIONS * 1.8897261246, charge=0.0)
    calculator.set("verbosity", 0)
    result = calculator.singlepoint()
    energy, forces = GFN2(WATER, 0)(POSITIONS)
    assert energy == pytest.approx(float(result.get("energy")) * 27.2113862460, abs=1e-5)
    np.testing.assert_allclose(forces, -result.get("gradient") * 51.42206747, atol=1e-4)
    assert energy == pytest.approx(-137.9, abs=0.3)


def test_forces_are_the_negative_slope_of_the_energy() -> None:
    potential, step = GFN2(WATER, 0), 1e-3
    _, forces = potential(POSITIONS)
    for place in np.ndindex(3, 3):
        ends = []
        for sign in (1, -1):
            moved = POSITIONS.copy()
            moved[place] += sign * step
            ends.append(potential(moved)[0])
        assert forces[place] == pytest.approx(-(ends[0] - ends[1]) / (2 * step), abs=2e-3)


def test_forces_add_up_to_nothing() -> None:
    _, forces = GFN2(WATER, 0)(POSITIONS)
    np.testing.assert_allclose(forces.sum(0), 0.0, atol=1e-5)


def test_a_charge_changes_the_energy() -> None:
    hydroxide, radical = GFN2(np.array([8, 1]), -1), GFN2(np.array([8, 1]), 1)
    assert hydroxide(POSITIONS[:2])[0] < radical(POSITIONS[:2])[0] - 5.0


def test_a_geometry_that_fails_leaves_no_trace() -> None:
    potential = GFN2(WATER, 0)
    energy, _ = potential(POSITIONS)
    with pytest.raises(NotConverged):
        potential(np.zeros((3, 3)))
    assert potential(POSITIONS)[0] == pytest.approx(energy, abs=1e-5)


def test_the_number_of_threads_of_torch_stays() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        GFN2(WATER, 0)(POSITIONS)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_constants_are_those_of_codata() -> None:
    assert pytest.approx(51.422067476, rel=1e-9) == HARTREE / BOHR
    assert program().startswith("tblite ")

"""Agreement of predicted and true quality, the calibration table and its plot, side chains against the native."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from protein_enn import chemistry
from protein_enn.evaluation.refinement.confidence import agreement, calibration
from protein_enn.evaluation.refinement.side_chains import chi_accuracy, side_chain_rmsd
from protein_enn.report.calibration import calibration_plot
from protein_enn.report.svg import alone

Pair = tuple[list[float | None], list[float | None]]


def test_agreement_as_numpy_has_it_and_what_is_undefined_is_passed_over() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.random((2, 40))
    true = 0.5 * predicted + 0.2 * rng.random((2, 40))
    pairs: list[Pair] = [
        ([*p, None, 0.9], [*t, 0.3, None]) for p, t in zip(predicted.tolist(), true.tolist(), strict=True)
    ]
    found = agreement(pairs)
    assert found["pearson"] == pytest.approx(np.corrcoef(predicted.ravel(), true.ravel())[0, 1])
    each = [np.corrcoef(p, t)[0, 1] for p, t in zip(predicted, true, strict=True)]
    assert found["pearson_mean"] == pytest.approx(np.mean(each))
    assert found["mae"] == pytest.approx(np.abs(predicted - true).mean())
    assert found["bias"] == pytest.approx((predicted - true).mean())
    assert set(agreement([([], []), ([0.5], [None])]).values()) == {None}
    assert agreement([([0.5, 0.5], [0.1, 0.9])])["pearson"] is None


def test_calibration_bins_hold_every_residue_once() -> None:
    predicted = [0.0, 0.049, 0.05, 0.72, 0.74, 1.0, None]
    bins = calibration([(predicted, [0.1, 0.3, 0.4, 0.6, 0.8, 0.9, 0.5])])
    assert [(round(b.low, 2), b.residues) for b in bins] == [(0.0, 2), (0.05, 1), (0.7, 2), (0.95, 1)]
    assert bins[2].predicted == pytest.approx(0.73) and bins[2].true == pytest.approx(0.7)
    assert bins[2].tenth == pytest.approx(0.62) and bins[2].ninetieth == pytest.approx(0.78)
    picture = alone(calibration_plot(bins))
    assert picture.count("<circle") == 4 and "6 residues in 4 bins" in picture and 'xmlns="http' in picture
    assert calibration([]) == [] and "<svg" in calibration_plot([])


def phenylalanine(chi2: float) -> torch.Tensor:
    """(1, 37, 3): a residue of Phe whose ring is turned about CB-CG by chi2 degrees from the plane of CA, CB, CG."""
    x = torch.zeros(1, 37, 3)
    at = {"N": (-1.4, 0.3, -0.9), "CA": (0.0, 0.0, -1.3), "C": (0.7, 1.3, -1.7), "CB": (0.7, -1.1, -0.5)}
    for name, where in at.items():
        x[0, chemistry.ATOM_INDEX[name]] = torch.tensor(where)
    axis = torch.nn.functional.normalize(torch.tensor([0.3, 0.1, 1.0]), dim=0)
    cb = x[0, chemistry.ATOM_INDEX["CB"]]
    back = x[0, chemistry.CA] - cb
    across = torch.nn.functional.normalize(back - (back @ axis) * axis, dim=0)
    up = torch.linalg.cross(axis, across)
    angle = torch.deg2rad(torch.tensor(chi2))
    side = angle.cos() * across + angle.sin() * up
    places = {
        "CG": (1.5, 0.0),
        "CD1": (2.2, 1.2),
        "CD2": (2.2, -1.2),
        "CE1": (3.6, 1.2),
        "CE2": (3.6, -1.2),
        "CZ": (4.3, 0.0),
    }
    for name, (along, out) in places.items():
        x[0, chemistry.ATOM_INDEX[name]] = cb + along * axis + out * side
    return x


@pytest.mark.parametrize(("turn", "right"), [(0, 1), (15, 1), (25, 0), (90, 0), (165, 1), (180, 1), (-170, 1)])
def test_chi2_of_a_ring_counts_within_20_degrees_and_after_half_a_turn(turn: float, right: int) -> None:
    residues = torch.tensor([chemistry.RESIDUE_INDEX["PHE"]])
    native = phenylalanine(40.0)
    present = native.abs().sum(-1) > 0
    assert chi_accuracy(phenylalanine(40.0 + turn), native, present, residues) == (1.0, float(right))


def test_side_chains_are_compared_in_the_frame_of_their_backbone() -> None:
    native = phenylalanine(40.0)
    present = native.abs().sum(-1) > 0
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    turn = turn * torch.det(turn)
    moved = native.clone()
    moved[0, chemistry.ATOM_INDEX["CZ"]] += torch.tensor([0.0, 0.0, 1.4])
    elsewhere = torch.where(present[..., None], moved @ turn.T + 20.0, 0.0)
    assert side_chain_rmsd(elsewhere, native, present) == pytest.approx(1.4 / 7**0.5, abs=1e-4)  # of seven atoms
    assert side_chain_rmsd(native, native, present & (torch.arange(37) < 3)) is None
    assert chi_accuracy(native, native, present, torch.tensor([chemistry.RESIDUE_INDEX["GLY"]])) == (None, None)

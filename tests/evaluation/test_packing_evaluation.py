"""Evaluations of side-chain packing: what known changes of side chains give, what a packer can see, bad input."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn import chemistry
from protein_enn.evaluation.packing.agreement import BURIAL, neighbors
from protein_enn.evaluation.packing.cases import PackingCase, packable, stripped
from protein_enn.evaluation.packing.measure import MEANS, PackingOutcome, idealized, measure, prepare
from protein_enn.evaluation.packing.packers import PackedSideChains
from protein_enn.evaluation.packing.summary import by_burial, summarize
from protein_enn.geometry.atom14 import from_atom14, to_atom14
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.geometry.side_chains import rotate_chi
from protein_enn.geometry.superposition import moved, superpose
from protein_enn.io import read_structure
from protein_enn.metrics import stereochemistry
from protein_enn.structure import Structure
from tests.evaluation.changed_side_chains import rotated, without_proline

BACKBONE = list(chemistry.BACKBONE)


@pytest.fixture(scope="module")
def native(examples: Path) -> Structure:
    return packable(read_structure(examples / "1bhl.pdb").take(torch.arange(8, 68)))


class Given:
    """A packer that puts in side chains which it was given."""

    name = "given"

    def __init__(self, *structures: Structure, **more: Any) -> None:
        self.structures, self.more = structures, more

    def __call__(self, bare: Structure) -> PackedSideChains:
        return PackedSideChains(self.structures, **self.more)


def outcome(native: Structure, *packed: Structure, idealize: bool = False, **more: Any) -> PackingOutcome:
    """What is measured where these are packed for this native."""
    start = prepare(PackingCase("one", lambda: (native, native)))
    return measure("test", start, Given(*packed, **more), idealize=idealize)


def test_the_native_scores_no_error(native: Structure) -> None:
    found = outcome(native, native)
    zero = [name for name in MEANS if name.endswith("_mae") or name in ("side_chain_rmsd", "side_chain_rmsd_local")]
    assert [found.metrics[name] for name in zero] == pytest.approx([0.0] * len(zero), abs=1e-6)
    assert all(found.metrics[name] == 1 for name in MEANS if "accuracy" in name or "recovery" in name)
    assert found.metrics["clashes_before"] == found.metrics["native_clashes"]
    assert found.counts["incomplete"] == 0 and found.counts["matched"] == len(native)
    assert found.counts["rotamer_outliers_before"] == found.counts["native_rotamer_outliers"]


@pytest.mark.parametrize("degrees", [25.0, -70.0])
def test_a_rotated_chi_is_an_error_of_just_that(native: Structure, degrees: float) -> None:
    native = without_proline(native)
    found = outcome(native, rotated(native, degrees)).metrics
    assert found["chi1_mae"] == pytest.approx(abs(degrees), abs=0.01)
    assert [found["chi2_mae"], found["chi3_mae"]] == pytest.approx([0.0, 0.0], abs=0.01)
    assert found["chi1_accuracy"] == 0 and found["chi1_accuracy_40"] == float(abs(degrees) < 40)
    assert found["rotamer_recovery_40"] == float(abs(degrees) < 40)


def test_mirrored_chi_angles_have_twice_the_angle_as_error(native: Structure) -> None:
    native = without_proline(native)
    chi = torch.rad2deg(chi_angles(native.positions, native.present, native.residues))[:, 0]
    x, mask = to_atom14(native.positions.double(), native.present, native.residues)
    by = torch.zeros(len(native), 4, dtype=torch.float64)
    by[:, 0] = -2 * torch.deg2rad(chi.nan_to_num()).double()
    positions = from_atom14(rotate_chi(x, native.residues, by, mask), native.residues, native.positions.double())
    apart = (2 * chi[~chi.isnan()]).abs()
    expected = float(torch.minimum(apart % 360, 360 - apart % 360).mean())
    assert outcome(native, native.with_positions(positions)).metrics["chi1_mae"] == pytest.approx(expected, abs=0.01)


def test_exchanged_names_of_equal_atoms_cost_nothing(native: Structure) -> None:
    positions = native.positions.clone()
    for name, pairs in chemistry.EQUIVALENT_ATOMS.items():
        rows = native.residues == chemistry.RESIDUE_INDEX[name]
        for a, b in pairs:
            i, j = chemistry.ATOM_INDEX[a], chemistry.ATOM_INDEX[b]
            positions[rows, i], positions[rows, j] = native.positions[rows, j], native.positions[rows, i]
    model = native.with_positions(positions)
    assert (model.positions != native.positions).any()
    found = outcome(native, model).metrics
    assert found["side_chain_rmsd"] == pytest.approx(0, abs=1e-5)
    assert found["side_chain_rmsd_local"] == pytest.approx(0, abs=1e-5)
    assert found["chi2_mae"] is not None and found["chi2_mae"] < 2  # an ideal ring has two equal sides, a native nearly


def test_both_rmsd_are_those_counted_by_hand(native: Structure) -> None:
    model = rotated(native, 40.0)
    beta, ends = [chemistry.ATOM_INDEX["CB"]], [*BACKBONE, chemistry.OXT]
    side = torch.tensor([slot not in ends for slot in range(37)])
    squares, locals_ = list[float](), list[float]()
    for i in range(len(native)):
        atoms = (native.present[i] & side).nonzero()[:, 0].tolist()
        if not atoms:
            continue
        frame = [chemistry.N, chemistry.CA, chemistry.C]
        x, y = model.positions[i].double(), native.positions[i].double()
        x = moved(x, *superpose(x[frame], y[frame]))
        names = {a: a for a in range(37)}
        for a, b in chemistry.EQUIVALENT_ATOMS.get(native.residue_names[i], ()):
            one, two = chemistry.ATOM_INDEX[a], chemistry.ATOM_INDEX[b]
            names |= {one: two, two: one}
        both = [
            {a: float((x[of[a]] - y[a]).square().sum()) for a in atoms} for of in ({a: a for a in range(37)}, names)
        ]
        best = min(both, key=lambda of: sum(of.values()))
        squares += best.values()
        beyond = [value for a, value in best.items() if a not in beta]
        locals_ += [math.sqrt(sum(beyond) / len(beyond))] if beyond else []
    found = outcome(native, model).metrics
    assert found["side_chain_rmsd"] == pytest.approx(math.sqrt(sum(squares) / len(squares)), abs=1e-4)
    assert found["side_chain_rmsd_local"] == pytest.approx(sum(locals_) / len(locals_), abs=1e-4)
    assert min(sum(squares) / len(squares), sum(locals_) / len(locals_)) > 0.25


def test_a_packer_sees_nothing_of_the_side_chains(native: Structure, examples: Path) -> None:
    whole = read_structure(examples / "1bhl.pdb")
    for structure in (native, whole):
        bare = stripped(packable(structure), "bare")
        rest = torch.ones(37, dtype=torch.bool)
        rest[BACKBONE] = False
        assert not bare.present[:, rest].any() and bare.present[:, BACKBONE].all()
        assert not bare.positions[:, rest].any() and not bare.b_factors[:, rest].any()
        assert not bare.occupancies[:, rest].any() and bare.source is None and bare.name == "bare"
        assert not len(bare.links) and bare.sequence == packable(structure).sequence
    seen = []

    class Spy(Given):
        def __call__(self, bare: Structure) -> PackedSideChains:
            seen.append(bare)
            return super().__call__(bare)

    start = prepare(PackingCase("one", lambda: (native, native)))
    measure("test", start, Spy(native))
    assert seen == [start.stripped]


def test_what_a_modified_residue_has_more_is_stripped(native: Structure) -> None:
    atom = torch.zeros(1)
    names = list(native.residue_names)
    names[3] = "SEP"
    hetero = replace(
        native.hetero, positions=torch.zeros(2, 3), elements=("P", "ZN"), names=("P", "ZN"),
        residue_names=("SEP", "ZN"), residue_ids=(native.residue_id(3), "A:900"), kinds=torch.tensor([4, 1]),
        b_factors=atom.expand(2), occupancies=atom.expand(2),
    )  # fmt: skip
    found = packable(replace(native, hetero=hetero, residue_names=tuple(names)))
    assert found.hetero.residue_names == ("ZN",) and found.residue_names == native.residue_names


def test_neighbors_are_counted_by_cb(native: Structure) -> None:
    slot = chemistry.ATOM_INDEX["CB"]
    has = native.present[:, slot]
    part = native.take(has)
    beta = part.positions[:, slot]
    by_hand = [sum(float((b - a).norm()) < 10 for b in beta) - 1 for a in beta]
    assert neighbors(part).tolist() == by_hand
    assert [(least, most) for _, least, most in BURIAL] == [(20, 10**6), (16, 19), (0, 15)]


def test_fractions_by_burial_are_of_the_residues_of_that_class(examples: Path) -> None:
    native = without_proline(packable(read_structure(examples / "1bhl.pdb")))
    buried = neighbors(native) >= 20
    positions = torch.where(buried[:, None, None], native.positions, rotated(native, 60.0).positions)
    part = outcome(native, native.with_positions(positions)).agreement
    assert part is not None
    found = by_burial([part, part])
    assert found["residues_buried"] == 2 * int(buried.sum()) > 0
    assert found["chi1_accuracy_buried"] == 1 and found["side_chain_rmsd_local_buried"] == pytest.approx(0, abs=1e-6)
    assert found["chi1_accuracy_40_exposed"] == found["chi1_accuracy_40_intermediate"] == 0


def test_what_a_packer_tells_of_itself_is_compared_with_the_native(native: Structure) -> None:
    n, wrong = len(native), rotated(native, 60.0)
    half = torch.arange(n) < n // 2
    first = native.with_positions(torch.where(half[:, None, None], native.positions, wrong.positions))
    found = summarize([
        outcome(
            native, first, wrong, native, probability=half.float(), entropy=(~half).float(), error=torch.zeros(n),
            log_density=lambda chi: torch.where(chi.isnan().all(1), torch.nan, -2.0),
        )
    ])  # fmt: skip
    assert found["calibration_error"] is not None and float(str(found["calibration_error"])) < 0.03  # prolines stay
    assert found["native_log_density"] == -2 and found["samples"] == 3
    assert found["coverage"] == 1 and found["probability_right"] == pytest.approx(found["probability"], abs=0.03)
    assert float(str(found["entropy_spearman"])) > 0.5 and float(str(found["error_mae"])) > 0.1
    alone = summarize([outcome(native, native)])
    keys = ("calibration_error", "native_log_density", "coverage", "entropy_spearman", "error_mae")
    assert [alone[key] for key in keys] == [None] * len(keys)


def test_idealization_takes_clashes_away_and_leaves_the_backbone(native: Structure) -> None:
    model = rotated(native, 50.0)
    found = idealized(model)
    assert torch.equal(found.positions[:, BACKBONE], model.positions[:, BACKBONE])
    assert stereochemistry(found).clashes < stereochemistry(model).clashes
    metrics = outcome(native, model, idealize=True).metrics
    assert metrics["clashes_after"] is not None and metrics["clashes_before"] is not None
    assert metrics["clashes_after"] < metrics["clashes_before"] and metrics["side_chain_rmsd_local_after"] is not None


def test_a_new_outlier_is_one_that_the_backbone_did_not_have(native: Structure) -> None:
    row = next(i for i, name in enumerate(native.residue_names) if name == "LEU")
    positions = native.positions.clone()
    positions[row, chemistry.ATOM_INDEX["CG"]] += 0.5
    found = outcome(native, native.with_positions(positions)).counts
    assert found["new_bond_outliers"] == 1 + outcome(native, native).counts["new_bond_outliers"]

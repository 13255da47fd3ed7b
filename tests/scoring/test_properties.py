"""Properties of a design: which there are, which need side chains or an interface; noise of backbones."""

from __future__ import annotations

from pathlib import Path

import pytest
from Bio.SeqUtils.IsoelectricPoint import IsoelectricPoint

from protein_enn import read_structure
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.metrics.charge import isoelectric_point
from protein_enn.packing.likelihood import chi_log_density
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.scoring import score
from protein_enn.scoring.noise import noised_scores
from protein_enn.scoring.properties import packing_log_density, properties
from protein_enn.scoring.property_columns import INTERFACE, SHAPE
from protein_enn.structure import Structure


def test_a_backbone_has_only_what_its_sequence_says(bundle: Structure) -> None:
    found = properties(bundle, (("A",), ("B",)))
    assert not set(found) & {*SHAPE, *INTERFACE} and found["isoelectric_point"] is not None
    charge = sum({"K": 1, "R": 1, "D": -1, "E": -1}.get(letter, 0) for letter in bundle.sequence)
    assert found["net_charge"] == charge


def test_an_interface_buries_what_its_sides_lose(examples: Path, tmp_path: Path) -> None:
    lines = [line for line in (examples / "1bhl.pdb").read_text().splitlines() if line.startswith("ATOM")]
    path = tmp_path / "two.pdb"
    path.write_text("\n".join(f"{l[:21]}B{l[22:]}" if int(l[22:26]) >= 120 else l for l in lines) + "\nEND\n")  # noqa: E741
    two = read_structure(path)
    found = properties(two, (("A",), ("B",)))
    sides = [properties(two.take(two.in_chain(chain)))["sasa"] for chain in "AB"]
    assert found["buried_area"] == pytest.approx(sum(sides) - found["sasa"], rel=1e-3)
    assert set(found) >= {*SHAPE, *INTERFACE}
    assert 0 <= found["unsatisfied_polar_interface"] <= found["unsatisfied_polar"]


def test_isoelectric_points_are_those_of_biopython_and_charges_add_up() -> None:
    for chain in ("K", "DE", "MKRKE"):
        assert isoelectric_point([chain]) == pytest.approx(IsoelectricPoint(chain).pi(), abs=0.01)
    pair = isoelectric_point(["K", "XE"])
    assert pair is not None
    assert sum(IsoelectricPoint(chain).charge_at_pH(pair) for chain in "KE") == pytest.approx(0, abs=1e-6)


def test_without_residues_there_is_no_isoelectric_point() -> None:
    assert isoelectric_point(["X"]) is None


def test_noise_is_the_same_for_structures_of_one_length(bundle: Structure, predictor: Predictor) -> None:
    found = noised_scores(bundle, backbones=3, predictor=predictor, seed=1)
    assert len(set(found)) == 3 and found == noised_scores(bundle, backbones=3, predictor=predictor, seed=1)
    assert found[:2] == noised_scores(bundle, backbones=2, predictor=predictor, seed=1)
    assert found != noised_scores(bundle, backbones=3, predictor=predictor, seed=2)
    own = score(bundle, predictor=predictor, seed=1).mean
    assert max(abs(value - own) for value in found) < 0.5


def test_packing_is_told_where_side_chains_are_there_and_packed_ones_are_more_probable(
    examples: Path, bundle: Structure
) -> None:
    packing = load_predictor("packing")
    native, perturbed = (read_structure(examples / f"1bhl{end}.pdb") for end in ("", "_perturbed"))
    best, worse = (packing_log_density(structure, packing) for structure in (native, perturbed))
    chi = chi_angles(native.positions, native.present, native.residues)
    given_all_others = chi_log_density(native, chi, predictor=packing, seed=None)
    assert best == pytest.approx(float(given_all_others.nanmean()), abs=1e-4)
    assert best is not None and worse is not None and best > worse + 1
    assert packing_log_density(bundle, packing) is None

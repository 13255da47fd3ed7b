"""Never worse, whatever the network proposes; and the record says what was done."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry import CA, CB, C, N
from protein_enn.io import read_structure
from protein_enn.metrics import stereochemistry
from protein_enn.metrics.outliers import OUTLIERS
from protein_enn.predictor import Predictor, untrained
from protein_enn.refinement import Refinement, refine
from protein_enn.refinement.mobility import restraint_weights
from protein_enn.refinement.proposal import quality
from protein_enn.structure import KINDS, HeteroAtoms, Structure

Proposing = Callable[[Callable[[Tensor], Tensor], Tensor], Predictor]
GAIN = torch.full((20,), 0.1)


def assert_not_worse(refinement: Refinement) -> None:
    """No residue has a kind of outlier that it did not have, and no kind became more frequent; measured anew."""
    before, after = stereochemistry(refinement.input), stereochemistry(refinement.structure)
    for name, kind in OUTLIERS.items():
        assert not (after.masks[name] & ~before.masks[name]).any(), name
        assert after.counts[kind.count] <= before.counts[kind.count], name
    assert after.summary() == refinement.geometry_after.summary()


def wave(slots: Tensor) -> Tensor:
    """A smooth bend of a few tenths of an Å with rough bonds on top."""
    z = slots[:, CA, 2:].unsqueeze(1)
    noise = 0.05 * torch.randn(slots.shape, generator=torch.Generator().manual_seed(1))
    return slots + 0.3 * torch.sin(z / 8) * torch.tensor([1.0, 0.5, 0.0]) + noise


def test_the_test_peptide_is_sound(helix: Structure) -> None:
    summary = stereochemistry(helix).summary()
    assert not any(summary[kind.count] for kind in OUTLIERS.values())


def test_zero_steps_give_the_input_back(helix: Structure, predictor: Predictor) -> None:
    result = refine(helix, predictor=predictor, steps=0)
    assert torch.equal(result.structure.positions, helix.positions)
    assert set(result.status) == {"kept"} and set(result.reason) == {"no steps"}
    assert torch.equal(result.confidence_before, result.confidence_after)


def test_a_good_move_is_made(helix: Structure, proposing: Proposing) -> None:
    result = refine(helix, predictor=proposing(wave, GAIN))
    assert_not_worse(result)
    assert result.status.count("moved") >= 18
    asked = (wave(helix.positions) - helix.positions)[:, CA]
    made = (result.structure.positions - helix.positions)[:, CA]
    assert (asked - made).norm(dim=-1).mean() < 0.5 * asked.norm(dim=-1).mean()
    torch.testing.assert_close(result.confidence_after[list(map("moved".__eq__, result.status))].max().item(), 0.6)


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_never_worse_under_noise(helix: Structure, proposing: Proposing, scale: float) -> None:
    noise = scale * torch.randn(helix.positions.shape, generator=torch.Generator().manual_seed(7))
    assert_not_worse(refine(helix, predictor=proposing(lambda slots: slots + noise, GAIN)))


def test_collapse_is_refused_and_a_mirror_image_is_not_taken_as_it_is(helix: Structure, proposing: Proposing) -> None:
    collapsed = refine(helix, predictor=proposing(lambda slots: slots * 0.2, GAIN))
    assert_not_worse(collapsed)
    assert "reverted" in collapsed.status
    mirrored = refine(helix, predictor=proposing(lambda slots: slots * torch.tensor([-1.0, 1.0, 1.0]), GAIN))
    assert_not_worse(mirrored)  # what is left of it is made of L-amino acids
    assert stereochemistry(mirrored.structure).chirality_errors == 0


def test_only_residues_expected_to_gain_move(helix: Structure, proposing: Proposing) -> None:
    gain = torch.where(torch.arange(20) < 8, 0.3, -0.1)
    result = refine(helix, predictor=proposing(wave, gain))
    assert set(result.status[8:]) == {"kept"}
    assert "moved" in result.status[:8]
    assert torch.equal(result.structure.positions[8:], helix.positions[8:])
    assert result.reason[12] == "predicted lDDT would not rise"
    assert_not_worse(result)


def test_a_result_that_the_network_thinks_less_of_is_not_given(helix: Structure, proposing: Proposing) -> None:
    result = refine(helix, predictor=proposing(wave, torch.where(torch.arange(20) < 8, 0.1, -0.1)))
    assert torch.equal(result.structure.positions, helix.positions)


def test_what_is_not_moved_is_exactly_the_input(helix: Structure, proposing: Proposing) -> None:
    noise = torch.randn(helix.positions.shape, generator=torch.Generator().manual_seed(3))
    result = refine(helix, predictor=proposing(lambda slots: slots + noise, GAIN))
    for i, status in enumerate(result.status):
        same = torch.equal(result.structure.positions[i], helix.positions[i])
        assert same == (status != "moved")
        assert (result.displacement[i] == 0) == same


def test_incomplete_modified_and_bound_residues_stay(helix: Structure, proposing: Proposing) -> None:
    present = helix.present.clone()
    present[2, N] = False
    names = ("ALA",) * 5 + ("SEP",) + ("ALA",) * 14
    ion = HeteroAtoms(
        helix.positions[10:11, CB] + 1.9,
        ("ZN",),
        ("ZN",),
        ("ZN",),
        ("A:99",),
        torch.tensor([1]),
        torch.zeros(1),
        torch.ones(1),
    )
    ion = replace(ion, positions=helix.positions[10:11, CB] + torch.tensor([1.2, 1.2, 1.2]))
    mixed = replace(
        helix, present=present, positions=helix.positions * present[..., None], residue_names=names, hetero=ion
    )
    result = refine(mixed, predictor=proposing(wave, GAIN))
    assert result.reason[2] == "backbone incomplete"
    assert result.reason[5] == "SEP may have atoms the model does not know"
    assert result.reason[10] == "bound to a ligand, ion or nucleic acid"
    assert [result.status[i] for i in (2, 5, 10)] == ["kept"] * 3
    assert torch.equal(result.structure.positions[[2, 5, 10]], mixed.positions[[2, 5, 10]])
    assert KINDS[1] == "ion"


def test_ca_only_is_kept_and_no_ca_is_refused(helix: Structure, predictor: Predictor) -> None:
    present = torch.zeros_like(helix.present)
    present[:, CA] = True
    trace = replace(helix, present=present, positions=helix.positions * present[..., None])
    result = refine(trace, predictor=predictor)
    assert torch.equal(result.structure.positions, trace.positions)
    assert set(result.reason) == {"backbone incomplete"}
    assert len(result.notes) == 1 and "nothing can move; give a model with all atoms" in result.notes[0]
    with pytest.raises(ValueError, match="helix: none of its 20 residues has CA; give a file with a protein chain"):
        refine(replace(helix, present=torch.zeros_like(present)), predictor=predictor)


def test_wrong_predictor_and_steps_are_refused(helix: Structure, predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="is for design"):
        refine(helix, predictor=untrained("design"))
    with pytest.raises(ValueError, match="`steps` is -1"):
        refine(helix, predictor=predictor, steps=-1)


def test_the_frame_does_not_matter(helix: Structure, predictor: Predictor) -> None:
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    rotation = rotation * torch.linalg.det(rotation)
    shift = torch.tensor([10.0, -20.0, 5.0])
    here = refine(helix, predictor=predictor)
    there = refine(replace(helix.moved(rotation, shift), chain_ids=("Q",)), predictor=predictor)
    assert here.status == there.status
    expected = here.structure.moved(rotation, shift).positions
    torch.testing.assert_close(there.structure.positions, expected, atol=5e-3, rtol=0)
    torch.testing.assert_close(there.confidence_before, here.confidence_before, atol=1e-3, rtol=0)


def test_the_record_is_json_and_the_file_says_the_same(helix: Structure, proposing: Proposing, tmp_path: Path) -> None:
    result = refine(helix, predictor=proposing(wave, GAIN), seed=4)
    path = tmp_path / "refined.pdb"
    result.write(path, confidence_in_b=True)
    record = json.loads(json.dumps(result.record(path), allow_nan=False))
    assert (record["kind"], record["residues"], record["seed"], record["error"]) == ("refinement", 20, 4, None)
    assert {len(values) for values in record["per_residue"].values()} == {20}
    assert record["per_residue"]["phi_before"][0] is None
    assert record["per_residue"]["phi_before"][5] == pytest.approx(-60, abs=0.1)
    assert record["per_residue"]["psi_before"][5] == pytest.approx(-45, abs=0.1)
    written = read_structure(path)
    torch.testing.assert_close(written.positions, result.structure.positions, atol=6e-4, rtol=0)
    torch.testing.assert_close(written.b_factors[:, C], 100 * result.confidence_after, atol=6e-3, rtol=0)


def test_real_models_are_never_worse(data_dir: Path, proposing: Proposing) -> None:
    """Two predicted models under a smooth bend with rough bonds, as an unsure network would propose it."""
    with (data_dir / "decoys.tsv").open() as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["split"] == "test"]
    small = sorted({row["model"] for row in rows if int(row["n_aligned"]) < 120})[:2]
    for name in small:
        structure = read_structure(data_dir / name)
        result = refine(structure, predictor=proposing(wave, torch.full((len(structure),), 0.1)))
        assert_not_worse(result)
        assert result.status.count("moved") > len(structure) / 2


def test_confidence_is_what_the_network_says_of_the_result(helix: Structure, predictor: Predictor) -> None:
    result = refine(helix, predictor=predictor, steps=2)
    for structure, lddt, error in (
        (helix, result.confidence_before, result.error_before),
        (result.structure, result.confidence_after, result.error_after),
    ):
        estimate = quality(structure, predictor)
        torch.testing.assert_close(lddt, estimate.lddt, atol=1e-5, rtol=0)
        torch.testing.assert_close(error, estimate.error, atol=1e-4, rtol=1e-4)


def test_region_and_fixed_hold_what_is_outside(helix: Structure, proposing: Proposing) -> None:
    result = refine(helix, predictor=proposing(wave, GAIN), region="A:5-15", fixed="A:9-10")
    still = [i for i in range(20) if not 4 <= i <= 14 or i in (8, 9)]
    assert torch.equal(result.structure.positions[still], helix.positions[still])
    assert result.reason[0] == "outside the region" and result.reason[8] == "fixed"
    assert result.status.count("moved") >= 5
    assert_not_worse(result)
    with pytest.raises(ValueError, match="no chain"):
        refine(helix, predictor=proposing(wave, GAIN), region="Z:1-3")


def test_only_side_chains_move_if_only_they_may(helix: Structure, proposing: Proposing) -> None:
    result = refine(helix, predictor=proposing(wave, GAIN), side_chains_only=True)
    backbone = [N, CA, C, chemistry.O]
    assert torch.equal(result.structure.positions[:, backbone], helix.positions[:, backbone])


def test_held_residues_follow_less(helix: Structure, proposing: Proposing) -> None:
    def shift(slots: Tensor) -> Tensor:
        return slots + torch.tensor([0.0, 0.0, 0.4])

    hold = torch.zeros(20)
    hold[:10], hold[0] = 0.5, 1.0
    result = refine(helix, predictor=proposing(shift, GAIN), hold=hold)
    assert result.reason[0] == "held where it is" and result.displacement[0] == 0
    made = (result.structure.positions - helix.positions)[:, CA, 2]
    assert float(made[3:8].mean()) == pytest.approx(0.2, abs=0.06)
    assert float(made[14:].mean()) == pytest.approx(0.4, abs=0.06)
    for wrong, message in (
        (torch.zeros(3), "20 residues"),
        (torch.full((20,), 2.0), "give 0"),
        ("nowhere.csv", "nor a file"),
    ):
        with pytest.raises(ValueError, match=message):
            refine(helix, predictor=proposing(shift, GAIN), hold=wrong)


def test_hold_from_b_factors_plddt_and_tables(helix: Structure, tmp_path: Path) -> None:
    sure = replace(helix, b_factors=torch.full((20, 37), 90.0), predicted=True)
    expected = 1 / (1 + (1.5 * math.exp(4 * (0.7 - 0.9))) ** 2)
    assert restraint_weights(sure, "plddt").tolist() == pytest.approx([expected] * 20)
    crystal = replace(sure, predicted=False)
    assert restraint_weights(crystal, "b_factor").tolist() == pytest.approx([1 / (1 + 3 * 90 / (8 * math.pi**2))] * 20)
    with pytest.raises(ValueError, match="holds B factors"):
        restraint_weights(crystal, "plddt")
    with pytest.raises(ValueError, match="all B factors are zero"):
        restraint_weights(helix, "b_factor")
    table = tmp_path / "hold.csv"
    table.write_text("residue,hold\nA:3,0.25\nA:20,1\n")
    weights = restraint_weights(helix, table)
    assert weights[2] == 0.25 and weights[19] == 1 and weights.sum() == 1.25
    table.write_text("residue,hold\nA:99,0.25\n")
    with pytest.raises(ValueError, match="line 2: helix has no residue 'A:99'"):
        restraint_weights(helix, table)


def test_candidates_are_seeded_and_the_first_is_the_plain_one(helix: Structure, predictor: Predictor) -> None:
    alone = refine(helix, predictor=predictor)
    three, again = (refine(helix, predictor=predictor, candidates=3, seed=5) for _ in range(2))
    assert torch.equal(three.structure.positions, again.structure.positions)
    assert len(three.candidates) == 3 and three.candidates[0] == alone.candidates[0]
    assert float(three.confidence_after.mean()) == pytest.approx(max(three.candidates), abs=1e-4)
    assert_not_worse(three)


def test_no_step_begins_after_the_time_is_over(helix: Structure, predictor: Predictor) -> None:
    result = refine(helix, predictor=predictor, steps=500, candidates=50, max_seconds=1e-6)
    assert result.steps == 0 and len(result.candidates) == 1
    assert_not_worse(result)
    with pytest.raises(ValueError, match="`max_seconds` 0"):
        refine(helix, predictor=predictor, max_seconds=0.0)

"""Predicted errors beside a model: each program's names of files, JSON and npz."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protein_enn.io.arrays import write_arrays
from protein_enn.io.confidence import confidence_of

PAE = [[0.5, 4.0], [6.0, 0.5]]


@pytest.mark.parametrize(
    ("model", "files"),
    [
        (
            "x_relaxed_rank_001_alphafold2_ptm_model_3_seed_000.pdb",
            {"x_scores_rank_001_alphafold2_ptm_model_3_seed_000.json":
             {"plddt": [80, 90], "pae": PAE, "ptm": 0.8, "iptm": 0.7}},
        ),
        (
            "fold_x_model_0.cif",
            {"fold_x_summary_confidences_0.json": {"ptm": 0.8, "iptm": 0.7, "chain_pair_iptm": [[0.7]]},
             "fold_x_full_data_0.json": {"atom_plddts": [80, 90], "pae": PAE}},
        ),
        (
            "x_model.cif.gz",
            {"x_summary_confidences.json": {"ptm": 0.8, "iptm": 0.7},
             "x_confidences.json": {"atom_plddts": [80, 90], "pae": PAE}},
        ),
        (
            "x_model_0.cif",
            {"confidence_x_model_0.json": {"complex_plddt": 0.85, "ptm": 0.8, "iptm": 0.7},
             "pae_x_model_0.npz": {"pae": PAE}},
        ),
        ("pred.model_idx_2.cif", {"scores.model_idx_2.npz": {"ptm": [0.8], "iptm": [0.7], "aggregate_score": [0.7]}}),
    ],
)  # fmt: skip
def test_what_programs_write(tmp_path: Path, model: str, files: dict[str, dict[str, Any]]) -> None:
    for name, values in files.items():
        if name.endswith(".npz"):
            write_arrays(tmp_path / name, values)
        else:
            (tmp_path / name).write_text(json.dumps(values))
    (tmp_path / "other_scores.json").write_text("{}")
    found = confidence_of(tmp_path / model)
    assert (found.ptm, found.iptm) == (pytest.approx(0.8), pytest.approx(0.7)) and set(found.files) == set(files)
    if "model_idx" not in model:
        assert found.plddt == pytest.approx(85.0) and found.pae is not None and float(found.pae[1, 0]) == 6.0
        assert found.across([0, 1]) == 5.0 and found.across([0, 0]) is None and found.across([0, -1]) is None


def test_files_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "AF-P1-F1-predicted_aligned_error_v4.json").write_text(json.dumps([{"predicted_aligned_error": PAE}]))
    (tmp_path / "AF-P1-F1-confidence_v4.json").write_text(json.dumps({"confidenceScore": [80, 90]}))
    found = confidence_of(tmp_path / "AF-P1-F1-model_v4.cif.gz")
    assert found.plddt == 85.0 and found.pae is not None and found.ptm is None and found.iptm is None


def test_a_file_that_cannot_be_read_is_named_and_none_is_nothing(tmp_path: Path) -> None:
    assert confidence_of(tmp_path / "x.pdb").files == ()
    (tmp_path / "x_summary_confidences.json").write_text("{")
    with pytest.raises(ValueError, match=r"x_summary_confidences\.json: no json file"):
        confidence_of(tmp_path / "x_model.cif")
    (tmp_path / "x_summary_confidences.json").unlink()
    (tmp_path / "pae_x_model.npz").write_text("no zip")
    with pytest.raises(ValueError, match=r"pae_x_model\.npz"):
        confidence_of(tmp_path / "x_model.cif")

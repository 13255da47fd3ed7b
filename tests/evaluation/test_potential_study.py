"""The study of potentials: its cells, their experiments, and the table of what was measured."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from protein_enn.evaluation.potential_study import (
    Cell,
    PotentialStudy,
    cells,
    curves,
    experiment_of,
    markdown,
    read_study,
    to_csv,
)
from protein_enn.models.potential import PotentialModel
from protein_enn.training.experiment import Experiment

ROOT = Path(__file__).resolve().parents[2]
STUDY = PotentialStudy.model_validate(
    {"ways": {"l0": {"name": "l = 0"}, "l1": {"name": "l up to 1"}}, "shares": [0.1, 1.0], "seeds": {1: [0.1]}}
)


def measured(way: str, share: float, seed: int, value: float) -> dict[str, object]:
    names = [f"{m}_{s}" for s in ("test", "residues") for m in ("force_mae_kcal", "energy_mae_relative")]
    return {"way": way, "share": share, "seed": seed, **dict.fromkeys(names, value)}


ROWS = [
    measured("l0", 1.0, 0, 2.0), measured("l0", 0.1, 0, 4.0), measured("l0", 0.1, 1, 5.0), measured("l1", 0.1, 0, 3.0)
]  # fmt: skip


@pytest.mark.parametrize("name", ["potential", "potential_smoke"])
def test_every_cell_of_a_study_is_an_experiment(name: str) -> None:
    study = read_study(ROOT / f"configs/study/{name}.yaml")
    for cell in cells(study):
        assert Cell.of(cell.path) == cell
        experiment = Experiment.model_validate(experiment_of(study, cell))
        assert (experiment.task, experiment.clusters, experiment.seed) == ("potential", cell.share, cell.seed)
        PotentialModel(PotentialModel.Config.model_validate(experiment.model))


def test_networks_of_the_study_have_about_as_many_parameters() -> None:
    study = read_study(ROOT / "configs/study/potential.yaml")
    models = [PotentialModel(PotentialModel.Config(encoder_settings=way.settings)) for way in study.ways.values()]
    counts = [sum(parameter.numel() for parameter in model.parameters()) for model in models]
    assert max(counts) < 1.1 * min(counts), counts


def test_curves_are_means_over_seeds_by_fraction() -> None:
    assert list(cells(STUDY))[-1] == Cell("l1", 0.1, 1) and len(list(cells(STUDY))) == 6
    lines = curves(STUDY, ROWS, "force_mae_kcal_test")
    assert lines == {"l0": [(0.1, 4.5, 0.5), (1.0, 2.0, 0.0)], "l1": [(0.1, 3.0, 0.0)]}


def test_the_table_has_a_line_for_each_way_and_a_dash_where_nothing_was_measured() -> None:
    text = markdown(STUDY, ROWS)
    assert "### `residues`: force MAE / kcal/mol/Å" in text
    assert "| way | 10 % | 100 % |" in text and "| l = 0 | 4.50 | 2.00 |" in text and "| l up to 1 | 3.00 | – |" in text
    assert [row["way"] for row in csv.DictReader(io.StringIO(to_csv(ROWS)))] == ["l0", "l0", "l0", "l1"]


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("ways: {l0: {nam: x}}\n")
    with pytest.raises(ValueError, match=r"plan\.yaml.*"):
        read_study(tmp_path / "plan.yaml")
    with pytest.raises(ValueError, match="no cell of a study"):
        Cell.of("l0/all")

"""The study of what symmetry is worth: equal budgets, correct probes, and metrics that differ between the ways."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn.data.chain import Chain
from protein_enn.evaluation.equivariance.study.measure import chains_of, evaluate_chains, parameters, symmetries
from protein_enn.evaluation.equivariance.study.probes import FOLD, assembly, outputs
from protein_enn.evaluation.equivariance.study.settings import Cell, Study, cells, experiment_of, read_study
from protein_enn.evaluation.equivariance.study.table import curves, markdown, metric_of, to_csv
from protein_enn.io import read_structure
from protein_enn.models import build
from protein_enn.predictor import untrained
from protein_enn.report.learning_curves import learning_curves
from protein_enn.training.experiment import Experiment
from protein_enn.training.tasks import TASKS

ROOT = Path(__file__).resolve().parents[3]
PLAN = ROOT / "configs" / "study" / "symmetry.yaml"


@pytest.fixture(scope="module")
def study() -> Study:
    return read_study(PLAN)


@pytest.fixture(scope="module")
def chain() -> Chain:
    whole = Chain.of(read_structure(ROOT / "examples" / "1bhl.pdb"))
    return whole.cropped(40, torch.Generator().manual_seed(0))


def test_all_cells_are_experiments_of_one_budget(study: Study) -> None:
    found = [(c, Experiment.model_validate(experiment_of(study, c))) for c in cells(study)]
    assert len({c.path for c, _ in found}) == len(found)
    assert all(Cell.of(c.path) == c for c, _ in found)
    for task in study.tasks:
        own = [e for c, e in found if c.task == task]
        assert len({(e.max_steps, e.budget, e.crop, e.learning_rate, str(e.task_settings)) for e in own}) == 1
    assert {e.augment for _, e in found} == {"none", "rotations", "reflections"}
    assert {w.where for w in study.ways.values()} == {"nowhere", "loss", "input", "architecture"}


def test_ways_have_the_same_number_of_parameters(study: Study) -> None:
    for task in study.tasks:
        sizes = []
        for way in study.ways:
            model = build(task, experiment_of(study, Cell(task, way, 1.0, 0))["model"])
            sizes.append(sum(p.numel() for p in model.parameters()))
        assert max(sizes) / min(sizes) < 1.06, (task, sizes)


def test_bad_words_are_answered(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no cell of a study"):
        Cell.of("design/none")
    bad = tmp_path / "study.yaml"
    bad.write_text("ways: {}\ntasks: {nothing: {}}\n")
    with pytest.raises(ValueError, match=r"study\.yaml: no task 'nothing'"):
        read_study(bad)
    bad.write_text("ways: {}\ntasks: {}\nsahres: [1.0]\n")
    with pytest.raises(ValueError, match="did you mean 'shares'"):
        read_study(bad)


def test_the_assembly_is_symmetric_and_its_chains_meet(chain: Chain) -> None:
    graph, rotation = assembly(chain.atom14, chain.mask, chain, 12, True)
    n = len(chain)
    copies = graph.atom14.double().split(n)
    for before, following in zip(copies, [*copies[1:], copies[0]], strict=True):
        assert ((before @ rotation.T - following) * chain.mask[..., None]).abs().max() < 1e-4
    torch.testing.assert_close(torch.linalg.matrix_power(rotation, FOLD), torch.eye(3, dtype=torch.float64))
    assert torch.det(rotation) > 0
    other = (graph.neighbors // n != torch.arange(FOLD * n)[:, None] // n) & graph.neighbor_mask
    assert other.any(), "no residue has a neighbor in another copy"


@pytest.mark.parametrize("task", ["design", "displacement", "refinement"])
def test_symmetries_tell_the_ways_apart(study: Study, chain: Chain, task: str) -> None:
    """By architecture and by frames rotations hold; the control breaks them; frames break the mirror image; a scorer
    without odd scalars predicts the same for both chiralities, one with them does not."""
    settings = study.tasks[task].get("task_settings", {})
    found, losses = {}, {}
    for way in ("none", "frames", "l2", "l2_even"):
        model = untrained(task, experiment_of(study, Cell(task, way, 1.0, 0))["model"])
        found[way] = symmetries(model, settings, [chain])
        losses[way] = evaluate_chains(model, settings, [chain])
    assert found["none"]["rotation_error"] > 0.05 and found["none"]["assembly_change"] > 0.01
    for way in ("frames", "l2", "l2_even"):
        assert found[way]["rotation_error"] < 1e-5
        assert found[way]["assembly_change"] < 1e-2 * found[way]["assembly_size"]
    assert found["frames"]["mirror_error"] > 0.01
    assert found["l2_even"]["mirror_error"] < 1e-5
    assert losses["l2_even"]["mirror_loss"] == pytest.approx(losses["l2_even"]["loss"], abs=1e-4)
    if task == "design":  # in a mirrored file ideal CBs are on the wrong side, so even its predictions differ
        assert losses["l2_even"]["reflected_loss"] != pytest.approx(losses["l2_even"]["loss"], abs=1e-4)
    assert (found["l2"]["mirror_error"] > 0.01) == (task == "design")


def test_outputs_of_design_know_no_identity(study: Study, chain: Chain) -> None:
    model = untrained("design", experiment_of(study, Cell("design", "l2", 1.0, 0))["model"])
    task = TASKS["design"](TASKS["design"].Config(), model.model.config)
    generator = torch.Generator().manual_seed(0)
    graph, _ = task.example(chain, generator, False)
    logits = outputs("design", model.model, graph)
    assert logits.shape == (len(chain), 1, 20)
    assert parameters(model) == sum(p.numel() for p in model.model.parameters())


def test_chains_are_cropped_and_missing_ones_are_an_error(tmp_path: Path) -> None:
    example = ROOT / "examples" / "1bhl.pdb"
    (tmp_path / "chains.tsv").write_text(f"file\tchain\tcluster\tsplit\tset\n{example}\tA\t1\tval\tval\n")
    assert len(chains_of(tmp_path, "val", 3)) == 1
    (tmp_path / "chains.tsv").write_text("file\tchain\tcluster\tsplit\tset\nno.pdb\tA\t1\tval\tval\n")
    with pytest.raises(ValueError, match="no chain"):
        chains_of(tmp_path, "val", 3)


def test_table_and_figure_show_what_was_measured(study: Study) -> None:
    symmetry = dict.fromkeys(("rotation_error", "rotation_change", "mirror_error", "assembly_change"), 0.25)

    def losses(loss: float) -> dict[str, float]:
        return {"loss": loss, "mirror_loss": 3.5, "reflected_loss": 4.5}

    rows: list[dict[str, Any]] = [
        {"task": "design", "way": way, "share": share, "seed": seed, "parameters": 7, "val": losses(1.0 + share),
         "test": losses(2.0 + seed + share), "symmetry": symmetry | {"assembly_size": 0.5}}
        for way in ("none", "l2") for share in (0.01, 1.0) for seed in (0, 1)
    ]  # fmt: skip
    line = curves(study, rows, "design")["l2"]
    assert [(p.share, p.value, p.spread, p.seeds) for p in line] == [(0.01, 2.51, 0.5, 2), (1.0, 3.5, 0.5, 2)]
    text = markdown(study, rows)
    symmetries = "2.000(0) | 2e-01 | 25.0 | 2e-01 | 3.500 | 4.500 | 50 |"
    assert f"| l up to 2 | 2.510(500) | 3.500(500) | {symmetries}" in text
    assert "refinement" not in text
    lines = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert len(lines) == 8 and lines[0]["way"] == "none" and float(lines[1]["test.loss"]) == pytest.approx(3.01)
    one = [row for row in rows if row["share"] == 0.01 or row["way"] == "none"]  # a way without its largest fraction
    assert "| l up to 2 | 2.510(500) | – | – | – |" in markdown(study, one)
    names = {key: way.name for key, way in study.ways.items()}
    where = {key: way.where for key, way in study.ways.items()}
    image = learning_curves({"design": ("nats", {"l2": [(0.01, 2.5, 0.5), (1.0, 3.5, 0.0)]})}, names, where)
    assert "no odd scalars" in image and "100 %" in image
    assert metric_of("refinement", {"lddt_after": 0.9, "lddt_before": 0.7}) == pytest.approx(20)

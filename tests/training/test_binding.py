"""Binding heads: what is measured is the difference between the complex and its sides, folds hold linked complexes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry
from protein_enn.io import read_structure, write_structure
from protein_enn.models.stability import StabilityHead, StabilityHeads
from protein_enn.predictor import load_predictor, untrained
from protein_enn.scoring import scan, score_mutants
from protein_enn.scoring.binding import Complex
from protein_enn.structure import Structure
from protein_enn.structure.substitutions import Substitution
from protein_enn.testing import random_structure
from protein_enn.training.binding_sites import MeasuredComplex, measured_complexes, pair_tables
from protein_enn.training.finetune_binding import finetune_binding, linked
from protein_enn.training.heads import TrainedHeads
from protein_enn.training.stability import StabilityExperiment

SMALL = {"k": 6, "hidden": 16, "decoder_layers": 1, "encoder": "invariant", "context": 4}
EXPERIMENT = StabilityExperiment(
    target="binding", ddg=("a.csv",), folds=3, epochs=60, batch=64, prior=0.0, learning_rate=1e-2,
    heads={"hidden": 16, "reduced": 4, "dropout": 0.1},
)  # fmt: skip
PARTNERS = ("A", "B")


def two_chains(seed: int) -> Structure:
    """A compact random chain cut into two of 20 residues."""
    whole = random_structure((40,), seed=seed)
    chains = (torch.arange(40) >= 20).long()
    ids = ("A", "B")
    return replace(
        whole, name=f"c{seed}", chains=chains, chain_ids=ids, label_chain_ids=ids, numbers=torch.arange(40) % 20 + 1
    )


def seen_across(structure: Structure, weights: str) -> list[int]:
    """Residues that the other chain changes anything for."""
    scores = scan(structure, groups="A|B", predictor=weights, device="cpu").scores
    return (scores.abs().amax(1) > 1e-4).nonzero()[:, 0].tolist()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainedHeads]:
    """Made-up affinities: at the interface hydrophobic mutants bind better by 2, elsewhere nothing changes."""
    folder = tmp_path_factory.mktemp("binding")
    base = untrained("design", SMALL).save(folder / "base.safetensors")
    table: dict[str, list[tuple[tuple[Substitution, ...], tuple[str, ...], float]]] = {}
    for i in range(6):
        structure = two_chains(i)
        write_structure(structure, folder / f"c{i}.cif")
        near = set(seen_across(structure, str(base)))
        rows: list[tuple[tuple[Substitution, ...], tuple[str, ...], float]] = []
        for k in range(40):
            wild = structure.sequence[k]
            mutant = chemistry.AMINO_ACIDS[(chemistry.AMINO_ACIDS.index(wild) + 1 + (5 * k + i) % 18) % 20]
            one, other = (2.0 if letter in "AILMFWVY" else 0.0 for letter in (mutant, wild))
            change = Substitution("AB"[k // 20], wild, str(int(structure.numbers[k])), mutant)
            rows.append(((change,), PARTNERS, (other - one) if k in near else 0.0))
        table[f"c{i}.cif"] = rows
    found = finetune_binding(
        EXPERIMENT, table, folder, folder / "run", base=str(base), cluster_by="words", log=lambda line: None
    )
    return folder, found


def test_heads_find_what_carries_over_to_other_complexes(trained: tuple[Path, TrainedHeads]) -> None:
    _, found = trained
    assert found.held_out_spearman > 0.5 and found.proteins == found.clusters == 6
    assert found.mutations == 240 and found.melting_points == 0 and found.held_out_dtm_spearman is None


def test_the_weights_score_binding_in_kilocalories_and_refuse_one_protein(trained: tuple[Path, TrainedHeads]) -> None:
    folder, found = trained
    structure = read_structure(folder / "c1.cif")
    given = scan(structure, groups="A|B", predictor=str(found.weights), device="cpu")
    assert given.ddg_like is not None and given.errors is not None and "measured affinities" in given.calibration
    assert given.training == "measured mutations: A,B"
    alone, base = (
        scan(structure, predictor=str(path), estimator="single", device="cpu")
        for path in (found.weights, folder / "base.safetensors")
    )
    torch.testing.assert_close(alone.scores, base.scores)
    with pytest.raises(ValueError, match="are for binding: name the sides of the complex"):
        scan(structure, predictor=str(found.weights), device="cpu")


def test_several_mutations_are_the_sum(trained: tuple[Path, TrainedHeads]) -> None:
    folder, found = trained
    structure = read_structure(folder / "c2.cif")
    i, j = seen_across(structure, str(folder / "base.safetensors"))[:2]
    names = [
        f"{structure.chain_ids[int(structure.chains[k])]}:{structure.sequence[k]}{int(structure.numbers[k])}"
        f"{'W' if structure.sequence[k] != 'W' else 'A'}"
        for k in (i, j)
    ]
    one, other, both = score_mutants(
        structure, [*names, ",".join(names)], groups="A|B", predictor=str(found.weights), device="cpu"
    ).mutants
    assert both.score == pytest.approx(one.score + other.score, abs=1e-5)
    assert both.ddg_error is not None and one.ddg_error is not None and both.ddg_error > one.ddg_error


def test_training_measures_what_scoring_gives(trained: tuple[Path, TrainedHeads]) -> None:
    """The table of a complex with one head equals the difference that `Complex` gives for that head."""
    folder, found = trained
    predictor = load_predictor(found.weights, "cpu")
    structure = read_structure(folder / "c3.cif")
    i, j = seen_across(structure, str(folder / "base.safetensors"))[:2]
    changes = tuple(
        Substitution(structure.chain_ids[int(structure.chains[k])], structure.sequence[k],
                     str(int(structure.numbers[k])), "W" if structure.sequence[k] != "W" else "A")
        for k in (i, j)
    )  # fmt: skip
    rows = [((changes[0],), PARTNERS, 1.0), (changes, PARTNERS, -1.0), ((changes[0],), PARTNERS, 3.0)]
    (one,), skipped = measured_complexes(folder, "c3.cif", rows, 8.0, predictor)
    assert skipped == 0 and one.value.tolist() == [-2.0, 1.0], "the median of repeated ones, of the other sign"
    heads: StabilityHeads = predictor.model.stability  # type: ignore[assignment]
    table, empty = pair_tables([one], heads)
    assert len(empty.value) == 0
    head = heads.heads[2]
    assert isinstance(head, StabilityHead)
    with torch.inference_mode():
        got = table.scores(head, torch.tensor([1, 0]))[:, 0]
    whole = Complex(structure, (("A",), ("B",)), predictor, head=2)
    odds = whole.log_odds()
    become = [chemistry.AMINO_ACIDS.index(change.mutant) for change in changes]
    single = float(odds[i, become[0]])
    both = single + float(odds[j, become[1]])
    torch.testing.assert_close(got / 0.5925, torch.tensor([both, single]), atol=1e-4, rtol=1e-4)


def test_what_cannot_be_scored_is_counted(trained: tuple[Path, TrainedHeads]) -> None:
    folder, found = trained
    predictor = load_predictor(found.weights, "cpu")
    absent = (Substitution("A", "W", "99", "A"),)
    complexes, skipped = measured_complexes(
        folder, "c0.cif", [(absent, PARTNERS, 1.0), (absent, ("A", "Z"), 1.0)], 8.0, predictor
    )
    assert complexes == list[MeasuredComplex]() and skipped == 2
    with pytest.raises(ValueError, match="no mutation of a residue that is there"):
        finetune_binding(
            EXPERIMENT, {"c0.cif": [(absent, PARTNERS, 1.0)]}, folder, folder / "none",
            base=str(folder / "base.safetensors"), log=lambda line: None,
        )  # fmt: skip


def test_tables_without_partners_and_melting_points_are_refused(tmp_path: Path) -> None:
    change = (Substitution("A", "W", "1", "A"),)
    with pytest.raises(ValueError, match="columns receptor and ligand"):
        finetune_binding(EXPERIMENT, {"c0.cif": [(change, (), 1.0)]}, tmp_path, tmp_path / "run")
    melting = EXPERIMENT.model_copy(update={"melting": ("melting.csv",)})
    with pytest.raises(ValueError, match="binding has no melting points"):
        finetune_binding(melting, {"c0.cif": [(change, PARTNERS, 1.0)]}, tmp_path, tmp_path / "run")


def test_complexes_with_a_chain_of_one_cluster_are_together() -> None:
    assert linked([("A", "B"), ("C", "D"), ("E",)], [0, 1, 2, 3, 4]) == [0, 1, 2]
    assert linked([("A", "B"), ("C", "D"), ("E", "F")], [0, 1, 2, 3, 3, 1]) == [0, 0, 0]

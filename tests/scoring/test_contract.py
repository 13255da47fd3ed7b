"""What a score promises: what is visible, what sums to one, and everything that must not change it, on real files."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import protein_enn as pe
from protein_enn.cli import app
from protein_enn.io import read_structure, write_structure
from protein_enn.predictor import Predictor, untrained
from protein_enn.scoring import MODES, DesignScore, score
from protein_enn.scoring.backbone import Backbone
from protein_enn.structure import Structure
from protein_enn.testing import random_rotation, random_structure

CLOSE = 1e-4  # nats, of every residue
RUNNER = CliRunner()


SMALL: dict[str, dict[str, Any]] = {
    "ours": {"encoder": "invariant", "k": 4, "decoder_layers": 2},
    "proteinmpnn": {"k": 3},  # itself and two others, however far they are
}
"""Settings of a quick model of each architecture, for peptides of three."""


def attentive(architecture: str, seed: int, weight: float = 5.0, **config: Any) -> Predictor:
    """Nobody trained it, but identities weigh much in what it says."""
    made = untrained("design", config, seed, None if architecture == "ours" else architecture)
    with torch.no_grad():
        for layer in made.model.decoder:  # type: ignore[union-attr]
            layer.identity.weight.mul_(weight)
    return made


@pytest.fixture(scope="module", params=list(SMALL))
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def predictor(architecture: str) -> Predictor:
    layers = {"decoder_layers": 2} if architecture == "ours" else {}
    return attentive(architecture, seed=1, k=16, hidden=32, **layers)


@pytest.fixture(scope="module")
def dimer(examples: Path) -> Structure:
    """1BHL, cut in two chains that touch all along."""
    whole = read_structure(examples / "1bhl.pdb")
    chains = (torch.arange(len(whole)) >= 70).long()
    return replace(whole, chains=chains, chain_ids=("A", "B"), label_chain_ids=("A", "B"), source=None)


def scores(structure: Structure, predictor: Predictor, mode: str) -> DesignScore:
    return score(structure, predictor=predictor, mode=mode, orders=4)


def with_residue(structure: Structure, i: int, residue: int) -> Structure:
    residues = structure.residues.clone()
    residues[i] = residue
    return replace(structure, residues=residues)


def assert_same(found: DesignScore, expected: DesignScore, order: Tensor | None = None) -> None:
    """Every residue, in every decoding order, and the numbers of the row."""
    by_order = expected.by_order if order is None else expected.by_order[:, order]
    torch.testing.assert_close(found.by_order, by_order, atol=CLOSE, rtol=0, equal_nan=True)
    metrics, wanted = found.metrics(), expected.metrics()
    assert metrics == pytest.approx(wanted, abs=1e-4, nan_ok=True)


def test_a_neighbors_identity_moves_single_alone(dimer: Structure, predictor: Predictor) -> None:
    i = 40
    mutant = with_residue(dimer, i, int(dimer.residues[i] + 7) % 20)
    shift = {m: (scores(mutant, predictor, m).log_probs - scores(dimer, predictor, m).log_probs).abs() for m in MODES}
    assert shift["single"][[i - 1, i + 1]].amax() > 0.01
    assert shift["single"][i].amax() == 0  # a residue never sees itself
    assert shift["unconditional"].amax() == 0
    assert shift["conditional"].amax() > 0.01


def test_all_sequences_of_a_peptide_sum_to_one(architecture: str) -> None:
    """8000 copies of three residues, each with another sequence: under any order the joint adds up to one."""
    peptide = random_structure((3,), seed=4)
    sequences = torch.tensor(list(product(range(20), repeat=3)))
    copies = len(sequences)
    grid = 100.0 * torch.tensor(list(product(range(20), repeat=3)))
    model = attentive(architecture, seed=2, weight=20.0, hidden=16, **SMALL[architecture])
    many = peptide.take(torch.arange(3).repeat(copies))
    many = replace(many, residues=sequences.flatten(), chains=torch.arange(copies).repeat_interleave(3))
    many = many.with_positions(many.positions + grid.repeat_interleave(3, 0)[:, None])
    backbone = Backbone(many, model)
    totals, alone = [], torch.zeros(copies, dtype=torch.float64)
    for rank in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        log_probs = backbone.log_probs(backbone.earlier_visible(torch.tensor(rank * copies)))
        each = log_probs.gather(1, many.residues[:, None]).double().view(copies, 3)
        totals.append(float(each.sum(1).exp().sum()))
        alone += each[:, rank.index(2)]  # the last one sees all others: its term of the pseudo-likelihood
    assert totals == pytest.approx([1.0] * 3, abs=1e-5)
    assert abs(float(alone.exp().sum()) - 1) > 1e-4  # pseudo-likelihoods do not


@pytest.mark.parametrize("mode", MODES)
def test_motion_changes_nothing(dimer: Structure, predictor: Predictor, mode: str) -> None:
    moved = dimer.moved(random_rotation(3).float(), torch.tensor([1000.0, -1000.0, 1000.0]))
    assert_same(scores(moved, predictor, mode), scores(dimer, predictor, mode))


@pytest.mark.parametrize("mode", MODES)
def test_names_and_numbers_of_chains_change_nothing(dimer: Structure, predictor: Predictor, mode: str) -> None:
    numbers = dimer.numbers + torch.where(dimer.chains == 0, 800, -500)
    other = replace(dimer, chain_ids=("z", "long"), label_chain_ids=("q", "r"), numbers=numbers, label_numbers=numbers)
    assert_same(scores(other, predictor, mode), scores(dimer, predictor, mode))


@pytest.mark.parametrize("mode", MODES)
def test_the_order_of_chains_changes_nothing(dimer: Structure, predictor: Predictor, mode: str) -> None:
    assert len(dimer.chain("A")) != len(dimer.chain("B"))
    order = torch.cat([torch.arange(70, len(dimer)), torch.arange(70)])
    swapped = replace(dimer.take(order), chains=1 - dimer.chains[order], chain_ids=("B", "A"))
    assert_same(scores(swapped, predictor, mode), scores(dimer, predictor, mode), order)


def test_the_order_of_copies_changes_nothing(bundle: Structure, predictor: Predictor) -> None:
    """Three helices of equal length, as three chains: their contacts tell them apart, in any order and orientation."""
    trimer = replace(bundle, chains=torch.arange(48) // 16, chain_ids=("A", "B", "C"), label_chain_ids=("A", "B", "C"))
    expected = scores(trimer, predictor, "conditional")
    for first, second, third in ((1, 2, 0), (2, 1, 0), (0, 2, 1)):
        order = torch.cat([torch.arange(16 * c, 16 * c + 16) for c in (first, second, third)])
        other = replace(trimer.take(order), chains=torch.arange(48) // 16)
        other = other.moved(random_rotation(first).float(), torch.tensor([50.0, 0.0, -50.0]))
        assert_same(scores(other, predictor, "conditional"), expected, order)


@pytest.mark.parametrize("mode", MODES)
def test_a_chain_far_away_changes_nothing(dimer: Structure, predictor: Predictor, mode: str) -> None:
    """Neither its neighbors nor the orders of the chains that were there, even when it is a copy of one."""
    copy = dimer.chain("B")
    n, m = len(dimer), len(copy)
    far = copy.moved(torch.eye(3), torch.tensor([0.0, 2000.0, 0.0]))
    both = replace(
        dimer.take(torch.cat([torch.arange(n), torch.arange(n - m, n)])),
        positions=torch.cat([dimer.positions, far.positions]),
        chains=torch.cat([dimer.chains, torch.full((m,), 2)]),
        chain_ids=("A", "B", "C"),
        label_chain_ids=("A", "B", "C"),
    )
    found = scores(both, predictor, mode).by_order[:, :n]
    torch.testing.assert_close(found, scores(dimer, predictor, mode).by_order, atol=CLOSE, rtol=0)


@pytest.mark.parametrize("mode", MODES)
def test_the_format_changes_nothing(examples: Path, predictor: Predictor, tmp_path: Path, mode: str) -> None:
    """The same chain as mmCIF, BinaryCIF and PDB."""
    mmcif = read_structure(examples / "2gtl_chain_a.cif")
    write_structure(mmcif, tmp_path / "a.pdb")
    expected = scores(mmcif, predictor, mode)
    for path in (examples / "2gtl_chain_a.bcif", tmp_path / "a.pdb"):
        assert_same(scores(read_structure(path), predictor, mode), expected)


def test_numbers_are_names_also_at_a_gap(examples: Path, predictor: Predictor, architecture: str) -> None:
    """A gap counts by the distance that it spans. Published networks count it by the numbers, as they were trained."""
    whole = read_structure(examples / "1bhl.pdb")
    i = 60
    kept = torch.cat([torch.arange(i), torch.arange(i + 4, len(whole))])
    broken = whole.take(kept)
    closer = replace(broken, numbers=torch.where(kept > i, broken.numbers - 2, broken.numbers))
    shifted = replace(broken, numbers=broken.numbers + 100)
    expected = scores(broken, predictor, "single")
    assert_same(scores(shifted, predictor, "single"), expected)
    if architecture == "ours":
        assert_same(scores(closer, predictor, "single"), expected)
    else:
        assert (scores(closer, predictor, "single").log_likelihood - expected.log_likelihood).abs().max() > CLOSE


def test_a_batch_changes_nothing_and_a_run_can_be_repeated(examples: Path, tmp_path: Path) -> None:
    """The row of a file is the same in a folder as alone, and so are two runs; only the time taken differs."""
    weights = str(untrained("design", {"k": 8, "hidden": 16}).save(tmp_path / "design.safetensors"))
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("2gtl_chain_a.cif", "1bhl.pdb", "1bhl_perturbed.pdb"):
        shutil.copy(examples / name, folder)

    def rows(*given: Path) -> list[dict]:
        result = RUNNER.invoke(app, ["score", *map(str, given), "--weights", weights, "--orders", "2", "--json"])
        assert result.exit_code == 0, result.output
        return [{key: value for key, value in row.items() if key != "seconds"} for row in json.loads(result.stdout)]

    together = rows(folder)
    assert together == rows(folder)
    assert together == [row for path in sorted(folder.iterdir()) for row in rows(path)]


def test_two_calls_give_the_same_bytes(dimer: Structure, predictor: Predictor) -> None:
    one, other = (scores(dimer, predictor, "conditional") for _ in range(2))
    assert one.by_order.numpy().tobytes() == other.by_order.numpy().tobytes()
    assert json.dumps(one.record()["per_residue"]) == json.dumps(other.record()["per_residue"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")
@pytest.mark.parametrize("mode", MODES)
def test_cpu_and_gpu_agree(dimer: Structure, predictor: Predictor, mode: str, tmp_path: Path) -> None:
    from protein_enn.predictor import load_predictor

    on_gpu = load_predictor(predictor.save(tmp_path / "design.safetensors"), device="cuda")
    assert_same(scores(dimer, on_gpu, mode), scores(dimer, predictor, mode))


@pytest.mark.parametrize(
    ("selection", "fault"),
    [("A:999", "A:999"), ("chain C", "no chain .C."), ("A:50-60, B:1", "B:1"), ("resname QQQ", "QQQ")],
)
def test_a_designed_residue_that_does_not_exist_is_an_error(
    dimer: Structure, predictor: Predictor, selection: str, fault: str
) -> None:
    with pytest.raises(ValueError, match=f"1bhl: designed .*{fault}"):
        score(dimer, predictor=predictor, designed=selection)


@pytest.mark.parametrize("given", ["file.pdb", Path("file.pdb")])
@pytest.mark.parametrize(
    ("ask", "more"),
    [(pe.score, ()), (pe.scan, ()), (pe.design, ()), (pe.interface_score, ()), (pe.score_mutants, (["A:H18A"],))],
)
def test_a_path_is_no_structure(ask: Callable[..., Any], more: tuple[Any, ...], given: Any) -> None:
    ask = inspect.unwrap(ask)  # as users have it: only under pytest are types checked on the way in
    with pytest.raises(TypeError, match=r"^\S+ is no Structure: give a Structure: pe\.read_structure\(path\)$"):
        ask(given, *more)


def test_paths_are_no_ensemble() -> None:
    ask: Callable[..., Any] = inspect.unwrap(pe.score_ensemble)
    with pytest.raises(TypeError, match="give a Structure"):
        ask(["one.pdb", "other.pdb"])

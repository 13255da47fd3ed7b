"""The evaluation of mutations: what a perfect or an untrained score gives, whatever the weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

from protein_enn import chemistry
from protein_enn.cli import app
from protein_enn.evaluation import DataError, calibrate_mutations, evaluate_mutations
from protein_enn.evaluation.measurements import Measurement, measurements
from protein_enn.evaluation.mutation_baselines import add_ridges
from protein_enn.evaluation.mutation_scores import ScoredProtein, score_measurements
from protein_enn.evaluation.mutations import summarize
from protein_enn.evaluation.ranking import paired, ranking, spearman
from protein_enn.io import read_structure, write_structure
from protein_enn.predictor import Predictor, untrained
from protein_enn.scoring import ESTIMATORS, scan, score_mutants
from protein_enn.scoring.calibration import Calibration
from protein_enn.structure import Structure
from protein_enn.structure.substitutions import Substitution, parse_mutant
from protein_enn.testing import random_structure

SEED = 7


@pytest.fixture(scope="module")
def design() -> Predictor:
    return untrained("design", {"k": 8, "decoder_layers": 1, "hidden": 16})


@pytest.fixture(scope="module")
def complex_of_two() -> Structure:
    """Chains A and B that touch; no W or Y in the first places."""
    return random_structure((16, 16), seed=SEED)


def change(structure: Structure, i: int, to: str) -> str:
    chain, number = structure.residue_id(i).split(":")
    return f"{chain}:{structure.sequence[i]}{number}{to}"


@pytest.fixture
def data(tmp_path: Path, complex_of_two: Structure) -> Path:
    """A table of single mutations, with faults, and one of binding."""
    folder = tmp_path / "mutations"
    folder.mkdir()
    write_structure(complex_of_two, folder / "x.pdb")
    letters, numbers = complex_of_two.sequence, complex_of_two.numbers.tolist()
    lines = ["structure,chain,wild_type,position,mutant,ddg"]
    lines += [f"x.pdb,A,{letters[i]},{numbers[i]},W,{0.1 * i * (-1) ** i}" for i in range(6)]
    lines += [f"x.pdb,A,{'C' if letters[0] != 'C' else 'A'},{numbers[0]},G,1.0", "absent.pdb,A,C,1,G,1.0"]
    (folder / "small.csv").write_text("\n".join(lines) + "\n")
    lines = ["structure,receptor,ligand,mutations,ddg"]
    lines += [f"x.pdb,A,B,{change(complex_of_two, i, 'W')};{change(complex_of_two, i + 1, 'Y')},{i}" for i in range(6)]
    (folder / "binding.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_measurements_score_as_the_scan_does(design: Predictor, complex_of_two: Structure) -> None:
    one, two = change(complex_of_two, 2, "W"), f"{change(complex_of_two, 2, 'W')},{change(complex_of_two, 3, 'Y')}"
    absent = "A:W999A"
    found = score_measurements(
        complex_of_two, [Measurement(parse_mutant(text), 1.5) for text in (one, two, absent)], design
    )
    assert found.skipped == 1 and found.minus_ddg == [-1.5, -1.5]
    for estimator in ESTIMATORS:
        expected = score_mutants(complex_of_two, [one, two], predictor=design, estimator=estimator).mutants
        assert found.scores[estimator] == pytest.approx([mutant.score for mutant in expected], abs=1e-5)
    single = scan(complex_of_two, predictor=design, estimator="single")
    assert found.scores["single"][0] == pytest.approx(float(single.scores[2, chemistry.AMINO_ACIDS.index("W")]))
    assert len(found.asymmetry) == 1 and "binding" not in found.scores


def test_binding_is_what_the_partner_adds(design: Predictor, complex_of_two: Structure) -> None:
    """0 where the partner is out of sight, and not the score in the complex."""
    mutant = parse_mutant(f"{change(complex_of_two, 2, 'W')},{change(complex_of_two, 3, 'Y')}")
    positions = complex_of_two.positions.clone()
    positions[complex_of_two.chains == 1] += 300.0
    separated = complex_of_two.with_positions(positions * complex_of_two.present[..., None])
    measured = [Measurement(mutant, 1.0, ("A", "B"))]
    bound, unbound = (score_measurements(s, measured, design).scores for s in (complex_of_two, separated))
    assert unbound["binding"] == pytest.approx([0.0], abs=1e-5)
    assert abs(bound["binding"][0]) > 1e-4 and bound["binding"] != bound["single"]


def test_a_partner_without_a_backbone_fails_the_structure(design: Predictor, complex_of_two: Structure) -> None:
    """Rather than giving a score that is no number among the others."""
    present = complex_of_two.present.clone()
    present[complex_of_two.chains == 1, 0] = False
    bare = replace(complex_of_two, present=present)
    mutant = parse_mutant(change(complex_of_two, 2, "W"))
    with pytest.raises(ValueError, match="none of its"):
        score_measurements(bare, [Measurement(mutant, 1.0, ("A", "B"))], design)


def test_a_partner_that_is_not_there_is_skipped(design: Predictor, complex_of_two: Structure) -> None:
    measured = [Measurement(parse_mutant(change(complex_of_two, 2, "W")), 1.0, ("AX", "B"))]
    assert score_measurements(complex_of_two, measured, design).skipped == 1


@pytest.mark.parametrize("ddg", ["nan", "inf", ">4.0", "", "  ", "n/a"])
def test_a_row_whose_ddg_is_no_number_is_left_out_and_counted(data: Path, design: Predictor, ddg: str) -> None:
    path = data / "mutations" / "small.csv"
    good = evaluate_mutations(data, "small", design)
    row = path.read_text().splitlines()[3].rpartition(",")[0]
    path.write_text(path.read_text() + f"{row},{ddg}\n")
    lines: list[str] = []
    metrics = evaluate_mutations(data, "small", design, progress=lambda done, total, line: lines.append(line))
    assert (metrics["small_unreadable"], good["small_unreadable"]) == (1, 0)
    assert metrics["small_skipped"] == 3 and metrics["small_n"] == good["small_n"]
    assert {k: v for k, v in metrics.items() if k.endswith("spearman")} == {
        k: v for k, v in good.items() if k.endswith("spearman")
    }
    assert f"small.csv, line 10: ddg is {ddg.strip()!r}" in lines[0]
    with pytest.raises(DataError, match=r"small\.csv, line 10: ddg is"):
        measurements(path)


def test_a_row_whose_mutation_has_another_style_is_left_out_and_counted(data: Path, design: Predictor) -> None:
    path = data / "mutations" / "small.csv"
    path.write_text(path.read_text() + "x.pdb,A,TH,1,G,1.0\nx.pdb,,T,1,G,1.0\n")
    lines: list[str] = []
    metrics = evaluate_mutations(data, "small", design, progress=lambda done, total, line: lines.append(line))
    assert metrics["small_unreadable"] == 2
    assert "line 10: 'A:TH1G' is no mutation" in lines[0] and "line 11: chain is blank" in lines[1]


@pytest.mark.parametrize(("names", "partner"), [(("AA", "A"), "AA"), (("AA", "B"), "AA"), (("H", "L"), "H")])
def test_a_partner_is_named_by_the_whole_id_of_its_chain(
    design: Predictor, complex_of_two: Structure, names: tuple[str, str], partner: str
) -> None:
    """Chain A is no part of the partner AA."""
    structure = Structure(**{**vars(complex_of_two), "chain_ids": names})
    text = change(complex_of_two, 2, "W")
    plain = score_measurements(complex_of_two, [Measurement(parse_mutant(text), 1.0, ("A", "B"))], design)
    mutant = parse_mutant(text.replace("A:", f"{partner}:", 1))
    renamed = score_measurements(structure, [Measurement(mutant, 1.0, (partner, names[1]))], design)
    assert renamed.scores["binding"] == pytest.approx(plain.scores["binding"], abs=1e-5)
    absent = [Measurement(mutant, 1.0, ("C", partner))]
    assert score_measurements(structure, absent, design).skipped == 1


@pytest.mark.parametrize("text", ["AB", "A B", "A,B", "A, B"])
def test_a_partner_of_several_chains(design: Predictor, text: str) -> None:
    three = random_structure((8, 8, 8), seed=SEED)
    mutant = parse_mutant(change(three, 2, "W"))
    expected = score_measurements(three, [Measurement(mutant, 1.0, ("AB", "C"))], design).scores["binding"]
    assert score_measurements(three, [Measurement(mutant, 1.0, (text, "C"))], design).scores["binding"] == expected


def test_metrics_carry_the_name_of_their_table(data: Path, design: Predictor) -> None:
    metrics = evaluate_mutations(data, "all", design)
    assert metrics["small_n"] == 6 and metrics["small_skipped"] == 2 and metrics["small_failed"] == 1
    assert metrics["small_multimutants"] == 0 and "small_binding_spearman" not in metrics
    for estimator in ESTIMATORS:
        whole, mean = (metrics[f"small_{estimator}_spearman{suffix}"] for suffix in ("", "_per_protein"))
        assert whole == pytest.approx(mean)
    assert metrics["small_ddg_like_rmse"] is None
    assert metrics["binding_multimutants"] == 6 and float(str(metrics["binding_additive_asymmetry"])) > 0
    assert {"binding_binding_spearman", "binding_additive_spearman_per_protein"} <= metrics.keys()
    again = evaluate_mutations(data, "small", design)
    assert {k: v for k, v in again.items() if k.startswith("small_")} == {
        k: v for k, v in metrics.items() if k.startswith("small_")
    }
    with pytest.raises(DataError, match=r"other\.csv"):
        evaluate_mutations(data, "other", design)
    with pytest.raises(ValueError, match="needs one for design"):
        evaluate_mutations(data, "small", untrained("refinement"))


def test_errors_are_in_kcal_after_calibration() -> None:
    calibration = Calibration("ddg_like", 0.5, 0.1, 100, 10, "made", "0" * 64)
    protein = ScoredProtein(minus_ddg=[-1.0, -3.0, 1.0], scores={"ddg_like": [-2.0, -2.0, 0.0]})
    metrics = summarize([protein], 0, calibration)
    assert metrics["ddg_like_mae"] == pytest.approx(1.0)  # off by 0, 2 and 1
    assert metrics["ddg_like_rmse"] == pytest.approx((5 / 3) ** 0.5)


def test_a_perfect_score_ranks_perfectly() -> None:
    generator = np.random.default_rng(1)
    proteins = [(y, np.exp(y)) for y in generator.normal(size=(4, 12))]
    found = ranking(proteins, seed=0)
    assert all(value == pytest.approx(1) for value in found.values())
    opposite = ranking([(-y, x) for y, x in proteins], seed=0)
    assert opposite["spearman"] == pytest.approx(-1)
    few = ranking([(y[:9], x[:9]) for y, x in proteins], seed=0)
    assert few["spearman_per_protein"] == pytest.approx(1) and few["spearman_per_protein_of_10"] is None


def test_rank_correlation_is_scipys() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 9, 40).astype(float), generator.normal(size=40)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert spearman(np.ones(4), b[:4]) is None


def test_lists_of_mutations(tmp_path: Path) -> None:
    path = tmp_path / "binding.csv"
    path.write_text('structure,receptor,ligand,mutations,ddg\nx.pdb,AC,B,"A:H18A;B:K-52BG",0.5\n')
    (measurement,) = measurements(path)["x.pdb"]
    assert measurement.mutations == (Substitution("A", "H", "18", "A"), Substitution("B", "K", "-52B", "G"))
    assert measurement.partners == ("AC", "B")


def test_too_few_measurements_calibrate_nothing(data: Path, design: Predictor) -> None:
    with pytest.raises(ValueError, match="6 measurements are too few"):
        calibrate_mutations(data, "small", design)
    with pytest.raises(DataError, match=r"other\.csv"):
        calibrate_mutations(data, "other", design)


def test_the_command_calibrates_weights(data: Path, design: Predictor, complex_of_two: Structure) -> None:
    """Measurements made of the scores themselves: the slope that made them is found and then used."""
    weights = design.save(data / "w.safetensors")
    scored = scan(complex_of_two, predictor=design)
    rows = [(r["chain"], r["wt"], f"{r['number']}{r['icode']}", r["mutant"], -0.4 * r["score"]) for r in scored.rows()]
    lines = ["structure,chain,wild_type,position,mutant,ddg", *[",".join(map(str, ("x.pdb", *row))) for row in rows]]
    (data / "mutations" / "made.csv").write_text("\n".join(lines) + "\n")
    asked = ["calibrate", "--weights", str(weights), "--data", str(data), "--split"]
    done = CliRunner().invoke(app, [*asked, "made", "--json", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    kept = json.loads(weights.with_suffix(".json").read_text())["calibration"]
    assert kept["slope"] == pytest.approx(0.4, rel=0.02) and kept["n"] == len(rows) and kept["data"] == "made"
    failed = CliRunner().invoke(app, [*asked, "small", "--device", "cpu"])
    assert failed.exit_code == 1 and "too few" in failed.output and "Traceback" not in failed.output


def test_real_data_has_what_the_tables_say(data_dir: Path, design: Predictor) -> None:
    metrics = evaluate_mutations(data_dir, "s669", design, limit=2)
    assert metrics["s669_failed"] == 0 and metrics["s669_skipped"] == 0
    folder = data_dir / "mutations"
    file, measured = next(iter(measurements(folder / "skempi.csv").items()))
    found = score_measurements(read_structure(folder / file), measured[:3], design)
    assert found.skipped == 0 and len(found.scores["binding"]) == 3


def protein(pairs: list[tuple[int, int]], values: list[float], sequence: str) -> ScoredProtein:
    """Single mutations whose two terms are zero."""
    terms = [[0.0, 0.0] for _ in pairs]
    scores = {"ddg_like": [0.1 * k for k in range(len(pairs))]}
    return ScoredProtein(minus_ddg=values, scores=scores, sequence=sequence, pairs=pairs, terms=terms)


def test_a_ridge_knows_amino_acids_of_other_proteins_only() -> None:
    """What a relative measured is left out, even where it is the only one that knows an amino acid."""
    one, other, third = (random_structure((60,), seed=seed).sequence for seed in (1, 2, 3))
    pairs = [(0, k) for k in range(1, 9)]
    values = [float(k % 3) for k in range(8)]
    fitted = [protein(pairs, values, one), protein(pairs, [9.0] * 8, other)]
    predicted = [protein(pairs, values, other), protein(pairs, values, third)]
    add_ridges(predicted, fitted)
    without, with_all = (np.array(p.scores["ridge_amino_acids"]) for p in predicted)
    assert np.all(without < 2.1) and np.all(with_all > 2.5), "9.0 is of a relative of the first"
    assert np.corrcoef(without, values)[0, 1] > 0.99
    assert predicted[0].scores["ridge_with_terms"] == pytest.approx(without.tolist())
    with pytest.raises(DataError, match="single mutations"):
        add_ridges([ScoredProtein(minus_ddg=[1.0], sequence=one)], fitted)


def test_a_difference_of_rankings_is_paired() -> None:
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(20):
        y = generator.normal(size=8)
        rows.append((y, y + generator.normal(size=8), y))
    value, low, high = paired(rows, 0)
    assert value is not None and low is not None and high is not None
    assert 0 < low < value < high < 1
    assert paired([(a, a, c) for a, _, c in rows], 0) == (0.0, 0.0, 0.0)


def test_other_scores_of_the_table_are_compared_and_structures_left_out(data: Path, design: Predictor) -> None:
    path = data / "mutations" / "small.csv"
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{header},other", *(f"{line},{k}" for k, line in enumerate(lines))]) + "\n")
    metrics = evaluate_mutations(data, "small", design, against=["other"], exclude=["ABSENT"])
    assert metrics["small_failed"] == 0 and metrics["small_skipped"] == 1
    own, other = metrics["small_ddg_like_spearman"], metrics["small_other_spearman"]
    assert metrics["small_ddg_like_over_other"] == pytest.approx(float(own or 0) - float(other or 0))
    assert metrics["small_reversal"] == 0.0
    with pytest.raises(DataError, match="fewer than two"):
        evaluate_mutations(data, "small", design, against=["no column"], exclude=["absent"])

"""A function over many files: order, errors as results, models, and several processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import protein_enn as pe
from protein_enn import predictor as predictors
from protein_enn.structure import Structure

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def size(structure: Structure, factor: int = 1) -> tuple[int, int]:
    """Residues and the process; ValueError for the large one."""
    if structure.name.startswith("2gtl"):
        raise ValueError(f"{structure.name} is not wanted")
    return factor * len(structure), os.getpid()


@pytest.fixture
def inputs(tmp_path: Path) -> list[str | Path]:
    """Good, unreadable and missing files, and one whose work fails; not in the order of names."""
    (tmp_path / "bad.pdb").write_text("nothing\n")
    return [EXAMPLES / "2gtl_chain_a.cif", tmp_path / "bad.pdb", tmp_path / "none.pdb", str(EXAMPLES / "1bhl*.pdb")]


@pytest.mark.parametrize("processes", [1, 2])
def test_the_order_is_that_of_the_inputs_and_errors_are_results(
    inputs: list[str | Path], processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES.parent)  # other processes import `size` from here
    results = list(pe.each(inputs, size, processes=processes, factor=2))
    assert [one.name for one in results] == ["2gtl_chain_a", "bad", "none", "1bhl", "1bhl_perturbed"]
    assert [one.value and one.value[0] for one in results] == [None, None, None, 270, 270]
    assert results[0].error == "2gtl_chain_a is not wanted"
    assert all(word in (one.error or "") for word, one in zip(("", "bad.pdb", "no such file"), results, strict=False))
    own = {one.value[1] == os.getpid() for one in results if one.value}
    assert own == {processes == 1}, "with several processes nothing is done in this process"


def test_processes_give_what_one_gives() -> None:
    files = [EXAMPLES / "1bhl.pdb", EXAMPLES / "2gtl_chain_a.bcif"]
    one, two = (list(pe.each(files, pe.score, processes=n, orders=1, device="cpu")) for n in (1, 2))
    assert [a.value.mean for a in one if a.value] == pytest.approx([b.value.mean for b in two if b.value], abs=1e-5)
    assert len(one) == 2


def test_models_have_results_of_their_own(tmp_path: Path) -> None:
    text = "\n".join(line for line in (EXAMPLES / "1bhl.pdb").read_text().splitlines() if line.startswith("ATOM"))
    file = tmp_path / "two.pdb"
    file.write_text("".join(f"MODEL {n:8d}\n{text}\nENDMDL\n" for n in (1, 2)) + "END\n")
    assert [one.name for one in pe.each(file, size, all_models=True)] == ["two_model1", "two_model2"]
    (second,) = pe.each(file, size, reading={"model": 2})
    assert second.name == "two" and second.error is None


def test_work_that_others_cannot_import_is_refused() -> None:
    with pytest.raises(ValueError, match="processes=2: other processes cannot import"):
        pe.each(EXAMPLES / "1bhl.pdb", lambda structure: len(structure), processes=2)
    with pytest.raises(ValueError, match="at least one"):
        pe.each(EXAMPLES / "1bhl.pdb", size, processes=0)


def test_weights_are_loaded_once_until_their_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"encoder": "invariant", "k": 8}
    path = predictors.untrained("design", small, seed=1).save(tmp_path / "mine.safetensors")
    loaded: list[str] = []
    load = predictors.load_predictor

    def counted(name: str, device: str) -> predictors.Predictor:
        loaded.append(name)
        return load(name, device)

    monkeypatch.setattr(predictors, "load_predictor", counted)
    files = [EXAMPLES / "1bhl.pdb", EXAMPLES / "1bhl_perturbed.pdb"]
    first = [one.value.mean for one in pe.each(files, pe.score, predictor=path, orders=1, device="cpu") if one.value]
    assert len(first) == 2 and loaded == [str(path)]
    predictors.untrained("design", small, seed=2).save(path)
    (second, _) = pe.each(files, pe.score, predictor=path, orders=1, device="cpu")
    assert second.value and second.value.mean != first[0] and len(loaded) == 2

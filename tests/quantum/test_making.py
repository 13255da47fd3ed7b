"""Stores of frames: the plan, shards that depend on the seed alone, going on after a stop, the command."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.data.frame_format import SPLITS, set_of, shard_name
from protein_enn.data.frames import FrameStore
from protein_enn.quantum import making
from protein_enn.quantum.making import HELD_OUT_FRACTION, make_frames, plan
from protein_enn.quantum.molecules import sequences

pytest.importorskip("openmm")
pytest.importorskip("tblite")

EXAMPLE = Path(__file__).parents[2] / "examples" / "frames"
FRAMES = 40
"""Of a store with two shards of two conformations."""


@pytest.fixture(scope="module", autouse=True)
def small_shards() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "CONFORMATIONS", 2)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was made in one go."""
    folder = tmp_path_factory.mktemp("whole")
    make_frames(folder, FRAMES, seed=1351)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_plan_covers_all_molecules_and_begins_as_a_shorter_one() -> None:
    kinds = plan(0, 1500)
    assert kinds[:100] == plan(0, 100) and kinds != plan(1, 1500)
    assert set(kinds[::2]) == {kind for kind in sequences() if len(kind) == 1}
    train = [kind for kind in kinds[1::2] if set_of(kind) == "train"]
    assert set(train) == {kind for kind in sequences() if len(kind) == 2 and set_of(kind) == "train"}
    counts = Counter(train).values()
    assert max(counts) - min(counts) <= 1
    dipeptides = [kind for kind in sequences() if len(kind) == 2]
    expected = HELD_OUT_FRACTION * sum(set_of(kind) == "residues" for kind in dipeptides) / len(dipeptides)
    assert 0.5 * expected < 1 - len(train) / len(kinds[1::2]) < 2 * expected


def test_the_store_is_what_was_planned(whole: Path) -> None:
    store = FrameStore(whole)
    names = ["-".join(("ACE", *kind, "NME")) for kind in plan(1351, 4)]
    assert [molecule.name for molecule in store.molecules] == list(dict.fromkeys(names))
    assert {names[i] for i in store.conformations.tolist()} == set(names)
    assert all(store.molecules[frame.molecule].name == names[frame.conformation] for frame in store)
    assert 0.8 * FRAMES < len(store) <= FRAMES and store.program.startswith("tblite ")


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    make_frames(tmp_path, 30, seed=1351)  # its last shard is half as long
    (tmp_path / shard_name(0)).unlink()
    steps: list[tuple[int, int]] = []
    summary = make_frames(tmp_path, FRAMES, seed=1351, progress=lambda *step: steps.append(step))
    assert contents(tmp_path) == contents(whole)
    assert summary.new == 2 and steps == [(0, 40), (20, 40), (40, 40)]
    (tmp_path / shard_name(1)).unlink()
    assert make_frames(tmp_path, FRAMES, seed=1351).new == 1
    assert contents(tmp_path) == contents(whole)


def test_processes_do_not_change_the_bytes(whole: Path, tmp_path: Path) -> None:
    make_frames(tmp_path, FRAMES, seed=1351, processes=2)
    assert contents(tmp_path) == contents(whole)


def test_shards_of_another_seed_are_refused(whole: Path) -> None:
    before = contents(whole)
    with pytest.raises(
        ValueError, match=r"shard-00000\.safetensors: made with seed 1351, not 2: choose another folder"
    ):
        make_frames(whole, FRAMES, seed=2)
    assert contents(whole) == before


def test_a_broken_shard_is_named(tmp_path: Path) -> None:
    (tmp_path / shard_name(0)).write_bytes(b"no shard")
    with pytest.raises(ValueError, match=r"shard-00000\.safetensors: no shard of frames"):
        make_frames(tmp_path, FRAMES, seed=1351)


def test_the_command_sums_up_by_molecule(whole: Path) -> None:
    given = ["frames", "-o", str(whole), "--frames", str(FRAMES), "--seed", "1351"]
    answer = CliRunner().invoke(app, [*given, "--json"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    store = FrameStore(whole)
    assert found["new_shards"] == 0 and found["frames"] == len(store)
    assert sum(row["frames"] for row in found["molecules"]) == len(store) == sum(found["splits"].values())
    assert len(store) + sum(found["dropped"].values()) == FRAMES
    assert max(row["largest_force"] for row in found["molecules"]) == pytest.approx(
        max(float(frame.forces.norm(dim=1).max()) for frame in store)
    )
    text = CliRunner().invoke(app, given).stdout
    assert "molecule\tset\tatoms\tframes\tlargest_force\tdropped" in text and f"{len(store)} frames" in text


def test_the_command_names_the_extra_where_tblite_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tblite.interface", None)
    answer = CliRunner().invoke(app, ["frames", "-o", str(tmp_path), "--frames", "10"])
    assert answer.exit_code == 1
    assert (
        "frames need tblite, which is not installed" in answer.stderr
        and "pip install 'protein-enn[quantum]'" in answer.stderr
    )


def test_the_stored_example_has_frames_in_every_split() -> None:
    store = FrameStore(EXAMPLE)
    assert all(len(store.split(name)) for name in SPLITS)
    assert sum(file.stat().st_size for file in EXAMPLE.iterdir()) < 60_000
    names = ["-".join(("ACE", *kind, "NME")) for kind in plan(store.seed, 6)]
    assert [molecule.name for molecule in store.molecules] == names  # the command of examples/README.md

"""The store of frames: what goes in comes out, conformations stay in one split, damage is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn.data.frame_format import SPLITS, Molecule, set_of, shard_name, split_of
from protein_enn.data.frames import Frame, FrameStore, write_manifest, write_shard
from protein_enn.manifest import ManifestError

ELEMENTS = {"ALA": [8, 1, 1], "TYR": [6, 1, 1, 1, 1]}
"""Stand-ins of as many atoms as the tests need."""


def molecule(residue: str) -> Molecule:
    elements = ELEMENTS[residue]
    atoms = [f"{residue} X{i}" for i in range(len(elements))]
    return Molecule(
        name=f"ACE-{residue}-NME", residues=[residue], charge=0, elements=elements, atoms=atoms, set=set_of([residue])
    )


def frame(kind: int, conformation: int) -> Frame:
    elements = torch.tensor(list(ELEMENTS.values())[kind])
    generator = torch.Generator().manual_seed(conformation)
    positions, forces = torch.randn(2, len(elements), 3, generator=generator)
    return Frame(elements, positions, 0, -100.123456789012 - conformation, forces, kind, conformation)


@pytest.fixture
def frames() -> list[Frame]:
    """Of two molecules in turn, four of each of 100 conformations."""
    return [frame(i % 2, i) for i in range(100) for _ in range(4)]


@pytest.fixture
def folder(tmp_path: Path, frames: list[Frame]) -> Path:
    for number, part in enumerate((frames[:150], frames[150:])):
        write_shard(tmp_path, number, part)
    write_manifest(tmp_path, [molecule("ALA"), molecule("TYR")], 2, seed=3, program="tblite 0.8.0")
    return tmp_path


def test_frames_come_back_as_they_were(folder: Path, frames: list[Frame]) -> None:
    store = FrameStore(folder)
    assert len(store) == len(frames)
    for given, restored in zip(frames, store, strict=True):
        assert torch.equal(restored.elements, given.elements)
        assert torch.equal(restored.positions, given.positions)
        assert torch.equal(restored.forces, given.forces)
        assert (restored.energy, restored.charge) == (given.energy, given.charge)
        assert (restored.molecule, restored.conformation) == (given.molecule, given.conformation)
    assert store[-1].conformation == frames[-1].conformation
    assert len(store.sha256) == 64


def test_the_manifest_states_units_and_method(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["units"] == {"energy": "eV", "length": "Å", "force": "eV/Å"}
    assert (manifest["format"], manifest["method"], manifest["program"]) == (1, "GFN2-xTB", "tblite 0.8.0")
    assert [m["set"] for m in manifest["molecules"]] == ["train", "residues"]
    assert [shard["frames"] for shard in manifest["shards"]] == [150, 250]


def test_the_same_frames_give_the_same_bytes(folder: Path, frames: list[Frame], tmp_path_factory) -> None:
    again = write_shard(tmp_path_factory.mktemp("again"), 0, frames[:150])
    assert again.read_bytes() == (folder / shard_name(0)).read_bytes()


def test_splits_are_disjoint_and_together_everything(folder: Path) -> None:
    store = FrameStore(folder)
    rows = {name: set(store.split(name).tolist()) for name in SPLITS}
    assert sum(map(len, rows.values())) == len(store) == len(set().union(*rows.values()))
    assert min(map(len, rows.values())) > 0


def test_frames_of_a_conformation_stay_together(folder: Path) -> None:
    store = FrameStore(folder)
    conformations = [set(store.conformations[store.split(name)].tolist()) for name in SPLITS]
    assert sum(map(len, conformations)) == len(set().union(*conformations)) == 100


def test_held_out_residue_types_are_in_no_other_split(folder: Path) -> None:
    store = FrameStore(folder)
    assert set_of(["GLN"]) == set_of(["ALA", "TYR"]) == "residues"
    assert set_of(["HID", "GLH"]) == "train"
    for name in SPLITS:
        assert set(store.molecule_of[store.split(name)].tolist()) == {1 if name == "residues" else 0}


def test_nine_of_ten_conformations_are_for_training() -> None:
    splits = [split_of(0, number) for number in range(10_000)]
    assert splits.count("train") / 10_000 == pytest.approx(0.9, abs=0.01)
    assert splits.count("test") / 10_000 == pytest.approx(0.05, abs=0.01)
    assert splits != [split_of(1, number) for number in range(10_000)]


def test_an_unknown_split_names_the_known_ones(folder: Path) -> None:
    with pytest.raises(ValueError, match="'valid': choose one of train, val, test, residues"):
        FrameStore(folder).split("valid")


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no manifest\.json; make the frames again with `protein-enn frames`"):
        FrameStore(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("format", 2, "format 2, but 1 is understood"),
        ("units", {"energy": "Hartree"}, "units .*Hartree"),
        ("molecules", [], "molecules are not those of manifest.json"),
        ("shards", [], "no shards"),
        ("shards", [{"file": "../x", "sha256": "", "frames": 1}], "outside of the store"),
        ("seed", "0", "field seed"),
    ],
)
def test_a_wrong_manifest_is_refused(folder: Path, field: str, value: object, message: str) -> None:
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**manifest, field: value}), encoding="utf-8")
    with pytest.raises(ManifestError, match=message):
        FrameStore(folder)


def test_a_broken_shard_is_named(folder: Path) -> None:
    shard = folder / shard_name(1)
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(ManifestError, match=r"shard-00001\.safetensors: changed since it was written"):
        FrameStore(folder)
    shard.unlink()
    with pytest.raises(ManifestError, match=r"shard-00001\.safetensors: missing"):
        FrameStore(folder)


def test_a_manifest_needs_whole_shards(folder: Path) -> None:
    (folder / shard_name(1)).write_bytes(b"no shard")
    with pytest.raises(ManifestError, match="no safetensors file"):
        write_manifest(folder, [molecule("ALA"), molecule("TYR")], 2, seed=3, program="tblite 0.8.0")


def test_atoms_must_be_those_of_the_molecule(folder: Path) -> None:
    write_manifest(folder, [molecule("TYR"), molecule("ALA")], 2, seed=3, program="tblite 0.8.0")
    with pytest.raises(ManifestError, match="number of atoms of its molecule"):
        FrameStore(folder)


def test_a_frame_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    good = frame(0, 0)
    for wrong in (
        replace(good, forces=good.forces / 0),
        replace(good, energy=float("nan")),
    ):
        with pytest.raises(ValueError, match=r"frame 1 of shard 0"):
            write_shard(tmp_path, 0, [good, wrong])
    assert not list(tmp_path.iterdir())

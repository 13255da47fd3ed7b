"""Clusters: relatives meet, strangers do not, by either search; nothing leaks; the same bytes again."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from protein_enn import chemistry
from protein_enn.data import clusters, prepare
from protein_enn.data.batches import seeded_generator
from protein_enn.data.clusters import Clustering, choose, cluster, components
from protein_enn.data.kmers import proposals
from protein_enn.data.splits import splits_of
from protein_enn.io import write_structure
from protein_enn.metrics.alignment import homology, least_score
from protein_enn.testing import random_structure

WORDS = Clustering("words", "1")


def random_sequence(length: int, seed: int) -> str:
    import torch

    letters = torch.randint(20, (length,), generator=seeded_generator("sequence", seed)).tolist()
    return "".join(chemistry.AMINO_ACIDS[i] for i in letters)


def mutated(sequence: str, fraction: float, seed: int) -> str:
    """The sequence with a fraction of its letters drawn anew."""
    import torch

    drawn = torch.rand(len(sequence), generator=seeded_generator("where", seed)).tolist()
    other = random_sequence(len(sequence), seed + 99)
    return "".join(b if r < fraction else a for a, b, r in zip(sequence, other, drawn, strict=True))


def test_relatives_share_a_cluster_and_strangers_do_not():
    first, other = random_sequence(150, 1), random_sequence(150, 2)
    assert cluster([first, mutated(first, 0.4, 3), other], WORDS) == [0, 0, 1]


def test_a_chain_of_relatives_is_one_cluster_though_its_ends_are_strangers():
    left, right = random_sequence(100, 1), random_sequence(100, 2)
    assert cluster([left, right, left + right], WORDS) == [0, 0, 0]
    assert cluster([left, right], WORDS) == [0, 1]


def test_identity_and_coverage_are_of_the_shorter():
    domain, rest = random_sequence(60, 1), random_sequence(400, 2)
    found = homology(domain, rest[:200] + domain + rest[200:])
    assert found is not None and found.identity == 1.0 and found.coverage == 1.0
    half = homology(domain, rest + domain[:25])  # 25 of 60 residues
    assert half is not None and half.related(0.3, 0.4) and not half.related(0.3, 0.5)
    assert homology(domain, rest) is None
    assert homology("", domain) is None and homology("X" * 50, "X" * 50) is not None
    assert homology("X" * 50, "X" * 51) is None, "unknown residues are not alike"


def test_homology_is_symmetric_and_counts_gaps():
    first = random_sequence(80, 1)
    second = first[:40] + random_sequence(20, 5) + first[40:]
    a, b = homology(first, second), homology(second, first)
    assert a == b and a is not None
    assert a.identity == pytest.approx(0.8, abs=0.02)  # 80 of 100 columns
    assert least_score(200) > least_score(50) > 60


def test_proposals_are_of_both_sides_where_sides_are_given():
    first = random_sequence(90, 1)
    sequences = [first, mutated(first, 0.2, 2), mutated(first, 0.2, 3)]
    assert set(proposals(sequences)) == {(0, 1), (0, 2), (1, 2)}
    assert set(proposals(sequences, [0, 0, 1])) == {(0, 2), (1, 2)}
    assert proposals([]) == [] and proposals(["A", "A"]) == []
    assert proposals(["X" * 60, "X" * 60]) == []


def test_components_ask_about_pairs_that_are_not_connected_alone():
    asked = []

    def joined(i: int, j: int) -> bool:
        asked.append((i, j))
        return True

    assert components(4, [(0, 1), (1, 2), (0, 2)], joined) == [0, 0, 0, 1]
    assert asked == [(0, 1), (1, 2)]


@pytest.mark.skipif(shutil.which("mmseqs") is None, reason="mmseqs2 is not installed")
def test_both_searches_agree_where_it_is_easy():
    families = [random_sequence(120, seed) for seed in range(4)]
    sequences = [mutated(family, 0.3, 10 * k + i) for k, family in enumerate(families) for i in range(3)]
    found = choose("mmseqs")
    assert found.method == "mmseqs" and found.version
    assert cluster(sequences, found) == cluster(sequences, WORDS) == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


def test_a_missing_or_failing_mmseqs_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose("auto").method == "words"
    with pytest.raises(ValueError, match=r"mmseqs is not on the PATH: install mmseqs2"):
        choose("mmseqs")
    program = tmp_path / "mmseqs"
    program.write_text("#!/bin/sh\necho no memory >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(ValueError, match=r"mmseqs failed with status 3: no memory"):
        choose("auto")
    with pytest.raises(ValueError, match="choose one of"):
        choose("blast")
    with pytest.raises(ValueError, match="fraction above 0"):
        choose("words", 0.0)


def test_splits_hold_back_a_cluster_where_asked():
    names = ["a", "b", "c", "a"]
    assert set(splits_of(names, 0.01, 0).values()) == {"train"}
    held = splits_of(names, 0.01, 0, at_least_one=True)
    assert sorted(held.values()) == ["train", "train", "val"]
    assert splits_of(names, 0.01, 0, overlap={"a", "b"}, at_least_one=True) == {"a": "train", "b": "train", "c": "val"}
    assert splits_of(["a"], 0.9, 0, at_least_one=True) == {"a": "train"}
    assert "train" in splits_of(names, 1.0, 0, at_least_one=True).values()


def folder_of(folder: Path, rows: list[tuple[str, int, str, str]]) -> Path:
    """A folder with chains.tsv; of each row name, seed of its sequence, cluster and split."""
    folder.mkdir()
    lines = ["file\tchain\tcluster\tsplit\tset"]
    for name, seed, number, split in rows:
        write_structure(replace(random_structure((60,), seed=seed), name=name), folder / f"{name}.cif")
        lines.append(f"{name}.cif\tA\t{number}\t{split}\t{split}")
    (folder / "chains.tsv").write_text("\n".join(lines) + "\n")
    return folder


ROWS = [("one", 1, "1", "train"), ("two", 2, "2", "train"), ("again", 1, "3", "val"), ("three", 3, "4", "val")]


def test_related_chains_across_the_splits_of_a_table_are_an_error_that_names_both(tmp_path: Path):
    data = str(folder_of(tmp_path / "in", ROWS))
    with pytest.raises(ValueError, match=r"again \(val, cluster 3\) and one \(train, cluster 1\) are 100% identical"):
        prepare([data], tmp_path / "stop")
    assert not (tmp_path / "stop" / "manifest.json").exists(), "no store is left"
    moved = prepare([data], tmp_path / "move", leaks="move")
    assert {r.name: r.split for r in moved.store.records} == {n: "val" if n == "three" else "train" for n, *_ in ROWS}
    assert any("moved to training" in note for note in moved.notes)
    reported = prepare([data], tmp_path / "report", leaks="report")
    assert [r.split for r in reported.store.records] == [row[3] for row in ROWS]
    assert any("not independent" in note for note in reported.notes) and reported.store.provenance["leaks"] == 1


def test_overlapping_chains_go_to_training_unless_nothing_is_left(tmp_path: Path):
    data = str(folder_of(tmp_path / "in", [("one", 1, "1", "train"), ("two", 2, "2", "val"), ("three", 3, "3", "val")]))
    two = random_structure((60,), seed=2).sequence
    some = prepare([data], tmp_path / "some", overlaps=lambda sequence: sequence == two)
    assert [r.split for r in some.store.records] == ["train", "train", "val"] and some.store.provenance["seen"] == 1
    every = prepare([data], tmp_path / "all", overlaps=lambda sequence: True)
    assert [r.split for r in every.store.records] == ["train", "val", "val"]
    assert every.store.provenance["held_out_seen"] == 2
    assert any("not independent" in note for note in every.notes)


def test_a_store_is_the_same_bytes_wherever_its_files_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stores = []
    for folder in ("a", "b/deeper"):
        (tmp_path / folder).mkdir(parents=True)
        data = folder_of(tmp_path / folder / "in", [("one", 1, "1", "train"), ("two", 2, "2", "val")])
        monkeypatch.chdir(tmp_path / folder)
        stores.append(prepare([data.name], "store").store.folder.resolve())
    first, second = ({f.name: f.read_bytes() for f in sorted(store.iterdir())} for store in stores)
    assert first == second and set(first) >= {"manifest.json", "chains.tsv", "shard-0000.safetensors"}
    assert "../in/one.cif\tA" in first["chains.tsv"].decode()


def test_plain_files_say_how_they_were_clustered(tmp_path: Path):
    data = folder_of(tmp_path / "in", ROWS)
    (data / "chains.tsv").unlink()
    found = prepare([str(data)], tmp_path / "store", cluster="words", valid_fraction=0.5)
    assert found.store.provenance["clustering"] == {
        "method": "words", "version": clusters.KMER_VERSION, "identity": 0.3, "coverage": 0.5,
    }  # fmt: skip
    by_name = {r.name: r.cluster for r in found.store.records}
    assert by_name["one"] == by_name["again"] and len(set(by_name.values())) == 3
    assert found.notes[0].startswith("clusters by words (1)")

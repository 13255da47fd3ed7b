"""Manifests and the JSON of weights with a field left out or of another type: one error, which names the field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn.data import Chain, Store
from protein_enn.data.labels import VIEWS, Labels, LabelSet, View, encode_labels, write_labels
from protein_enn.data.store import Record, write_store
from protein_enn.io.fetch.manifest import HEADER, TABLE, Manifest
from protein_enn.manifest import Fields, ManifestError, parse
from protein_enn.predictor import load_predictor, untrained
from protein_enn.testing import random_structure

OTHER_VALUES: tuple[Any, ...] = (None, True, 7, -1, 1.5, "x", [], {}, [1], {"a": 1})
BROKEN = (b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": 2}', b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}")
CONFIG = {"encoder": "invariant", "k": 8, "encoder_settings": {"layers": 1}, "conditions": ["a", "b"]}


def places(tree: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value; of lists the first two members."""
    members = tree.items() if isinstance(tree, dict) else enumerate(tree[:2]) if isinstance(tree, list) else ()
    for key, value in members:
        yield (*above, key)
        yield from places(value, (*above, key))


def changed(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The JSON with one value left out or replaced, and what was done."""
    for path in places(json.loads(text)):
        for value in ("left out", *OTHER_VALUES):
            tree = json.loads(text)
            node = tree
            for key in path[:-1]:
                node = node[key]
            if value == "left out":
                del node[path[-1]]
            else:
                node[path[-1]] = value
            yield f"{path}: {value!r}", json.dumps(tree).encode()


def assert_only_manifest_errors(path: Path, use: Callable[[], Any]) -> int:
    """How many of the changes are refused; no other error comes out of `use`, and messages name the file."""
    good, refused = path.read_bytes(), 0
    use()
    for what, text in (*changed(good), *((repr(text[:20]), text) for text in BROKEN)):
        path.write_bytes(text)
        try:
            use()
        except ManifestError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1 and len(str(error)) < 2000
            assert path.stem in str(error) or str(path.parent) in str(error), what
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    path.write_bytes(good)
    use()
    return refused


@pytest.fixture
def store(tmp_path: Path) -> Store:
    chains = [replace(Chain.of(random_structure((12,), seed=i)), name=f"c{i}") for i in range(3)]
    records = [Record(chain.name, 12, str(i), "train", "native") for i, chain in enumerate(chains)]
    return write_store(tmp_path / "store", zip(chains, records, strict=True), {"source": "random"})


def test_the_manifest_of_a_store(store: Store) -> None:
    refused = assert_only_manifest_errors(store.folder / "manifest.json", lambda: list(Store(store.folder)))
    assert refused > 100


def test_labels(store: Store, tmp_path: Path) -> None:
    def label(numbers: list[int]) -> Iterator[Any]:
        for number in numbers:
            chain = store[number]
            view = View(torch.zeros(12, 20).log_softmax(-1), chain.own, torch.arange(12), chain.residues)
            yield "no backbone" if number == 1 else encode_labels(chain, Labels((view,) * len(VIEWS), True))

    folder = tmp_path / "labels"
    write_labels(folder, store, {"name": "t", "sha256": "a" * 64, "more": 1}, "clean", range(3), label)

    def use() -> None:
        labels = LabelSet(folder)
        _ = labels.identity, labels.teacher["name"]
        if 0 in labels:
            labels.with_labels(store[0], 0, 0)

    assert LabelSet(folder, store).teacher["more"] == 1
    assert assert_only_manifest_errors(folder / "labels.json", use) > 30
    assert assert_only_manifest_errors(folder / "shard-0000.json", use) > 50


def test_the_json_of_weights(tmp_path: Path) -> None:
    weights = untrained("design", CONFIG).save(tmp_path / "w.safetensors")
    path = weights.with_suffix(".json")
    info = json.loads(path.read_bytes()) | {"default_condition": "b", "default_conditions": {"score": "a"}}
    path.write_text(json.dumps(info))
    assert assert_only_manifest_errors(path, lambda: load_predictor(weights, device="cpu").condition) > 60


@pytest.mark.parametrize("written", [1, 2])
def test_weights_of_formats_1_and_2_are_read(tmp_path: Path, written: int) -> None:
    weights = untrained("design", CONFIG).save(tmp_path / "w.safetensors")
    path = weights.with_suffix(".json")
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "format": written, "unknown": {"kept": 1}}))
    assert load_predictor(weights, device="cpu").info["unknown"] == {"kept": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"sha256": 4}', r"x.json: field sha256: input should be a valid string, not 4; write it again"),
        ("{}", r"x.json: field sha256 is missing; write it again"),
        ("[]", r"x.json: input should be an object, not list; write it again"),
        ("{", r"x.json: Invalid JSON.*; write it again"),
    ],
)
def test_a_message_names_the_file_the_field_and_what_is_expected(text: str, message: str) -> None:
    class Shard(Fields):
        sha256: str

    with pytest.raises(ManifestError, match=message):
        parse(Shard, text, "x.json", "write it again")


def test_the_table_of_fetched_files(tmp_path: Path) -> None:
    """A row with a wrong field is left out, so that its file is fetched again; another table is refused."""
    good = ["1abc", "1abc.cif", "a" * 64, "4", "https://x"]
    (tmp_path / "1abc.cif").write_text("data")
    wrong = [
        [*good[:i], value, *good[i + 1 :]] for i, value in ((1, "../x"), (2, "a"), (3, "-4"), (3, "x"), (3, "9" * 5000))
    ]
    lines = ["\t".join(row) + "\n" for row in (*wrong, good[:4], [*good, ""], good)]
    (tmp_path / TABLE).write_text(HEADER + "".join(lines))
    assert [row.bytes for row in Manifest(tmp_path).rows.values()] == [4]
    for header in ("", "id\n", HEADER.upper(), "\x00"):
        (tmp_path / TABLE).write_text(header + lines[-1])
        with pytest.raises(ManifestError, match=r"fetched.tsv: is not a table of fetched files, whose columns are id,"):
            Manifest(tmp_path)

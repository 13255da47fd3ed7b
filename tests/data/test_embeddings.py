"""The cache of embeddings: what is hidden, that it is resumed and not trusted blindly, and what an example contains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn.data import Chain, Store, embeddings
from protein_enn.data.embeddings import HIDDEN_FRACTIONS, Embeddings, hidden_residues, sequences_of, write_embeddings
from protein_enn.data.store import Record, write_store
from protein_enn.embedding import LanguageModel
from protein_enn.testing import random_structure

SEQUENCES = ["MKTAYIAKQRQISFVKSHFS", "ACDEFGHIKLMNPQRSTVWY" * 2, "GGXGG"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_patterns_hide_their_share_of_what_is_known() -> None:
    sequence = "ACDEFGHIKX" * 10
    masks = [hidden_residues(sequence, pattern) for pattern in range(len(HIDDEN_FRACTIONS))]
    unknown = torch.tensor([letter == "X" for letter in sequence])
    assert [int(mask.sum()) for mask in masks] == [90, 68, 45, 23]
    assert not any((mask & unknown).any() for mask in masks)
    assert all(torch.equal(mask, hidden_residues(sequence, pattern)) for pattern, mask in enumerate(masks))
    assert not torch.equal(masks[2], hidden_residues(sequence[::-1], 2)) and not torch.equal(
        masks[2], masks[2] & masks[1]
    )
    assert int(hidden_residues("MK", 3).sum()) == 1  # at least one residue is masked


def test_has_the_features_of_the_model_under_each_pattern(tmp_path: Path, language_model: LanguageModel) -> None:
    assert write_embeddings(tmp_path / "c", language_model, [*SEQUENCES, SEQUENCES[0]]) == 3
    cache = Embeddings(tmp_path / "c")
    assert len(cache) == 3 and cache.width == 32 and cache.weights == language_model.identity
    assert SEQUENCES[0] in cache and "MK" not in cache
    for sequence in SEQUENCES:
        for pattern in range(len(HIDDEN_FRACTIONS)):
            (expected,) = language_model.embed([sequence], [hidden_residues(sequence, pattern)])
            assert torch.allclose(cache.features(sequence, pattern), expected, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match=r"nothing of the sequence MK; run `protein-enn embed`"):
        cache.features("MK", 0)


def test_with_all_hidden_only_the_length_is_left(tmp_path: Path, language_model: LanguageModel) -> None:
    write_embeddings(tmp_path, language_model, ["MKTAYIAK", "GGGGGGGG"])
    cache = Embeddings(tmp_path)
    assert torch.equal(cache.features("MKTAYIAK", 0), cache.features("GGGGGGGG", 0))
    assert not torch.equal(cache.features("MKTAYIAK", 3), cache.features("GGGGGGGG", 3))


def test_adds_what_is_lacking_and_goes_on_after_a_kill(
    tmp_path: Path, language_model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "SHARD_ROWS", 1)  # a shard for each sequence
    write_embeddings(tmp_path / "whole", language_model, SEQUENCES)
    whole = contents(tmp_path / "whole")
    assert sorted(whole) == ["cache.json", *(f"shard-000{i}.{s}" for i in range(3) for s in ("json", "safetensors"))]

    write = embeddings.write_text

    def killed(path: Path, text: str) -> None:
        if path.name == "shard-0001.json":
            raise KeyboardInterrupt
        write(path, text)

    monkeypatch.setattr(embeddings, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        write_embeddings(tmp_path / "broken", language_model, SEQUENCES)
    monkeypatch.setattr(embeddings, "write_text", write)
    assert len(Embeddings(tmp_path / "broken")) == 1  # the second shard has no JSON yet
    heard: list[int] = []
    assert write_embeddings(tmp_path / "broken", language_model, SEQUENCES, heard.append) == 2
    assert contents(tmp_path / "broken") == whole and heard == [1, 2]
    assert write_embeddings(tmp_path / "broken", language_model, SEQUENCES) == 0
    assert contents(tmp_path / "broken") == whole


def test_other_weights_are_refused(tmp_path: Path, language_model: LanguageModel) -> None:
    write_embeddings(tmp_path, language_model, SEQUENCES)
    other = replace(language_model, sha256="0" * 64, name="other")
    with pytest.raises(ValueError, match=r"made with esm2_tiny .*not with other .*another folder"):
        write_embeddings(tmp_path, other, SEQUENCES)


@pytest.mark.parametrize("what", ["flipped", "cut", "gone", "index", "head", "version"])
def test_damage_is_found(tmp_path: Path, language_model: LanguageModel, what: str) -> None:
    write_embeddings(tmp_path, language_model, SEQUENCES)
    shard, entry, head = (tmp_path / name for name in ("shard-0000.safetensors", "shard-0000.json", "cache.json"))
    data = shard.read_bytes()
    if what == "flipped":
        shard.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif what == "cut":
        shard.write_bytes(data[:100])
    elif what == "gone":
        shard.unlink()
    elif what == "index":
        entry.write_text(entry.read_text()[:50])
    elif what == "head":
        head.unlink()
    else:
        head.write_text(head.read_text().replace("0.75", "0.7"))
    with pytest.raises(ValueError, match=r"protein-enn embed|another version"):
        Embeddings(tmp_path)


def chain_with_partner() -> Chain:
    chain = Chain.of(random_structure((12, 8, 6), seed=3))
    return replace(chain, own=chain.chains < 2)


def test_an_example_is_shown_its_own_chains_alone(tmp_path: Path, language_model: LanguageModel) -> None:
    chain = chain_with_partner()
    first, second = sequences_of(chain)
    assert (len(first), len(second)) == (12, 8)
    write_embeddings(tmp_path, language_model, [first, second])
    cache = Embeddings(tmp_path)
    shown = cache.with_features(chain, 2)
    assert shown.language is not None and shown.hidden is not None
    assert torch.equal(shown.language[:20], torch.cat([cache.features(first, 2), cache.features(second, 2)]))
    assert torch.equal(shown.hidden[:20], torch.cat([hidden_residues(first, 2), hidden_residues(second, 2)]))
    assert not shown.language[20:].any() and not shown.hidden[20:].any()
    part = shown.take(torch.tensor([3, 21]))
    assert part.language is not None and torch.equal(part.language, shown.language[[3, 21]])


def test_a_chain_that_is_lacking_is_named(tmp_path: Path, language_model: LanguageModel) -> None:
    chains = [replace(Chain.of(random_structure((15,), seed=i)), name=f"c{i}") for i in range(2)]
    records = [Record(chain.name, 15, str(i), "train", "native") for i, chain in enumerate(chains)]
    write_store(tmp_path / "store", zip(chains, records, strict=True), {})
    store = Store(tmp_path / "store")
    write_embeddings(tmp_path / "c", language_model, sequences_of(chains[0]))
    with pytest.raises(ValueError, match=r"1 of 2 chains of .*such as c1; run `protein-enn embed"):
        Embeddings(tmp_path / "c").check(store)
    write_embeddings(tmp_path / "c", language_model, sequences_of(chains[1]))
    Embeddings(tmp_path / "c").check(store)

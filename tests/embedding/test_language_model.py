"""Features of a language model equal those of fair-esm, with masks, for long chains, for several sequences at once."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from protein_enn.embedding import LanguageModel, load_language_model
from protein_enn.embedding import model as module
from protein_enn.embedding.model import chain_rows, letters, windows

ALL = "ACDEFGHIKLMNPQRSTVWY"


def by_fair_esm(path: Path, sequences: list[str]) -> list[Tensor]:
    """Last-layer representations without BOS and EOS, by fair-esm's own loader and tokenizer."""
    import esm

    with torch.serialization.safe_globals([argparse.Namespace]):
        network, alphabet = esm.pretrained.load_model_and_alphabet_local(str(path))
    _, _, tokens = alphabet.get_batch_converter()([(str(i), s) for i, s in enumerate(sequences)])
    with torch.no_grad():
        features = network.eval()(tokens, repr_layers=[2])["representations"][2]
    lengths = (tokens != alphabet.padding_idx).sum(1) - 2
    return [rows[1 : 1 + n] for rows, n in zip(features, lengths.tolist(), strict=True)]


def test_features_equal_those_of_fair_esm(esm2_checkpoint: Path, language_model: LanguageModel) -> None:
    sequences = ["MKTAYIAKQR", ALL * 3, "M", "GXXGX"]  # padding and unknown residues
    ours, theirs = language_model.embed(sequences), by_fair_esm(esm2_checkpoint, sequences)
    for sequence, one, two in zip(sequences, ours, theirs, strict=True):
        assert one.shape == two.shape == (len(sequence), 32)
        assert torch.allclose(one, two, atol=1e-5), sequence


def test_hidden_residues_are_masks(esm2_checkpoint: Path, language_model: LanguageModel) -> None:
    hidden = torch.tensor([False, True, False, False, True])
    (features,) = language_model.embed(["MKTAY"], [hidden])
    assert torch.allclose(features, by_fair_esm(esm2_checkpoint, ["M<mask>TA<mask>"])[0], atol=1e-5)


def test_no_feature_depends_on_hidden_residues(language_model: LanguageModel) -> None:
    hidden = torch.arange(30) % 3 == 0
    first, second = ALL + ALL[:10], ALL[::-1] + ALL[:10][::-1]
    mixed = "".join(b if h else a for a, b, h in zip(first, second, hidden.tolist(), strict=True))
    same = language_model.embed([first, mixed], [hidden, hidden])
    assert torch.equal(*same)
    shown = language_model.embed([first, "W" + first[1:]])
    assert ((shown[0] - shown[1]).abs().amax(1) > 1e-6).all()  # all features depend on a residue that is not hidden


def test_each_sequence_is_embedded_by_itself(language_model: LanguageModel) -> None:
    sequences = [ALL[:n] * 2 for n in (20, 3, 7, 11)]
    for sequence, together in zip(sequences, language_model.embed(sequences), strict=True):
        assert torch.allclose(together, language_model.embed([sequence])[0], atol=1e-5)


@pytest.mark.parametrize("length", [1, 1022, 1023, 1533, 1534, 2044, 5000])
def test_windows_keep_every_residue_once_and_far_from_a_cut(length: int) -> None:
    pieces = windows(length)
    assert [i for _, _, first, last in pieces for i in range(first, last)] == list(range(length))
    for start, stop, first, last in pieces:
        assert 0 <= start <= first < last <= stop <= length and stop - start <= module.WINDOW
        assert start == 0 or first - start >= module.WINDOW // 4
        assert stop == length or stop - last >= module.WINDOW // 4


def test_long_chains_run_in_bounded_pieces(language_model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []

    def recorded(tokens: Tensor) -> Tensor:
        shapes.append(tuple(tokens.shape))
        return language_model.last_layer(tokens)

    sequence = ALL * 3
    monkeypatch.setattr(module, "WINDOW", 24)
    monkeypatch.setattr(module, "BATCH_TOKENS", 60)
    hidden = torch.arange(60) % 4 == 0
    (features,) = replace(language_model, last_layer=recorded).embed([sequence], [hidden])
    assert max(columns for _, columns in shapes) == 26 and max(rows * columns for rows, columns in shapes) <= 60
    for start, stop, first, last in windows(60):
        (piece,) = language_model.embed([sequence[start:stop]], [hidden[start:stop]])
        assert torch.allclose(features[first:last], piece[first - start : last - start], atol=1e-5)


@pytest.mark.parametrize(
    ("sequence", "hidden", "message"),
    [("", 0, "empty"), ("MKZ", 3, "'Z'"), ("mk", 2, "no amino acid"), ("MK", 3, "mask of 3")],
)
def test_invalid_sequences_are_refused(language_model: LanguageModel, sequence: str, hidden: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        language_model.embed([sequence], [torch.zeros(hidden, dtype=torch.bool)])


def test_damaged_weights_are_refused(language_model: LanguageModel) -> None:
    broken = replace(language_model, last_layer=lambda tokens: torch.full((*tokens.shape, 32), torch.nan))
    with pytest.raises(ValueError, match="not finite"):
        broken.embed(["MK"])


def test_rows_and_letters() -> None:
    assert [rows.tolist() for rows in chain_rows(torch.tensor([1, 0, 1]))] == [[1], [0, 2]]
    assert letters(torch.tensor([0, 20, 19])) == "AXV"


def test_loading_does_not_change_the_random_state(esm2_checkpoint: Path) -> None:
    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    model = load_language_model(esm2_checkpoint)
    assert torch.equal(state, torch.random.get_rng_state())
    assert model.name == "esm2_tiny" and len(model.sha256) == 64 and model.width == 32

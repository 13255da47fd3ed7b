"""A masked language model of protein sequences, and the features it gives each residue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry

WINDOW = 1022
"""Residues that the model sees at a time, as in the training of ESM; longer chains are seen in overlapping windows."""
BATCH_TOKENS = 2048
"""Of a batch, padding included: with `WINDOW` this bounds the memory of attention, whatever the length of a chain."""
CLS, EOS, PAD, MASK = "<cls>", "<eos>", "<pad>", "<mask>"


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """Weights ready to use, and which they are."""

    name: str  # "esm2_t6_8M_UR50D", as the file is called
    sha256: str  # of the file
    width: int  # features of a residue
    tokens: Mapping[str, int]  # of the letters of chemistry.LETTERS and of CLS, EOS, PAD, MASK
    last_layer: Callable[[Tensor], Tensor]  # tokens (b, t) to features (b, t, d)
    device: torch.device

    @property
    def identity(self) -> dict[str, str | int]:
        """What records say of the model: name, sha256, width."""
        return {"name": self.name, "sha256": self.sha256, "width": self.width}

    @torch.no_grad()
    def embed(
        self, sequences: Sequence[str], hidden: Sequence[Bool[Tensor, "_"]] | None = None
    ) -> list[Float[Tensor, "_ d"]]:
        """Features of every residue of each sequence: the last layer, float32 on the CPU, each sequence by itself.

        `sequences` are letters of chemistry.LETTERS (X is unknown). Residues that are `hidden` are shown to the model
        as a mask, so that no feature depends on what they are. A residue of a chain of more than `WINDOW` residues has
        the features of the window in which it is farthest from a cut. ValueError: an empty sequence, a letter that is
        no amino acid, a mask of another length, or features that are not finite.
        """
        hidden = [torch.zeros(len(s), dtype=torch.bool) for s in sequences] if hidden is None else hidden
        encoded = [self._encoded(s, h) for s, h in zip(sequences, hidden, strict=True)]
        found = [torch.empty(len(s), self.width) for s in sequences]
        pieces = [(i, *piece) for i, s in enumerate(sequences) for piece in windows(len(s))]
        for batch in _batches(pieces):
            longest = max(stop - start for _, start, stop, *_ in batch) + 2
            tokens = torch.full((len(batch), longest), self.tokens[PAD])
            for row, (i, start, stop, *_) in zip(tokens, batch, strict=True):
                row[0], row[stop - start + 1] = self.tokens[CLS], self.tokens[EOS]
                row[1 : stop - start + 1] = encoded[i][start:stop]
            features = self.last_layer(tokens.to(self.device)).float().cpu()
            for of_piece, (i, start, _, first, last) in zip(features, batch, strict=True):
                found[i][first:last] = of_piece[1 + first - start : 1 + last - start]
        if not all(bool(features.isfinite().all()) for features in found):
            raise ValueError(f"language model {self.name}: features that are not finite; are the weights whole?")
        return found

    def _encoded(self, sequence: str, hidden: Bool[Tensor, "n"]) -> Int[Tensor, "n"]:
        if not sequence:
            raise ValueError("an empty sequence has no features")
        if len(hidden) != len(sequence):
            raise ValueError(f"a mask of {len(hidden)} residues for a sequence of {len(sequence)}")
        if odd := set(sequence) - set(chemistry.LETTERS):
            raise ValueError(f"{min(odd)!r} in a sequence is no amino acid: the letters are {chemistry.LETTERS}")
        tokens = torch.tensor([self.tokens[letter] for letter in sequence])
        return torch.where(hidden.cpu(), self.tokens[MASK], tokens)


def windows(length: int) -> list[tuple[int, int, int, int]]:
    """(start, stop, first, last): residues that are seen together, and those of them whose features are kept.

    Windows of `WINDOW` residues begin half a window after one another, the last one ends with the chain; where two
    overlap, each keeps the half on its own side.
    """
    if length <= WINDOW:
        return [(0, length, 0, length)]
    starts = [*range(0, length - WINDOW, WINDOW // 2), length - WINDOW]
    cuts = [0, *((a + WINDOW + b) // 2 for a, b in pairwise(starts)), length]
    return [(s, s + WINDOW, a, b) for s, (a, b) in zip(starts, pairwise(cuts), strict=True)]


Piece = tuple[int, int, int, int, int]
"""Sequence, start, stop, first, last."""


def _batches(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Pieces of like length together, at most `BATCH_TOKENS` with padding, or one alone."""
    batch: list[Piece] = []
    for piece in sorted(pieces, key=lambda p: p[1] - p[2]):  # longest first: it decides the padding
        longest = (batch or [piece])[0]
        if batch and (len(batch) + 1) * (longest[2] - longest[1] + 2) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def chain_rows(chains: Int[Tensor, "n"]) -> list[Int[Tensor, "_"]]:
    """The rows of each chain: what a language model sees as one sequence."""
    return [(chains == chain).nonzero()[:, 0] for chain in chains.unique().tolist()]


def letters(residues: Int[Tensor, "n"]) -> str:
    """The sequence of residues (index into chemistry.RESIDUES) in one-letter code."""
    return "".join(chemistry.LETTERS[i] for i in residues.tolist())

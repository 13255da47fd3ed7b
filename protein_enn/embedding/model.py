"""A masked language model of protein sequences, and its features of residues."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry

WINDOW = 1022
"""Residues in one input of the model, as in the training of ESM; longer chains are split into overlapping windows."""
BATCH_TOKENS = 2048
"""Of a batch, with padding. Together with `WINDOW` it bounds the memory of attention, however long a chain is."""
CLS, EOS, PAD, MASK = "<cls>", "<eos>", "<pad>", "<mask>"


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A language model ready to use, with its identity."""

    name: str  # of the file, such as "esm2_t6_8M_UR50D"
    sha256: str  # of the file
    width: int  # features of a residue
    tokens: Mapping[str, int]  # of the letters of chemistry.LETTERS and of CLS, EOS, PAD, MASK
    last_layer: Callable[[Tensor], Tensor]  # tokens (b, t) to features (b, t, d)
    device: torch.device

    @property
    def identity(self) -> dict[str, str | int]:
        """Name, sha256 and width, for records."""
        return {"name": self.name, "sha256": self.sha256, "width": self.width}

    @torch.no_grad()
    def embed(
        self, sequences: Sequence[str], hidden: Sequence[Bool[Tensor, "_"]] | None = None
    ) -> list[Float[Tensor, "_ d"]]:
        """Features of every residue of each sequence: the last layer.

        A residue of a chain of more than `WINDOW` residues has the features of the window in which it is farthest from
        a cut.

        Parameters
        ----------
        sequences
            Letters of `chemistry.LETTERS` (X is unknown).
        hidden
            Residues that the model gets as masks, so that no feature depends on their identity. By default none.

        Returns
        -------
        list[Float[Tensor, "_ d"]]
            Float32, on the CPU. Each sequence is independent of the others.

        Raises
        ------
        ValueError
            A sequence is empty or has a letter that is no amino acid, a mask has another length than its sequence, or
            features are not finite.
        """
        hidden = [torch.zeros(len(s), dtype=torch.bool) for s in sequences] if hidden is None else hidden
        encoded = [self._tokens(s, h) for s, h in zip(sequences, hidden, strict=True)]
        result = [torch.empty(len(s), self.width) for s in sequences]
        pieces = [(i, *piece) for i, s in enumerate(sequences) for piece in windows(len(s))]
        for batch in _batches(pieces):
            longest = max(stop - start for _, start, stop, *_ in batch) + 2
            tokens = torch.full((len(batch), longest), self.tokens[PAD])
            for row, (i, start, stop, *_) in zip(tokens, batch, strict=True):
                row[0], row[stop - start + 1] = self.tokens[CLS], self.tokens[EOS]
                row[1 : stop - start + 1] = encoded[i][start:stop]
            features = self.last_layer(tokens.to(self.device)).float().cpu()
            for of_piece, (i, start, _, first, last) in zip(features, batch, strict=True):
                result[i][first:last] = of_piece[1 + first - start : 1 + last - start]
        if not all(bool(features.isfinite().all()) for features in result):
            raise ValueError(f"language model {self.name}: features are not finite; are the weights damaged?")
        return result

    def _tokens(self, sequence: str, hidden: Bool[Tensor, "n"]) -> Int[Tensor, "n"]:
        """The tokens of a sequence. ValueError as in `embed`."""
        if not sequence:
            raise ValueError("an empty sequence has no features")
        if len(hidden) != len(sequence):
            raise ValueError(f"a mask of {len(hidden)} residues for a sequence of {len(sequence)}")
        if odd := set(sequence) - set(chemistry.LETTERS):
            raise ValueError(f"{min(odd)!r} in a sequence is no amino acid: the letters are {chemistry.LETTERS}")
        tokens = torch.tensor([self.tokens[letter] for letter in sequence])
        return torch.where(hidden.cpu(), self.tokens[MASK], tokens)


def windows(length: int) -> list[tuple[int, int, int, int]]:
    """(start, stop, first, last): residues of one input, and those of them whose features are kept.

    Windows of `WINDOW` residues begin half a window apart; the last one ends with the chain. Where two windows overlap,
    each keeps the half on its own side.

    Examples
    --------
    >>> windows(1500)
    [(0, 1022, 0, 750), (478, 1500, 750, 1500)]
    """
    if length <= WINDOW:
        return [(0, length, 0, length)]
    starts = [*range(0, length - WINDOW, WINDOW // 2), length - WINDOW]
    cuts = [0, *((a + WINDOW + b) // 2 for a, b in pairwise(starts)), length]
    return [(s, s + WINDOW, a, b) for s, (a, b) in zip(starts, pairwise(cuts), strict=True)]


Piece = tuple[int, int, int, int, int]
"""Sequence, start, stop, first, last."""


def _batches(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Batches of pieces of similar length, with at most `BATCH_TOKENS` tokens including padding, or of one piece."""
    batch: list[Piece] = []
    for piece in sorted(pieces, key=lambda p: p[1] - p[2]):  # longest first: it determines the padding
        longest = (batch or [piece])[0]
        if batch and (len(batch) + 1) * (longest[2] - longest[1] + 2) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def chain_rows(chains: Int[Tensor, "n"]) -> list[Int[Tensor, "_"]]:
    """The rows of each chain, which are one sequence for a language model."""
    return [(chains == chain).nonzero()[:, 0] for chain in chains.unique().tolist()]


def letters(residues: Int[Tensor, "n"]) -> str:
    """The sequence of residues (index into `chemistry.RESIDUES`) in one-letter code.

    Examples
    --------
    >>> letters(torch.tensor([0, 20, 19]))
    'AXV'
    """
    return "".join(chemistry.LETTERS[i] for i in residues.tolist())

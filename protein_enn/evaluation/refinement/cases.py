"""The cases of an evaluation of refinement: models with their natives, natives, natives with noise on every atom.

The name of a set, as in `--split`, is a split or source of `decoys.tsv` ("test", "train"), "natives", or "noise-SIGMA"
(Gaussian, SIGMA Å per coordinate, on every heavy atom). The last two take the chains of `chains.tsv` whose split is
`test`, or the one after a colon: "natives:val", "noise-0.3:val".
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from protein_enn.evaluation.datasets import Case, DecoyPair, chain_cases, decoy_pairs, select_chain
from protein_enn.io import read_structure
from protein_enn.structure import Structure

NATIVES = "natives"
_NOISE = re.compile(r"noise-(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class RefinementCase:
    """A model to refine and its native; `load` reads both (StructureError or ValueError if they cannot be read)."""

    name: str
    load: Callable[[], tuple[Structure, Structure]]
    native: str  # name of the native: the models of one are not independent of each other


def refinement_cases(data: Path, name: str, seed: int = 0) -> list[RefinementCase]:
    """The cases of one set.

    Parameters
    ----------
    data
        Directory as in `evaluation.datasets`.
    name
        Of the set.
    seed
        Of the noise.

    Raises
    ------
    DataError
        There are no cases.
    ValueError
        The noise is not a number.
    """
    kind, _, split = name.partition(":")
    noise = _NOISE.fullmatch(kind)
    if kind == NATIVES or noise:
        sigma = float(noise[1]) if noise else 0.0
        return [_perturbed_case(case, sigma, seed) for case in chain_cases(data, split or "test")]
    if kind.startswith("noise"):
        raise ValueError(f"{name!r} is no noise: write noise-0.3 for 0.3 Å per coordinate")
    return [_pair_case(pair) for pair in decoy_pairs(data, name)]


def add_noise(structure: Structure, sigma: float, seed: int) -> Structure:
    """The structure with Gaussian noise on each coordinate of each heavy atom.

    Parameters
    ----------
    structure
        Its name, too, decides on the noise.
    sigma
        Standard deviation, Å.
    seed
        Of the noise.
    """
    if sigma == 0:
        return structure
    generator = torch.Generator().manual_seed(zlib.crc32(structure.name.encode()) + seed)
    noise = torch.randn(structure.positions.shape, generator=generator, dtype=torch.float64)
    return structure.with_positions((structure.positions + sigma * noise).to(structure.positions.dtype))


def _perturbed_case(case: Case, sigma: float, seed: int) -> RefinementCase:
    def load() -> tuple[Structure, Structure]:
        native = case.load()
        return add_noise(native, sigma, seed), native

    return RefinementCase(case.name, load, case.name)


def _pair_case(pair: DecoyPair) -> RefinementCase:
    def load() -> tuple[Structure, Structure]:
        model = select_chain(read_structure(pair.model), pair.model_chain)
        return model, select_chain(read_structure(pair.native), pair.native_chain)

    return RefinementCase(f"{pair.model.name}:{pair.model_chain}", load, f"{pair.native.name}:{pair.native_chain}")

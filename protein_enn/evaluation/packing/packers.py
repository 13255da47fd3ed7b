"""What packs side chains: the protocol of a packer, those that can be named on the command line, and packed files.

A packer of one's own is a class with `name` and `__call__`; one line in `PACKERS` gives it a name.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.io import read_structure
from protein_enn.metrics import rotamer_log_density
from protein_enn.packing import chi_log_density, pack
from protein_enn.packing.rebuild import rebuild
from protein_enn.predictor import load_predictor
from protein_enn.structure import Structure

FILES, WEIGHTS = "files:", "weights:"
SUFFIXES = (".pdb", ".cif", ".bcif", ".pdb.gz", ".cif.gz", ".bcif.gz")
MOST_SAMPLES = 10
SECONDS = "seconds.json"
"""In a folder of packed files: how long each took, by case name."""
FARTHEST = 0.5
"""Å: the CA of a packed file that is farther from that of the input is of another backbone."""


@dataclass(frozen=True, eq=False)
class PackedSideChains:
    """What a packer made of n residues.

    Attributes
    ----------
    structures
        The best first; further ones are samples.
    probability
        Of the chosen rotamer of each residue, 0 to 1; nan where it has none. None if the packer tells none.
    entropy
        Of the rotamers of each residue, nats.
    error
        Predicted RMSD of each side chain beyond CB, Å.
    log_density
        Gives for chi angles (n, 4; radians, nan where there is none) their log density per residue, nats, with angles
        in degrees; nan where there is none.
    seconds
        That packing took, where it was measured elsewhere.
    """

    structures: Sequence[Structure]
    probability: Float[Tensor, "n"] | None = None
    entropy: Float[Tensor, "n"] | None = None
    error: Float[Tensor, "n"] | None = None
    log_density: Callable[[Float[Tensor, "n 4"]], Float[Tensor, "n"]] | None = None
    seconds: float | None = None


@runtime_checkable
class Packer(Protocol):
    """Puts side chains on a backbone."""

    @property
    def name(self) -> str:
        """In metrics and tables."""

    def __call__(self, stripped: Structure, /) -> PackedSideChains:
        """The side chains of a structure that has N, CA, C and O alone; it is named as its case.

        Raises
        ------
        ValueError
            They cannot be packed.
        """


class RotamerSearch:
    """The rotamer search by which refinement rebuilds missing atoms."""

    name = "rotamers"

    def __call__(self, stripped: Structure) -> PackedSideChains:
        """One structure, and the density of rotamers without regard to the backbone."""
        density = lambda chi: rotamer_log_density(chi, stripped.residues)  # noqa: E731
        return PackedSideChains([rebuild(stripped)[0]], log_density=density)


class LearnedPacker:
    """`pack` with weights for packing: the most likely side chains, then draws.

    Parameters
    ----------
    weights
        The name of shipped weights, or a file.
    samples
        Draws at temperature 1 besides the most likely side chains.
    """

    def __init__(self, weights: str = "packing", samples: int = 0) -> None:
        self.predictor, self.samples = load_predictor(weights), samples
        self.name = self.predictor.name

    def __call__(self, stripped: Structure) -> PackedSideChains:
        """The structures, and the densities of the model."""
        begun = time.perf_counter()
        best = pack(stripped, region="all", errors=True, predictor=self.predictor)
        seconds = time.perf_counter() - begun
        more: tuple[Structure, ...] = ()
        if self.samples:
            drawn = pack(stripped, region="all", samples=self.samples, temperature=1.0, predictor=self.predictor)
            more = drawn.structures
        if not best.samples:
            return PackedSideChains([best.structure, *more], seconds=seconds)
        sample, n = best.samples[0], len(stripped)
        angles = (~torch.isnan(sample.chi)).any(1)

        def of_residues(values: Float[Tensor, "m"]) -> Float[Tensor, "n"]:
            result = values.new_full((n,), torch.nan)
            result[sample.rows[angles]] = values[angles]
            return result

        probability, entropy = (of_residues(v) for v in (sample.conditional.probability, sample.conditional.entropy))
        error = None if sample.error is None else of_residues(sample.error)
        density = partial(chi_log_density, stripped, predictor=self.predictor)
        return PackedSideChains([best.structure, *more], probability, entropy, error, density, seconds)


class InputSideChains:
    """Keeps the side chains of the input, as those of a predicted structure; `measure` gives them to it."""

    name = "input"

    def __call__(self, stripped: Structure) -> PackedSideChains:
        """The structure that it is given."""
        return PackedSideChains([stripped])


class PackedFiles:
    """Files that another program packed: `NAME.pdb` (or mmCIF, BinaryCIF) for the case NAME, its samples `NAME.2.pdb`
    to `NAME.10.pdb`, and times in `seconds.json`."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ValueError(f"{FILES}{folder}: there is no such folder")
        self.folder, self.name = folder, folder.resolve().name
        times = folder / SECONDS
        self.seconds: dict[str, float] = json.loads(times.read_text(encoding="utf-8")) if times.is_file() else {}

    def __call__(self, stripped: Structure) -> PackedSideChains:
        """The files of this case."""
        first = self._file(stripped.name)
        if first is None:
            raise ValueError(f"{self.folder} has no packed file {stripped.name}.pdb (or .cif, .bcif)")
        more = (self._file(f"{stripped.name}.{k}") for k in range(2, MOST_SAMPLES + 1))
        structures = [read_packed(path, stripped) for path in (first, *more) if path is not None]
        return PackedSideChains(structures, seconds=self.seconds.get(stripped.name))

    def _file(self, name: str) -> Path | None:
        return next((path for suffix in SUFFIXES if (path := self.folder / f"{name}{suffix}").is_file()), None)


def read_packed(path: Path, stripped: Structure) -> Structure:
    """The input with the atoms of a packed file.

    Parameters
    ----------
    path
        Of the file.
    stripped
        What was packed.

    Raises
    ------
    ValueError
        The file has another sequence or another backbone.
    """
    packed = read_structure(path)
    ours, theirs = stripped.sequence, packed.sequence
    if ours != theirs:
        at = next(
            (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs))
        )
        where = f"they differ at residue {at + 1}, {stripped.residue_id(at)}" if at < len(ours) else "it goes on longer"
        raise ValueError(
            f"{path} has another sequence ({len(theirs)} residues) than {stripped.name} ({len(ours)}): {where}"
        )
    apart = float((packed.ca - stripped.ca).norm(dim=-1).max())
    if apart > FARTHEST:
        raise ValueError(
            f"{path}: a CA is {apart:.1f} Å from that of {stripped.name}; pack the files of the same input"
        )
    atoms = packed.present
    return replace(
        stripped,
        positions=torch.where(atoms[..., None], packed.positions, stripped.positions),
        present=stripped.present | atoms,
        occupancies=torch.where(atoms, packed.occupancies, stripped.occupancies),
    )


PACKERS: dict[str, Callable[[], Packer]] = {
    "packing": LearnedPacker,
    "rotamers": RotamerSearch,
    "input": InputSideChains,
}
"""What makes each packer that has a name."""


def packers_named(names: Sequence[str], samples: int = 0) -> list[Packer]:
    """The packers of the command line.

    Parameters
    ----------
    names
        Keys of `PACKERS`, "weights:FILE" or "files:DIR".
    samples
        Draws of a learned packer, besides the most likely side chains.

    Raises
    ------
    ValueError
        There is no such packer or folder, or two would have the same name in tables.

    Examples
    --------
    >>> [packer.name for packer in packers_named(["rotamers", "input"])]
    ['rotamers', 'input']
    """
    packers = [_packer(name, samples) for name in dict.fromkeys(names)]
    seen = [packer.name for packer in packers]
    twice = next((name for name in seen if seen.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two packers have the name {twice!r}: rename a folder of packed files")
    if not packers:
        raise ValueError(f"no packer is named: choose from {', '.join(PACKERS)}, {WEIGHTS}FILE, {FILES}DIR")
    return packers


def _packer(name: str, samples: int) -> Packer:
    if name.startswith(WEIGHTS):
        return LearnedPacker(name.removeprefix(WEIGHTS), samples)
    if PACKERS.get(name) is LearnedPacker:
        return LearnedPacker(samples=samples)
    if name.startswith(FILES):
        return PackedFiles(Path(name.removeprefix(FILES)))
    if name not in PACKERS:
        close = difflib.get_close_matches(name, PACKERS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"no packer is called {name!r}: {hint}there are {', '.join(PACKERS)}, {WEIGHTS}FILE, {FILES}DIR"
        )
    return PACKERS[name]()

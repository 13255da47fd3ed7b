"""Makes a store of frames, shard by shard: what is there is kept; seed and number alone decide a shard."""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from protein_enn.data.frame_format import set_of, shard_name
from protein_enn.data.frames import Frame, FrameStore, write_manifest, write_shard
from protein_enn.data.jobs import in_order
from protein_enn.quantum.chains import FRAMES, chain
from protein_enn.quantum.conformations import conformer
from protein_enn.quantum.libraries import openmm
from protein_enn.quantum.molecules import build, sequences
from protein_enn.quantum.xtb import program

CONFORMATIONS = 50
"""Of a shard: some 500 frames."""
RECIPE = 1
"""Changes when the same seed gives other frames."""
HELD_OUT_FRACTION = 0.25
"""How often a dipeptide of a held-out residue type comes, compared with the other dipeptides."""


@dataclass(frozen=True)
class Origin:
    """How a shard is made; it is kept in the file."""

    recipe: int
    seed: int
    tblite: str
    openmm: str
    first: int  # its first conformation
    conformations: int


@dataclass(frozen=True)
class MoleculeSummary:
    """The frames of a molecule."""

    molecule: str
    set: str
    atoms: int
    frames: int
    largest_force: float | None  # eV/Å; None without frames
    dropped: int


@dataclass(frozen=True)
class Summary:
    """A store that was made."""

    store: FrameStore
    new: int  # shards that were made, of which others may have been there
    molecules: list[MoleculeSummary]
    dropped: dict[str, int]  # frames, by reason


def make_frames(
    out: str | Path,
    frames: int = 30_000,
    *,
    seed: int = 0,
    processes: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Summary:
    """Make a store of energies and forces of GFN2-xTB for capped amino acids and dipeptides.

    Shards that are in the folder are kept, so a run that was stopped goes on, and the result is the same to the byte.

    Parameters
    ----------
    out
        Folder of the store.
    frames
        How many, rounded up to ten for each start conformation; there are somewhat fewer, as some are dropped.
    seed
        Of all draws.
    processes
        That work at the same time, with a thread each.
    progress
        Called with how many frames are done, and their number.

    Returns
    -------
    Summary
        The store and what it consists of.

    Raises
    ------
    ValueError
        Less than one frame, or shards in the folder that were made with another seed or other versions.
    ModuleNotFoundError
        tblite or OpenMM is not installed.
    """
    if frames < 1:
        raise ValueError(f"frames={frames}: at least one is needed")
    out, count = Path(out), -(-frames // FRAMES)
    versions = program().split()[1], str(openmm().version.short_version)
    origins = [
        Origin(RECIPE, seed, *versions, first, min(CONFORMATIONS, count - first))
        for first in range(0, count, CONFORMATIONS)
    ]
    missing = [number for number, origin in enumerate(origins) if not _is_there(out / shard_name(number), origin)]
    done = (count - sum(origins[number].conformations for number in missing)) * FRAMES
    progress(done, count * FRAMES)
    if missing:
        (out / "manifest.json").unlink(missing_ok=True)  # of fewer frames, whose last shard may be replaced
    for number in _each(partial(_make, out, origins), missing, processes):
        done += origins[number].conformations * FRAMES
        progress(done, count * FRAMES)
    kinds = list(dict.fromkeys(plan(seed, count)))
    write_manifest(out, [build(kind).molecule for kind in kinds], len(origins), seed=seed, program=program())
    return _summary(FrameStore(out), len(missing), [_dropped(out / shard_name(i)) for i in range(len(origins))])


def plan(seed: int, count: int) -> list[tuple[str, ...]]:
    """The residue types of each start conformation; a longer plan begins as a shorter one.

    Capped amino acids and dipeptides take turns. Each comes once before one comes again, but the dipeptides of held-out
    residue types come less often.

    Examples
    --------
    >>> [len(residues) for residues in plan(0, 4)]
    [1, 2, 1, 2]
    """
    rng = [np.random.default_rng([seed, length]) for length in (1, 2)]
    rounds = [_rounds([kind for kind in sequences() if len(kind) == length], rng[length - 1]) for length in (1, 2)]
    return [next(rounds[i % 2]) for i in range(count)]


def _rounds(kinds: Sequence[tuple[str, ...]], rng: np.random.Generator) -> Iterator[tuple[str, ...]]:
    """The molecules again and again, in an order that is drawn each time."""
    while True:
        for i in rng.permutation(len(kinds)).tolist():
            if len(kinds[i]) == 1 or set_of(kinds[i]) == "train" or rng.random() < HELD_OUT_FRACTION:
                yield kinds[i]


def _each(work: Callable[[int], int], numbers: Sequence[int], processes: int) -> Iterator[int]:
    """`work` of each number, in several processes if there are to be."""
    if processes == 1 or len(numbers) < 2:
        yield from map(work, numbers)
        return
    context = multiprocessing.get_context("spawn")  # a copy of a process that has computed with torch may hang
    pool = ProcessPoolExecutor(min(processes, len(numbers)), context, torch.set_num_threads, (1,))
    try:
        yield from in_order(pool, work, numbers)
    finally:
        pool.shutdown(cancel_futures=True)


def _make(out: Path, origins: Sequence[Origin], number: int) -> int:
    """Make a shard; its number."""
    origin = origins[number]
    kinds = plan(origin.seed, origin.first + origin.conformations)
    index = {kind: i for i, kind in enumerate(dict.fromkeys(kinds))}
    frames: list[Frame] = []
    dropped: dict[int, Counter[str]] = {}
    for conformation in range(origin.first, origin.first + origin.conformations):
        kind = kinds[conformation]
        made, missing = chain(conformer(kind), index[kind], conformation, origin.seed)
        frames += made
        dropped.setdefault(index[kind], Counter()).update(missing)
    counts = {str(molecule): dict(sorted(missing.items())) for molecule, missing in sorted(dropped.items()) if missing}
    write_shard(out, number, frames, json.dumps({**asdict(origin), "dropped": counts}))
    return number


def _is_there(path: Path, origin: Origin) -> bool:
    """Whether a shard is there and was made so; ValueError where it was made otherwise."""
    if not path.is_file():
        return False
    found = _origin(path)
    for name, value in asdict(origin).items():
        if name != "conformations" and found.get(name) != value:
            raise ValueError(
                f"{path}: made with {name} {found.get(name)}, not {value}: choose another folder, or delete its shards"
            )
    return bool(found.get("conformations") == origin.conformations)


def _origin(path: Path) -> dict[str, Any]:
    """What a shard says of how it was made; {} where it says nothing."""
    try:
        with safe_open(str(path), framework="numpy") as shard:
            return dict(json.loads((shard.metadata() or {}).get("origin") or "{}"))
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path}: no shard of frames ({error}): delete it, and it is made again") from error


def _dropped(path: Path) -> dict[int, dict[str, int]]:
    """The frames that were dropped from a shard, by molecule and reason."""
    return {int(molecule): counts for molecule, counts in _origin(path)["dropped"].items()}


def _summary(store: FrameStore, new: int, dropped: Sequence[dict[int, dict[str, int]]]) -> Summary:
    """What a store consists of."""
    by_reason, by_molecule = Counter[str](), Counter[int]()
    for shard in dropped:
        for molecule, counts in shard.items():
            by_reason.update(counts)
            by_molecule[molecule] += sum(counts.values())
    largest: dict[int, float] = {}
    frames = Counter(store.molecule_of.tolist())
    for frame in store:
        force = float(frame.forces.norm(dim=1).max())
        largest[frame.molecule] = max(force, largest.get(frame.molecule, 0.0))
    rows = [
        MoleculeSummary(m.name, m.set, len(m.elements), frames[i], largest.get(i), by_molecule[i])
        for i, m in enumerate(store.molecules)
    ]
    return Summary(store, new, rows, dict(sorted(by_reason.items())))

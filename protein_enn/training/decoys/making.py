"""From a table of models with natives and a store of natives to a store of decoys with their quality."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.confidence.descriptors import Assessors, describe
from protein_enn.data.batches import seeded_generator
from protein_enn.data.chain import Chain
from protein_enn.data.jobs import in_order
from protein_enn.data.quality import ERROR, LDDT, Quality, write_quality
from protein_enn.data.store import Record, Store, write_store
from protein_enn.io import read_structure
from protein_enn.io.atomic import write_text
from protein_enn.metrics import lddt, match_residues
from protein_enn.metrics.frame_error import frame_aligned_error
from protein_enn.metrics.lddt import best_naming
from protein_enn.models.confidence import DESCRIPTORS
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.structure import Structure
from protein_enn.training.decoys.plan import DecoyJob, plan
from protein_enn.training.decoys.rebuilding import Atoms
from protein_enn.training.decoys.recipes import decoy

LEAST_MATCH = 20
"""Residues that a model and its native must have in common."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Made:
    """A decoy with its quality, or why there is none."""

    chain: Chain
    quality: Float[Tensor, "n q"]
    how: str


def make_decoys(
    data: str | Path,
    natives: str | Path,
    out: str | Path,
    *,
    made: int = 2000,
    limit: int | None = None,
    processes: int = 1,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
) -> Quality:
    """Makes a store of real and made models with the quality of their residues, to train a confidence on.

    A tenth of the clusters of natives, drawn by the seed, is for validation. A native has five real models at most.

    Parameters
    ----------
    data
        Folder with `decoys.tsv`, whose rows of split `train` are the real models.
    natives
        Store that `protein-enn prepare` made.
    out
        Folder of the new store.
    made
        Models to make of natives.
    limit
        Take this many real models at most; all by default.
    processes
        That work at the same time, with a thread each.
    seed
        Of all draws.
    progress
        Called with how many models are done, and their number.

    Returns
    -------
    Quality
        Of the store that was written. Its folder has a `decoys.tsv` too: the real models with the split that they are
        in here, for `evaluate`.

    Raises
    ------
    ValueError
        There are no models, or none could be used.
    """
    jobs = plan(Path(data), Store(natives), made=made, limit=limit, seed=seed)
    values: list[Tensor] = []
    failed: list[str] = []
    with (
        ProcessPoolExecutor(processes, initializer=torch.set_num_threads, initargs=(1,))
        if processes > 1
        else (nullcontext()) as pool
    ):
        results = map(work, jobs) if pool is None else in_order(pool, work, jobs)

        def chains() -> Iterator[tuple[Chain, Record]]:
            for number, (job, result) in enumerate(zip(jobs, results, strict=True), 1):
                progress(number, len(jobs))
                if isinstance(result, str):
                    failed.append(f"{job.name}: {result}")
                    continue
                values.append(result.quality)
                chain = result.chain
                yield chain, Record(chain.name, len(chain), job.cluster, job.split, job.kind, audit=result.how)

        provenance = {"source": "decoys", "inputs": len(jobs), "seed": seed, "failed": failed[:200]}
        store = write_store(Path(out), chains(), provenance)
    if not len(store):
        raise ValueError(f"no model could be used: {'; '.join(failed[:3])}")
    _write_table(Path(out), jobs, store)
    return write_quality(store, (LDDT, ERROR, *DESCRIPTORS), values)


def _write_table(out: Path, jobs: Sequence[DecoyJob], store: Store) -> None:
    """`decoys.tsv` of the real models with the split they are in here, for `evaluate --data`; paths from the store."""
    kept = {record.audit for record in store.records if record.kind == "pair"}
    lines = ["split\tmodel\tmodel_chain\tnative\tnative_chain\tsource"]
    for job in jobs:
        if job.kind == "pair" and job.origin in kept:
            model, native = (Path(os.path.relpath(file, out)).as_posix() for file in (job.model, job.file))
            lines.append("\t".join([job.split, model, job.model_chain, native, job.chain, "decoys"]))
    write_text(out / "decoys.tsv", "\n".join(lines) + "\n")


def work(job: DecoyJob) -> Made | str:
    """The decoy of a job, or why there is none."""
    try:
        return _real(job) if job.kind == "pair" else _made(job)
    except (ValueError, OSError, RuntimeError) as error:
        return str(error)


def _real(job: DecoyJob) -> Made:
    model, native = (
        structure.take(structure.in_chain(chain))
        for structure, chain in ((read_structure(job.model), job.model_chain), (read_structure(job.file), job.chain))
    )
    model = model.take(model.present[:, chemistry.CA])
    mine, theirs = match_residues(model, native, None, None)
    if len(mine) < LEAST_MATCH:
        raise ValueError(f"only {len(mine)} residues match the native")
    return _measured(model, native, (mine, theirs), job.origin)


def _made(job: DecoyJob) -> Made:
    store, generator = _store(job.file), seeded_generator("decoy", job.seed, job.number)
    native = _native(store, job.record)
    if job.kind == "native":
        model, how = native, "native"
    else:
        relative = None if job.relative < 0 else _native(store, job.relative)
        model, native, how = decoy(native, relative, _native(store, job.donor), _refiner(), generator)
    rows = torch.arange(len(model))
    return _measured(model, native, (rows, rows), how)


def _measured(model: Structure, native: Structure, match: tuple[Tensor, Tensor], how: str) -> Made:
    """A model with its quality against the native; residues that match none have none."""
    mine, theirs = match
    present = model.present[mine] & native.present[theirs]
    x, y, residues = model.positions[mine], native.positions[theirs], model.residues[mine]
    truth = torch.full((len(model), 2), math.nan)
    truth[mine, 0] = lddt(x, y, present, residues=residues).per_residue
    truth[mine, 1] = frame_aligned_error(best_naming(x, y, present, residues), y, present)
    chain = Chain.of(model)
    return Made(chain, torch.cat([truth, describe(model, _assessors())], 1), how)


def _native(store: Store, record: int) -> Structure:
    """A chain of a store, without its surroundings."""
    chain = store[record].alone()
    return Atoms(chain.atom14, chain.mask, chain.residues, chain.chains - chain.chains.min()).structure(chain.name)


@cache
def _store(folder: str) -> Store:
    return Store(folder, verify=False)


@cache
def _assessors() -> Assessors:
    return Assessors.shipped()


@cache
def _refiner() -> Predictor:
    return load_predictor("refinement", "cpu")


def counts(records: Sequence[Record]) -> dict[str, int]:
    """How many models of each kind there are."""
    result: dict[str, int] = {}
    for record in records:
        result[record.kind] = result.get(record.kind, 0) + 1
    return result

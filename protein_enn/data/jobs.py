"""What a store is made of: chains of files or of a table, models with their natives, and models on relatives."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch

from protein_enn import chemistry
from protein_enn.data.batches import seeded_generator
from protein_enn.data.chain import Chain, observed_atoms
from protein_enn.data.clusters import Clustering, cluster
from protein_enn.data.splits import split_of, splits_of
from protein_enn.data.store import letters
from protein_enn.data.surroundings import with_surroundings
from protein_enn.data.templates import template_model
from protein_enn.io import StructureError, find_structures, read_structure
from protein_enn.metrics import match_residues
from protein_enn.structure import Structure

MIN_RESIDUES = 20
PAIR_VALID_FRACTION = 0.08
_AHEAD = 64
"""Items that are worked on before their results are taken, at most: bounds the memory of a large set."""
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Job:
    """A chain to read, or a model and its native (a template's `model` is the file of the relative)."""

    file: str
    chain: str
    cluster: str
    split: str
    model: str = ""
    model_chain: str = ""
    kind: str = "native"  # of its record: native, pair, template or designed


def in_order(pool: Executor, work: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """The results of `work` in the order of the items, computed in parallel.

    Parameters
    ----------
    pool
        In which the work is done.
    work
        What is done with an item: a function that can be pickled.
    items
        Taken no more than `_AHEAD` before their results are.

    Yields
    ------
    The result of each item.
    """
    pending: deque[Future[_Out]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) >= _AHEAD:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def table_jobs(folder: Path) -> list[Job]:
    """Chains of train and val of `chains.tsv`, and training pairs of `decoys.tsv` where there is one.

    Backbones of `designed.tsv`, where there is one, are for training; their sequences are not native and left out.
    """
    with (folder / "chains.tsv").open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t") if r["split"] in ("train", "val")]
    jobs = [Job(str(folder / r["file"]), r["chain"], r["cluster"], r["split"]) for r in rows]
    if (folder / "decoys.tsv").is_file():
        with (folder / "decoys.tsv").open(newline="", encoding="utf-8") as file:
            for r in csv.DictReader(file, delimiter="\t"):
                if r["split"] == "train":
                    name = f"pair {r['native']}"
                    split = split_of(name, PAIR_VALID_FRACTION, 0)
                    pair = (str(folder / r["model"]), r["model_chain"])
                    jobs.append(Job(str(folder / r["native"]), r["native_chain"], name, split, *pair, "pair"))
    if (folder / "designed.tsv").is_file():
        with (folder / "designed.tsv").open(newline="", encoding="utf-8") as file:
            for r in csv.DictReader(file, delimiter="\t"):
                name = f"designed {r['cluster']}"
                jobs.append(Job(str(folder / r["file"]), r["chain"], name, "train", kind="designed"))
    return jobs


def file_jobs(
    inputs: Sequence[str],
    pool: Executor,
    clustering: Clustering,
    valid_fraction: float,
    seed: int,
    overlaps: Callable[[str], bool] | None = None,
) -> list[Job]:
    """Chains of structure files, clustered and split by cluster.

    Parameters
    ----------
    inputs
        Files and folders.
    pool
        In which files are read.
    clustering
        How chains are clustered.
    valid_fraction
        Of the clusters, for validation.
    seed
        Of the split.
    overlaps
        Whether an earlier training had sequences like this one; their clusters are for training.

    Returns
    -------
    list of Job
        One for each chain of `MIN_RESIDUES` or more, and one for each file that cannot be read.
    """
    chains: list[tuple[str, str, str]] = []  # file, chain, sequence
    jobs = []
    paths = [str(path) for path in find_structures(inputs)]
    for path, sequences in zip(paths, in_order(pool, _sequences, paths), strict=True):
        if sequences is None:
            jobs.append(Job(path, "", "", "train"))  # loading reports why
            continue
        chains += [(path, chain, sequence) for chain, sequence in sequences if len(sequence) >= MIN_RESIDUES]
    clusters = [str(number) for number in cluster([sequence for *_, sequence in chains], clustering)]
    overlap = set[str]()
    if overlaps is not None:
        overlap = {name for (*_, s), name in zip(chains, clusters, strict=True) if overlaps(s)}
    if overlap == set(clusters):  # then some are held out all the same, and the last check notes it
        overlap = set()
    splits = splits_of(clusters, valid_fraction, seed, overlap, at_least_one=overlaps is not None)
    for (path, chain, _), name in zip(chains, clusters, strict=True):
        jobs.append(Job(path, chain, name, splits[name]))
    return jobs


def _sequences(path: str) -> list[tuple[str, str]] | None:
    """Letters of the residues with a CA of each chain of a file, or None if it cannot be read."""
    try:
        structure = read_structure(path)
    except StructureError:
        return None
    chains = ((name, structure.chain(name)) for name in dict.fromkeys(structure.chain_ids))
    return [(name, letters(chain.residues[observed_atoms(chain)[:, chemistry.CA]])) for name, chain in chains]


def template_jobs(jobs: Sequence[Job], count: int, seed: int) -> list[Job]:
    """Up to `count` pairs of a chain and its template for each cluster, drawn from the seed."""
    members: dict[str, list[Job]] = {}
    for job in jobs:
        if job.kind == "native":
            members.setdefault(job.cluster, []).append(job)
    templates = []
    for name, chains in members.items():
        pairs = [(a, b) for a in chains for b in chains if (a.file, a.chain) != (b.file, b.chain)]
        order = torch.randperm(len(pairs), generator=seeded_generator("templates", seed, name))[:count].tolist()
        for native, other in (pairs[i] for i in order):
            own = f"template {name}"
            templates.append(Job(native.file, native.chain, own, native.split, other.file, other.chain, "template"))
    return templates


def load(job: Job) -> tuple[Chain, str] | str:
    """The chain of a job with its audit in short, or why there is none. Runs in a worker process."""
    try:
        whole = read_structure(Path(job.file))
        audits = [whole.audit]
        if not job.model:
            chain = with_surroundings(whole, job.chain) if job.chain else Chain.of(whole)
        else:
            native = _one_chain(whole, job.chain)
            model = _one_chain(read_structure(Path(job.model)), job.model_chain)
            audits.append(model.audit)
            if job.kind == "template":
                model, native = template_model(native, model)
            else:
                rows, model_rows = reversed(match_residues(model, native, None, None))
                model, native = model.take(model_rows), native.take(rows)
            chain = Chain.of(native, model)
        if job.kind == "designed":
            chain = _without_sequence(chain)
    except (StructureError, ValueError) as error:
        return str(error)
    known = int((chain.residues[chain.own] != chemistry.UNKNOWN).sum())
    if job.kind == "designed" and int(chain.own.sum()) >= MIN_RESIDUES:
        known = MIN_RESIDUES
    if known < MIN_RESIDUES:
        return f"only {known} known residues, {MIN_RESIDUES} are needed"
    return chain, "; ".join(f"{audit.severity}: {' '.join(audit.codes)}" for audit in audits if audit.findings)


def _without_sequence(chain: Chain) -> Chain:
    """The backbone alone, of unknown residues: in this chain and its partners."""
    mask = chain.mask & (torch.arange(chemistry.ATOM14_WIDTH) < len(chemistry.BACKBONE))
    residues = torch.full_like(chain.residues, chemistry.UNKNOWN)
    return replace(chain, atom14=chain.atom14 * mask[..., None], mask=mask, residues=residues)


def _one_chain(structure: Structure, chain_id: str) -> Structure:
    return structure.chain(chain_id) if chain_id else structure

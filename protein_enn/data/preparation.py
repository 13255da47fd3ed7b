"""Structure files, or a folder with tables of chains and models, to a store."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from protein_enn import chemistry
from protein_enn.data.batches import seeded
from protein_enn.data.chain import Chain
from protein_enn.data.splits import check_leaks, cluster_by_words, split_of
from protein_enn.data.store import Record, Store, write_store
from protein_enn.data.surroundings import with_surroundings
from protein_enn.data.templates import template_model
from protein_enn.io import StructureError, find_structures, read_structure
from protein_enn.io.atomic import write_text
from protein_enn.metrics import match_residues
from protein_enn.structure import Structure

MIN_RESIDUES = 20
PAIR_VALID_FRACTION = 0.08

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Prepared:
    """A store and what could not go into it."""

    store: Store
    failed: tuple[tuple[str, str], ...]  # file and reason


@dataclass(frozen=True)
class _Job:
    file: str
    chain: str
    cluster: str
    split: str
    model: str = ""
    model_chain: str = ""
    kind: str = "native"  # of its record; for a template `model` is the file of the relative


def prepare(
    inputs: Sequence[str],
    out: str | Path,
    *,
    valid_fraction: float = 0.1,
    templates: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Prepared:
    """Makes a store from structure files, or from one folder that holds `chains.tsv` (and `decoys.tsv`).

    Plain files are split into chains, clustered by shared words and split by cluster; a folder's tables say cluster and
    split. `templates` is how many models of a chain on another of its cluster are made (`data.templates`). Only train
    and val go into the store. A file that cannot be used is listed with its reason and written to `failed.tsv`.
    ValueError if a cluster would stand in two splits or nothing is left.
    """
    out = Path(out)
    folder = Path(inputs[0]) if len(inputs) == 1 else None
    if folder is not None and (folder / "chains.tsv").is_file():
        jobs = _table_jobs(folder)
    else:
        jobs = _file_jobs(inputs, valid_fraction, seed)
    jobs += _template_jobs(jobs, templates, seed)
    failed: list[tuple[str, str]] = []

    def chains() -> Iterator[tuple[Chain, Record]]:
        with ProcessPoolExecutor() as pool:
            for done, (job, result) in enumerate(zip(jobs, pool.map(_load, jobs, chunksize=8), strict=True), start=1):
                if progress is not None:
                    progress(done, len(jobs))
                if isinstance(result, str) and job.kind == "template":
                    continue  # relatives that are too different; nobody asked for just these two
                if isinstance(result, str):
                    failed.append((f"{Path(job.file).name} {job.chain}", result))
                    continue
                chain, audit = result
                yield chain, Record(chain.name, len(chain), job.cluster, job.split, job.kind, audit=audit)

    store = write_store(out, chains(), {"inputs": len(jobs), "source": folder.name if folder else "files"})
    check_leaks(store.records)
    lines = ["\t".join(" ".join(cell.split()) for cell in row) for row in [("file", "reason"), *failed]]
    write_text(out / "failed.tsv", "\n".join(lines) + "\n")
    _write_table(out, jobs, {record.name for record in store.records})
    if not len(store):
        reasons = "; ".join(f"{name}: {why}" for name, why in failed[:3])
        raise ValueError(f"no usable protein chain in {len(jobs)} input(s){': ' + reasons if reasons else ''}")
    return Prepared(store, tuple(failed))


def _table_jobs(folder: Path) -> list[_Job]:
    with (folder / "chains.tsv").open() as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t") if r["split"] in ("train", "val")]
    jobs = [_Job(str(folder / r["file"]), r["chain"], r["cluster"], r["split"]) for r in rows]
    if (folder / "decoys.tsv").is_file():
        with (folder / "decoys.tsv").open() as file:
            for r in csv.DictReader(file, delimiter="\t"):
                if r["split"] == "train":
                    cluster = f"pair {r['native']}"
                    split = split_of(cluster, PAIR_VALID_FRACTION, 0)
                    pair = (str(folder / r["model"]), r["model_chain"])
                    jobs.append(_Job(str(folder / r["native"]), r["native_chain"], cluster, split, *pair, "pair"))
    return jobs


def _template_jobs(jobs: Sequence[_Job], count: int, seed: int) -> list[_Job]:
    """For each cluster up to `count` pairs of a chain and a relative to model it on, drawn from the seed."""
    members: dict[str, list[_Job]] = {}
    for job in jobs:
        if job.kind == "native":
            members.setdefault(job.cluster, []).append(job)
    found = []
    for cluster, chains in members.items():
        pairs = [(a, b) for a in chains for b in chains if (a.file, a.chain) != (b.file, b.chain)]
        order = torch.randperm(len(pairs), generator=seeded("templates", seed, cluster))[:count].tolist()
        for native, other in (pairs[i] for i in order):
            name = f"template {cluster}"
            found.append(_Job(native.file, native.chain, name, native.split, other.file, other.chain, "template"))
    return found


def _file_jobs(inputs: Sequence[str], valid_fraction: float, seed: int) -> list[_Job]:
    found: list[tuple[str, str, str]] = []
    jobs = []
    for path in find_structures(inputs):
        try:
            structure = read_structure(path)
        except StructureError:
            jobs.append(_Job(str(path), "", "", "train"))  # loading reports why
            continue
        for chain_id in dict.fromkeys(structure.chain_ids):
            sequence = structure.chain(chain_id).sequence
            if len(sequence) >= MIN_RESIDUES:
                found.append((str(path), chain_id, sequence))
    clusters = cluster_by_words([sequence for _, _, sequence in found])
    for (path_name, chain_id, _), cluster in zip(found, clusters, strict=True):
        jobs.append(_Job(path_name, chain_id, str(cluster), split_of(str(cluster), valid_fraction, seed)))
    if jobs and all(job.split == "val" for job in jobs):
        jobs = [_Job(job.file, job.chain, job.cluster, "train") for job in jobs]
    return jobs


def _load(job: _Job) -> tuple[Chain, str] | str:
    """The chain of a job with its audit in short, or the reason why there is none. Runs in a worker process."""
    try:
        whole = read_structure(Path(job.file))
        read = [whole.audit]
        if not job.model:
            chain = with_surroundings(whole, job.chain) if job.chain else Chain.of(whole)
        else:
            native = _one_chain(whole, job.chain)
            model = _one_chain(read_structure(Path(job.model)), job.model_chain)
            read.append(model.audit)
            if job.kind == "template":
                model, native = template_model(native, model)
            else:
                rows, model_rows = reversed(match_residues(model, native, None, None))
                model, native = model.take(model_rows), native.take(rows)
            chain = Chain.of(native, model)
    except (StructureError, ValueError) as error:
        return str(error)
    known = int((chain.residues[chain.own] != chemistry.UNKNOWN).sum())
    if known < MIN_RESIDUES:
        return f"only {known} known residues, {MIN_RESIDUES} are needed"
    return chain, "; ".join(f"{audit.severity}: {' '.join(audit.codes)}" for audit in read if audit.findings)


def _one_chain(structure: Structure, chain_id: str) -> Structure:
    return structure.chain(chain_id) if chain_id else structure


def _write_table(out: Path, jobs: Sequence[_Job], kept: set[str]) -> None:
    """`chains.tsv` of what went in, so that `evaluate --data` can find the original files again."""
    lines = ["file\tchain\tcluster\tsplit\tset"]
    lines += [f"{Path(j.file).resolve()}\t{j.chain}\t{j.cluster}\t{j.split}\t{j.split}" for j in jobs if not j.model]
    write_text(out / "chains.tsv", "\n".join(lines) + "\n")

"""From structure files, or a folder with tables of chains and models, to a store: same input, same bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from protein_enn.data.chain import Chain
from protein_enn.data.clusters import IDENTITY, Clustering, choose
from protein_enn.data.jobs import Job, file_jobs, in_order, load, table_jobs, template_jobs
from protein_enn.data.splits import check_leaks, moved_to_train, related_across
from protein_enn.data.store import Record, Store, write_store
from protein_enn.io.atomic import write_text

LEAKS = ("stop", "move", "report")
"""What is done about a chain of validation that is related to one of training: it is an error, its cluster moves to
training, or it stays, with a note."""
Progress = Callable[[int, int], None]


class NothingUsableError(ValueError):
    """No input could go into a store; `failed_paths` has the reason for each."""

    def __init__(self, message: str, failed_paths: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.failed_paths = failed_paths


@dataclass(frozen=True)
class Prepared:
    """A store, the inputs that could not go into it, and notes on its splits."""

    store: Store
    failed: tuple[tuple[str, str], ...]  # file name with chain, and reason
    failed_paths: tuple[tuple[str, str], ...]  # the same by path
    notes: tuple[str, ...]


def prepare(
    inputs: Sequence[str],
    out: str | Path,
    *,
    valid_fraction: float = 0.1,
    templates: int = 0,
    seed: int = 0,
    cluster: str = "auto",
    identity: float = IDENTITY,
    leaks: str = "stop",
    overlaps: Callable[[str], bool] | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Makes a store from structure files, or from one folder that holds `chains.tsv` (and `decoys.tsv`).

    Plain files are split into chains, which are clustered (`data.clusters`) and split by cluster. A folder's tables
    state cluster and split; only train and val go into the store. Training and validation are then searched for related
    chains that share no cluster: the clusters of plain files move to train, for a table `leaks` decides.

    Parameters
    ----------
    inputs
        Files and folders, or one folder with tables.
    out
        Folder of the store. `failed.tsv` in it lists files that could not be used, with the reason.
    valid_fraction
        Of the clusters, for validation.
    templates
        Models to make for each cluster of a chain on a relative (`data.templates`).
    seed
        Of all draws.
    cluster
        Method: auto, mmseqs or words.
    identity
        From which chains are related, 0 to 1.
    leaks
        One of `LEAKS`.
    overlaps
        Whether an earlier training had sequences like this one: such chains of validation move to train with their
        clusters.
    processes
        How many read the files, with a thread each. By default one for each CPU.
    progress
        Called with how many inputs are done, and their number.

    Returns
    -------
    Prepared
        The store, and what could not go into it.

    Raises
    ------
    ValueError
        A cluster would stand in two splits, related chains do, or the clustering method is not available.
    NothingUsableError
        No chain is left.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     len(prepare(["examples/1bhl.pdb"], folder, cluster="words").store)
    1
    """
    if leaks not in LEAKS:
        raise ValueError(f"leaks is {leaks!r}: choose one of {', '.join(LEAKS)}")
    out = Path(out)
    folder = Path(inputs[0]) if len(inputs) == 1 else None
    has_table = folder is not None and (folder / "chains.tsv").is_file()
    clustering = Clustering("table", identity=identity) if has_table else choose(cluster, identity)
    reader = _Reader(progress)
    # One thread in each worker: those of OpenMP do not survive a fork, and a worker that counts on them waits for ever.
    with ProcessPoolExecutor(processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        if has_table and folder is not None:
            jobs = table_jobs(folder)
        else:
            jobs = file_jobs(inputs, pool, clustering, valid_fraction, seed, overlaps)
        jobs += template_jobs(jobs, templates, seed)
        provenance: dict[str, Any] = {"inputs": len(jobs), "source": "table" if has_table else "files", "seed": seed}
        provenance |= {"clustering": clustering.to_dict(), "valid_fraction": valid_fraction}
        check = _SplitCheck(clustering, leaks if has_table else "move", overlaps)
        store = write_store(out, reader.chains(pool, jobs), provenance, check)
    lines = ["\t".join(" ".join(cell.split()) for cell in row) for row in [("file", "reason"), *reader.failed]]
    write_text(out / "failed.tsv", "\n".join(lines) + "\n")
    _write_table(out, reader.kept, store.records)
    if not len(store):
        reasons = "; ".join(f"{name}: {why}" for name, why in reader.failed[:3])
        message = f"no usable protein chain in {len(jobs)} input(s){': ' + reasons if reasons else ''}"
        raise NothingUsableError(message, tuple(reader.failed_paths))
    return Prepared(store, tuple(reader.failed), tuple(reader.failed_paths), (str(clustering), *check.notes))


class _Reader:
    """Reads jobs one after the other; keeps which failed and which did not."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.failed: list[tuple[str, str]] = []
        self.failed_paths: list[tuple[str, str]] = []
        self.kept: list[Job] = []

    def chains(self, pool: ProcessPoolExecutor, jobs: Sequence[Job]) -> Iterator[tuple[Chain, Record]]:
        for done, (job, result) in enumerate(zip(jobs, in_order(pool, load, jobs), strict=True), start=1):
            if self.progress is not None:
                self.progress(done, len(jobs))
            if isinstance(result, str):
                if job.kind != "template":  # relatives that are too different: they were drawn, not asked for
                    self.failed.append((f"{Path(job.file).name} {job.chain}", result))
                    self.failed_paths.append((job.file, f"chain {job.chain}: {result}" if job.chain else result))
                continue
            chain, audit = result
            self.kept.append(job)
            yield chain, Record(chain.name, len(chain), job.cluster, job.split, job.kind, audit=audit)


class _SplitCheck:
    """The check of the splits, when all sequences are known."""

    def __init__(self, clustering: Clustering, leaks: str, overlaps: Callable[[str], bool] | None) -> None:
        self.clustering, self.leaks, self.overlaps = clustering, leaks, overlaps
        self.notes: list[str] = []

    def __call__(self, records: list[Record], sequences: list[str]) -> tuple[list[Record], dict[str, Any]]:
        check_leaks(records)
        facts: dict[str, Any] = {}
        if self.overlaps is not None:
            records = self._move_overlap(records, sequences, self.overlaps, facts)
        facts["leaks"], leaked = 0, set[int]()
        while pairs := list(related_across(records, sequences, self.clustering)):
            self._stop_or_note(records, pairs)
            leaked |= {held for _, held, _ in pairs}
            facts["leaks"] = len(leaked)
            if self.leaks == "report":
                break
            records = moved_to_train(records, {records[held].cluster for _, held, _ in pairs})
        return records, facts

    def _move_overlap(
        self, records: list[Record], sequences: list[str], overlaps: Callable[[str], bool], facts: dict[str, Any]
    ) -> list[Record]:
        """Chains of validation that overlap with an earlier training go to train, unless none would be left."""
        held = [(r, s) for r, s in zip(records, sequences, strict=True) if r.kind == "native" and r.split == "val"]
        overlap = [record for record, sequence in held if overlaps(sequence)]
        if not overlap:
            return records
        clusters = {record.cluster for record in overlap}
        some = ", ".join(record.name for record in overlap[:5]) + (", ..." if len(overlap) > 5 else "")
        what = f"{len(overlap)} chains of validation resemble chains of an earlier training ({some})"
        if clusters >= {record.cluster for record, _ in held}:
            facts["held_out_seen"] = len(overlap)
            self.notes.append(f"{what}, and nothing else could be held out: their metric is not independent of it")
            return records
        facts["seen"] = len(overlap)
        self.notes.append(f"{what}: moved to training")
        return moved_to_train(records, clusters)

    def _stop_or_note(self, records: list[Record], pairs: Sequence[tuple[int, int, Any]]) -> None:
        one, other, alignment = max(pairs, key=lambda pair: pair[2].identity)
        what = (
            f"{records[other].name} (val, cluster {records[other].cluster}) and {records[one].name} (train, cluster "
            f"{records[one].cluster}) are {alignment.identity:.0%} identical over {alignment.coverage:.0%} of the "
            "shorter"
        )
        count = len({held for _, held, _ in pairs})
        if self.leaks == "stop":
            raise ValueError(
                f"{count} chains of validation are related to training: {what}. Repair the table, or move such "
                "clusters to training (--leaks move), or keep them with a note (--leaks report)"
            )
        end = "moved to training" if self.leaks == "move" else "left there: validation is not independent"
        self.notes.append(f"{count} chains of validation related to training, {end}: {what}")


def _write_table(out: Path, jobs: Sequence[Job], records: Sequence[Record]) -> None:
    """`chains.tsv` of the chains of the store, so that `evaluate --data` can find the original files again.

    A relative path of a file becomes relative to the store: both can move together.
    """
    lines = ["file\tchain\tcluster\tsplit\tset"]
    for job, record in zip(jobs, records, strict=True):
        if not job.model:
            file = job.file if os.path.isabs(job.file) else Path(os.path.relpath(job.file, out)).as_posix()
            lines.append(f"{file}\t{job.chain}\t{job.cluster}\t{record.split}\t{record.split}")
    write_text(out / "chains.tsv", "\n".join(lines) + "\n")

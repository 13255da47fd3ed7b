"""Binding heads on a frozen design model, by folds of whole clusters of complexes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from protein_enn.data.clusters import choose, cluster
from protein_enn.training.binding_sites import Affinities, MeasuredComplex, measured_complexes, pair_tables
from protein_enn.training.heads import HeadsData, TrainedHeads, base_of_heads, train_heads
from protein_enn.training.stability import StabilityExperiment


def finetune_binding(
    experiment: StabilityExperiment,
    table: Affinities,
    folder: Path,
    out: str | Path,
    *,
    base: str = "design",
    cluster_by: str = "auto",
    identity: float = 0.3,
    seed: int = 0,
    log: Callable[[str], None] = print,
) -> TrainedHeads:
    """Leaves `out`/best.safetensors, the base with its heads, best.json and the fingerprint.

    Parameters
    ----------
    experiment
        Settings of the training, with the target "binding".
    table
        Mutants of complexes, with ddG of binding (kcal/mol), positive for weaker binding.
    folder
        That the files of the table are relative to.
    out
        Folder of the result.
    base
        Weights of a design model, by shipped name or path; they stay as they are.
    cluster_by, identity
        How chains are clustered (`data.clusters`). Complexes that have chains of one cluster are in one fold.
    seed
        Of all draws.
    log
        Called with a line for each step.

    Returns
    -------
    TrainedHeads
        Held-out metrics; `proteins` are complexes.

    Raises
    ------
    ValueError
        The base is of another task, partners are not named, nothing can be scored, there are fewer clusters than folds,
        or the experiment has melting points.
    """
    started = time.process_time()
    if experiment.melting:
        raise ValueError("binding has no melting points: leave `melting` out of the experiment")
    if any(len(partners) < 2 for rows in table.values() for _, partners, _ in rows):
        raise ValueError("a table of affinities names both partners of each complex: columns receptor and ligand")
    predictor = base_of_heads(base)
    complexes, skipped, notes = list[MeasuredComplex](), 0, list[str]()
    for number, (file, rows) in enumerate(table.items(), 1):
        try:
            found, left = measured_complexes(folder, file, rows, experiment.largest_ddg, predictor)
        except (ValueError, OSError) as error:
            notes.append(f"not used: {file}: {error}")
            skipped += len(rows)
            continue
        complexes, skipped = [*complexes, *found], skipped + left
        if number % 50 == 0:
            log(f"{number} of {len(table)} structures read")
    if not complexes:
        raise ValueError("no mutation of a residue that is there; check files, chains and numbering")
    clustering = choose(cluster_by, identity)
    sequences = [one.sequences for one in complexes]
    of_chain = cluster([sequence for chains in sequences for sequence in chains], clustering)
    clusters = linked(sequences, of_chain)
    rows_read, distinct = sum(map(len, table.values())), sum(one.count for one in complexes)
    notes.append(f"{rows_read} rows, {distinct} different mutants that can be scored; repeated ones by their median")
    notes.append(
        f"{clustering}, linked by complexes: {len(set(clusters))} of {len(complexes)} complexes, in "
        f"{experiment.folds} folds"
    )
    data = HeadsData(complexes, clusters, sequences, pair_tables, skipped, notes, started)
    return train_heads(experiment, data, predictor, base, Path(out), seed, log)


def linked(sequences: Sequence[Sequence[str]], of_chain: Sequence[int]) -> list[int]:
    """The cluster of each complex: those that have a chain of the same cluster are together, directly or by others.

    Examples
    --------
    >>> linked([("A", "B"), ("C",), ("D", "E")], [0, 1, 2, 1, 3])
    [0, 1, 0]
    """
    parent = list(range(len(sequences)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    first: dict[int, int] = {}
    chains = iter(of_chain)
    for i, own in enumerate(sequences):
        for _ in own:
            parent[root(i)] = root(first.setdefault(next(chains), i))
    order: dict[int, int] = {}
    return [order.setdefault(root(i), len(order)) for i in range(len(sequences))]

"""Measured mutations for stability heads: tables merged, and what the frozen model says of each site, computed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.batches import seeded_generator
from protein_enn.io import read_structure
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.sites import site_features
from protein_enn.structure.substitutions import Substitution, places

Rows = Mapping[str, Sequence[tuple[Sequence[Substitution], float]]]
"""Of each structure file its mutants and a measurement, positive where they destabilize."""
Merged = dict[str, dict[Substitution, float]]
"""Of each structure file its single mutations, and one value, positive where they stabilize."""
UNMEASURED = 64
"""Residues of a structure that are taken besides those measured, at random, for what is known of any mutation."""
REPEAT = 1.0
"""Difference between measurements of one mutation that is counted, in units of an output."""


@dataclass
class MergeCounts:
    """What merging left out or changed."""

    rows: int = 0
    several: int = 0  # mutations at once: no single mutation
    same: int = 0  # a value that an earlier table has for this mutation
    repeated: int = 0  # mutations with several values, of which the median is taken
    apart: int = 0  # of those, with values more than `REPEAT` apart
    clipped: int = 0  # medians beyond the limit


def merged(tables: Iterable[Rows], limit: float, unit: float = 1.0) -> tuple[Merged, MergeCounts]:
    """One value for each single mutation: the median of its measurements, within a limit.

    Parameters
    ----------
    tables
        A value of a later table that an earlier one has for the same mutation is the same measurement.
    limit
        Largest absolute value, in the units of the result.
    unit
        The result is in multiples of it.

    Returns
    -------
    tuple[Merged, MergeCounts]
        The values, of the other sign: positive where the mutation stabilizes.
    """
    found: dict[str, dict[Substitution, list[float]]] = defaultdict(lambda: defaultdict(list))
    counts = MergeCounts()
    for table in tables:
        earlier = {(file, change): list(values) for file, rows in found.items() for change, values in rows.items()}
        for file, rows in table.items():
            for mutant, value in rows:
                counts.rows += 1
                if len(mutant) != 1:
                    counts.several += 1
                elif value / unit in earlier.get((file, mutant[0]), ()):
                    counts.same += 1
                else:
                    found[file][mutant[0]].append(value / unit)
    result: Merged = {}
    for file, mutations in found.items():
        result[file] = {}
        for change, values in mutations.items():
            counts.repeated += len(values) > 1
            counts.apart += max(values) - min(values) > REPEAT
            value = -median(values)
            counts.clipped += abs(value) > limit
            result[file][change] = min(max(value, -limit), limit)
    return result, counts


@dataclass(frozen=True, eq=False)
class Measurements:
    """m measured mutations of the sites of one protein."""

    site: Int[Tensor, "m"]  # row of the sites
    wild_type: Int[Tensor, "m"]
    mutant: Int[Tensor, "m"]
    value: Float[Tensor, "m"]  # in units of an output, positive where the mutation stabilizes


@dataclass(frozen=True, eq=False)
class MeasuredSites:
    """The r residues of a protein that are mutated in a measurement, and some others, as a frozen model has them."""

    file: str
    sequence: str  # of the chain
    nodes: Float[Tensor, "r d"]
    sites: Float[Tensor, "r s"]
    terms: Float[Tensor, "r 20 t"]
    native: Int[Tensor, "r"]  # their amino acids
    measured: tuple[Measurements, ...]  # by output

    @property
    def count(self) -> int:
        """Measurements of ddG."""
        return len(self.measured[0].value)


def measured_sites(
    folder: Path, file: str, tables: Sequence[Mapping[Substitution, float]], predictor: Predictor
) -> tuple[MeasuredSites | None, int]:
    """The mutated sites of a structure, and how many mutations are of no residue that can be scored.

    ValueError or OSError where the structure cannot be read.
    """
    structure = read_structure(folder / file)
    usable: list[list[tuple[int, int, float]]] = []
    skipped = 0
    for table in tables:
        usable.append([])
        for change, value in table.items():
            try:
                (row,) = places(structure, [change])
            except ValueError:
                skipped += 1
                continue
            usable[-1].append((row, chemistry.AMINO_ACIDS.index(change.mutant), value))
    mutated = {row for table in usable for row, _, _ in table}
    if not mutated:
        return None, skipped
    with torch.inference_mode():
        backbone = Backbone(structure, predictor)
        terms = backbone.conditionals.terms.cpu()
    others = backbone.rows[backbone.scored]
    drawn = torch.randperm(len(others), generator=seeded_generator(f"unmeasured {file}"))[:UNMEASURED]
    rows = sorted(mutated | set(others[drawn].tolist()))
    chosen = torch.searchsorted(backbone.rows, torch.tensor(rows))
    place = {row: i for i, row in enumerate(rows)}
    chain = structure.take(structure.chains == structure.chains[min(mutated)])
    return MeasuredSites(
        file,
        chain.sequence,
        backbone.encoding.nodes.cpu()[chosen].clone(),
        site_features(structure)[rows],
        terms[chosen].clone(),
        structure.residues[rows],
        tuple(_measurements(table, place, structure.residues) for table in usable),
    ), skipped


def _measurements(
    table: Sequence[tuple[int, int, float]], place: Mapping[int, int], residues: Int[Tensor, "n"]
) -> Measurements:
    """The measurements of one output."""
    rows, mutants, values = (list(column) for column in zip(*table, strict=True)) if table else ([], [], [])
    return Measurements(
        torch.tensor([place[row] for row in rows], dtype=torch.long),
        residues[torch.tensor(rows, dtype=torch.long)],
        torch.tensor(mutants, dtype=torch.long),
        torch.tensor(values, dtype=torch.float32),
    )

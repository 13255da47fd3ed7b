"""The one table of the metrics of a structure: their columns, names, headings, and how they are averaged.

Tables of cases, summaries and Markdown read `METRICS`; kinds of outliers come from `metrics.outliers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from protein_enn.metrics.outliers import Outlier, Unit, counted_per

StructureMetrics = Mapping[str, float | None]
"""Metrics of one structure by column; None where one is not defined."""
Average = Literal["mean", "per 1,000 residues", "fraction"]


@dataclass(frozen=True)
class Metric:
    """One metric of a structure.

    Attributes
    ----------
    column
        Its key in `StructureMetrics`, and in tables of cases with ``_before`` and ``_after``.
    name
        In summaries of many structures, also with ``_before`` and ``_after``.
    heading
        In Markdown.
    form
        Format of its average, ``"%"`` for per cent.
    average
        Over structures: the mean, or of all structures together the number per 1,000 residues, or the fraction of the
        residues ``evaluated``.
    evaluated
        The column of the number of residues that a fraction is of.
    """

    column: str
    name: str
    heading: str
    form: str
    average: Average = "mean"
    evaluated: str = ""

    def over(self, structures: Sequence[StructureMetrics], residues: int) -> float | None:
        """The average over structures.

        Parameters
        ----------
        structures
            Metrics of each.
        residues
            Of all structures together.

        Returns
        -------
        float or None
            None where it is not defined.

        Examples
        --------
        >>> METRICS[0].over([{"lddt": 0.75}, {"lddt": 1.0}, {"lddt": None}], 300)
        0.875
        """
        if self.average == "mean":
            return mean([metrics[self.column] for metrics in structures])
        count = total(structures, self.column)
        if self.average == "per 1,000 residues":
            return 1000 * count / residues
        evaluated = total(structures, self.evaluated)
        return count / evaluated if evaluated else None


def mean(values: Sequence[float | None]) -> float | None:
    """Of the values that are defined; None where none is."""
    defined = [value for value in values if value is not None]
    return fmean(defined) if defined else None


def total(structures: Sequence[StructureMetrics], column: str) -> float:
    """The sum of a column, where it is defined."""
    return sum((value for metrics in structures if (value := metrics[column]) is not None), 0.0)


def _of_outlier(kind: Outlier) -> Metric:
    """The metric of a kind of outlier."""
    if kind.per == "atoms":
        return Metric(kind.rate, kind.count, f"{kind.heading} per 1,000 atoms", ".2f")
    if kind.per == "evaluated":
        return Metric(kind.count, kind.count, f"{kind.heading}, %", "%", "fraction", kind.evaluated)
    heading = f"{kind.count.replace('_', ' ')} per 1,000 residues"
    return Metric(kind.count, f"{kind.count}_per_1000", heading, ".2f", "per 1,000 residues")


SIMILARITY = (
    Metric("lddt", "lddt", "all-atom lDDT", ".4f"),
    Metric("ca_lddt", "ca_lddt", "CA lDDT", ".4f"),
    Metric("gdt_ha", "gdt_ha", "GDT-HA", ".4f"),
    Metric("chi1", "chi1", "chi1 within 20°, %", "%"),
    Metric("chi2", "chi2", "chi2 within 20°, %", "%"),
    Metric("side_chain_rmsd", "side_chain_rmsd", "side-chain RMSD, Å", ".3f"),
)
"""Of a structure and its native."""
_UNITS: tuple[Unit, ...] = ("atoms", "evaluated", "residues")
OUTLIERS = tuple(_of_outlier(kind) for unit in _UNITS for kind in counted_per(unit))
"""Of a structure alone."""
METRICS = (*SIMILARITY, *OUTLIERS)

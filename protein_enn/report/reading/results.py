"""What a page is made of, in the forms in which commands write it."""

from __future__ import annotations

from dataclasses import dataclass, field

from protein_enn.report.reading.runs import Benchmark, Failure, Run
from protein_enn.report.reading.scans import Scan


@dataclass(frozen=True)
class Results:
    """Everything that was found; what was not is empty."""

    refinements: list[dict] = field(default_factory=list)
    """`Refinement.record()` dicts, those of failures too; `stale` says why one may be of another run."""
    scores: list[dict] = field(default_factory=list)
    """Rows or records of `DesignScore`."""
    metrics: dict[str, dict] = field(default_factory=dict)
    """Flat dicts by name."""
    audits: list[dict] = field(default_factory=list)
    """Rows of `audit -o`."""
    failures: list[Failure] = field(default_factory=list)
    """Files that a command listed as failed."""
    scans: list[Scan] = field(default_factory=list)
    mutants: list[dict] = field(default_factory=list)
    """Rows of `scan --mutant`: mutants that were named."""
    training: list[Run] = field(default_factory=list)
    calibrations: dict[str, dict] = field(default_factory=dict)
    """Files of `evaluate refinement --plot NAME.calibration.json`, by name."""
    provenance: dict[str, dict] = field(default_factory=dict)
    """Contents of provenance files, by name."""
    benchmarks: list[Benchmark] = field(default_factory=list)
    files: int = 0
    """How many files all this is from."""

"""What reading a file found, chose, changed and dropped. It is data only, so that every result can carry it.

The atoms balance: atoms in the file + copies in an assembly = protein atoms + context atoms + atoms dropped for a
stated reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["note", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")
"""A note: no result changes. A warning: results may change. An error: the structure is probably wrong."""
EXAMPLES = 10
"""Most places that a finding names; its count includes all."""


@dataclass(frozen=True)
class Finding:
    """One observation about a file."""

    code: str  # stable, for programs: "hydrogens-dropped"
    severity: Severity
    message: str  # for people, the count included
    count: int = 1  # of the atoms, residues or chains in the message
    places: tuple[str, ...] = ()  # the first EXAMPLES of them, as residue ids "A:52B" or lines


@dataclass(frozen=True)
class Gap:
    """A chain that is not bonded from one of its residues to the next."""

    after: str  # residue id, "A:45"
    before: str
    missing: int | None  # residues left out by the numbering; None where the numbers do not ascend
    distance: float | None  # Å from C to N, else from CA to CA; None when neither pair is present


@dataclass(frozen=True)
class AtomBalance:
    """Atoms of a file, by where they went."""

    in_file: int = 0  # of all models, alternative conformers and hydrogens included
    protein: int = 0
    context: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)  # by reason
    copied: int = 0  # made from those in the file by the operators of an assembly

    @property
    def balanced(self) -> bool:
        """Whether every atom of the file is accounted for."""
        return self.in_file + self.copied == self.protein + self.context + sum(self.dropped.values())


@dataclass(frozen=True)
class Audit:
    """The record of one reading; empty for a structure that was made, not read."""

    file: str = ""
    format: str = ""  # a name in `io.formats.table.FORMATS`: "pdb", "mmcif" or "bcif"
    model: int = 1
    models: int = 1
    assembly: str | None = None  # the biological assembly that was built
    atoms: AtomBalance = AtomBalance()
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def severity(self) -> Severity | None:
        """The severity of the worst finding; None without findings."""
        return max((f.severity for f in self.findings), key=SEVERITIES.index, default=None)

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """Findings of this severity or a worse one."""
        least = SEVERITIES.index(severity)
        return tuple(f for f in self.findings if SEVERITIES.index(f.severity) >= least)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all findings, each once, the worst first."""
        worst_first = sorted(self.findings, key=lambda f: -SEVERITIES.index(f.severity))
        return tuple(dict.fromkeys(f.code for f in worst_first))

    def lines(self) -> tuple[str, ...]:
        """The messages of all findings."""
        return tuple(f.message for f in self.findings)

    def summary(self) -> dict[str, Any]:
        """The columns `audit_severity` and `audit_findings` of a table row."""
        return {"audit_severity": self.severity, "audit_findings": " ".join(self.codes)}

    def to_dict(self) -> dict[str, Any]:
        """The whole record, for JSON."""
        return {
            "file": self.file,
            "format": self.format,
            "model": self.model,
            "models": self.models,
            "assembly": self.assembly,
            "severity": self.severity,
            "atoms": {
                "in_file": self.atoms.in_file,
                "copied": self.atoms.copied,
                "protein": self.atoms.protein,
                "context": self.atoms.context,
                "dropped": dict(self.atoms.dropped),
            },
            "findings": [{**vars(f), "places": list(f.places)} for f in self.findings],
            "gaps": [dict(vars(g)) for g in self.gaps],
        }

"""What was dropped and found between the file and the structure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from protein_enn.structure.audit import Finding, Severity


@dataclass
class Record:
    """Findings so far, atoms dropped by reason, and the ids in the file of chains that were renamed."""

    findings: list[Finding] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    renamed: dict[str, str] = field(default_factory=dict)

    def drop(
        self,
        reason: str,
        code: str,
        message: str,
        count: int,
        severity: Severity = "note",
        places: tuple[str, ...] = (),
    ) -> None:
        """Record `count` dropped atoms; `message` follows their number in the finding."""
        if count:
            self.dropped[reason] += count
            self.findings.append(Finding(code, severity, f"{count} {message}", count, places))

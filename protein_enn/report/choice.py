"""Which structures and designs are shown residue by residue, and where on the page each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protein_enn.report.contents import Contents
from protein_enn.report.html import number, show
from protein_enn.report.records import REFINEMENTS, SCORES, grouped, mean

DESIGN = "design-"
"""How the anchors of designs begin."""


@dataclass(frozen=True)
class Choice:
    """Records that are shown residue by residue."""

    designs: list[dict]
    """All scored designs, the best of each group first."""
    structures: list[dict]
    """Refinements, in the order given."""
    scores: Mapping[str, dict]
    """Scores of these structures, by name, that have the very same residues."""
    anchors: Mapping[int, str]
    """Where on the page the residues of a record are, by the record's `id()`."""


def choose(contents: Contents, details: int) -> Choice:
    """The best `details` structures and designs each."""
    designs = [row for group in grouped(contents[SCORES]).values() for row in group]
    structures = best_structures(contents[REFINEMENTS], designs, details)
    scores = scores_of(structures, designs)
    anchors = {id(record): f"structure-{i}" for i, record in enumerate(structures)}
    for record in structures:
        if (row := scores.get(show(record.get("name")))) is not None:
            anchors[id(row)] = anchors[id(record)]
    with_residues = [row for row in designs if (row.get("per_residue") or {}).get("id")]
    for i, row in enumerate(with_residues[:details]):
        anchors.setdefault(id(row), f"{DESIGN}{i}")
    return Choice(designs, structures, scores, anchors)


def best_structures(refinements: Sequence[dict], designs: Sequence[dict], limit: int) -> list[dict]:
    """Refinements to show residue by residue: those of the best designs, then by confidence; in the order given."""
    ranks: dict[str, int] = {}
    for rank, row in enumerate(designs):
        ranks.setdefault(show(row.get("name")), rank)

    def key(record: dict) -> tuple[int, float]:
        return ranks.get(show(record.get("name")), len(ranks)), -(mean(record, "confidence_after") or 0.0)

    refined = [record for record in refinements if not record.get("error")]
    best = {id(record) for record in sorted(refined, key=key)[:limit]}
    return [record for record in refined if id(record) in best]


def scores_of(structures: Sequence[dict], designs: Sequence[dict]) -> dict[str, dict]:
    """For a refined structure the best score record of its name that has the very same residues."""
    ids = {show(r.get("name")): (r.get("per_residue") or {}).get("id") for r in structures}
    scores: dict[str, dict] = {}
    for row in designs:
        name, rows = show(row.get("name")), row.get("per_residue") or {}
        if rows.get("id") and rows["id"] == ids.get(name) and number(row.get("log_likelihood")) is not None:
            scores.setdefault(name, row)
    return scores

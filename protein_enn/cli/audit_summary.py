"""The audit of a reading as text: laid out in color on a terminal, as plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from protein_enn.io.csv_text import printable

Row = dict[str, Any]
STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan", "refused": "bold red"}
MOST = 12
"""Chains that are named; the rest are counted, and all are in the JSON."""
FEW_GAPS = 5


def show_summaries(rows: Sequence[Row]) -> None:
    """Print what was read of each file, one below the other."""
    console = Console() if sys.stdout.isatty() else None
    for i, row in enumerate(rows):
        title, lines = f"{row['name']}  {row['file']}", list(summary_lines(row))
        if console is None:
            typer.echo(("\n" if i else "") + printable(title))
            for label, text in lines:
                typer.echo(f"  {label:<9} {printable(text)}")
            continue
        grid = Table.grid(padding=(0, 2, 0, 0))
        for label, text in lines:
            grid.add_row(Text(f"  {label}", STYLES.get(label, "dim")), Text(printable(text)))
        console.print(Text(printable(title), "bold"), grid, "", sep="\n")


def summary_lines(row: Row) -> Iterator[tuple[str, str]]:
    """Label and text of every line of a summary."""
    if row["error"]:
        yield "refused", row["error"]
    audit = row.get("audit")
    if not audit:
        return
    atoms = audit["atoms"]
    if "chains" in row:
        kind = "; the B-factor column holds pLDDT" if row["predicted"] else ""
        size = f"{row['residues']} residues in {row['chains']} chain(s)"
        yield "read", f"{row['format']}, model {row['model']} of {row['models']}; {size}{kind}"
        yield "chains", listed([f"{c['chain']} {c['residues']}" for c in row["residues_by_chain"]])
    dropped = sum(atoms["dropped"].values())
    parts = f"{atoms['protein']} protein + {atoms['context']} context + {dropped} dropped"
    copied = f" + {atoms['copied']} copied for assembly {audit['assembly']}" if audit["assembly"] else ""
    yield "atoms", f"{atoms['in_file']} in the file{copied} = {parts}"
    tallies = {"context": row.get("context_atoms"), "dropped": atoms["dropped"], "links": row.get("links")}
    for label, numbers in tallies.items():
        if numbers:
            yield label, ", ".join(f"{number} {name}" for name, number in numbers.items())
    for severity in ("error", "warning", "note"):
        for finding in audit["findings"]:
            if finding["severity"] == severity:
                yield severity, finding_text(finding)
    if not audit["findings"]:
        yield "findings", "none"
    gaps = audit["gaps"]
    for gap in gaps[:FEW_GAPS]:
        yield "gap", gap_text(gap)
    if len(gaps) > FEW_GAPS:
        yield "gap", f"and {len(gaps) - FEW_GAPS} more"
    if "selected" in row:
        chosen = row["selected"]
        yield "selected", f"{len(chosen)} residue(s): {' '.join(ranges(chosen))}" if chosen else "no residue"


def ranges(ids: Sequence[str]) -> list[str]:
    """Ids of consecutive numbers as ranges: A:45 A:46 A:47 A:50 -> A:45-47 A:50."""
    runs: list[list[str]] = []
    previous: tuple[str, int] | None = None
    for text in ids:
        chain, _, number = text.rpartition(":")
        here = (chain, int(number)) if number.lstrip("-").isdigit() else None
        if here is not None and previous == (chain, here[1] - 1):
            runs[-1].append(text)
        else:
            runs.append([text])
        previous = here
    return [run[0] if len(run) == 1 else f"{run[0]}-{run[-1].rpartition(':')[2]}" for run in runs]


def gap_text(gap: Mapping[str, Any]) -> str:
    """`A:45 to A:52: 6 residue(s) missing, 17.2 Å apart`."""
    missing, distance = gap["missing"], gap["distance"]
    what = f"{missing} residue(s) missing" if missing else "not bonded, but no number is missing"
    what = "numbers do not ascend" if missing is None else what
    apart = "" if distance is None else f", {distance:.1f} Å apart"
    return f"{gap['after']} to {gap['before']}: {what}{apart}"


def finding_text(finding: Mapping[str, Any]) -> str:
    """The message, and where that is not in it already, the first places."""
    places = [place for place in finding["places"] if place not in finding["message"]]
    more = ", ..." if finding["count"] > len(finding["places"]) else ""
    return f"{finding['message']} [{', '.join(places)}{more}]" if places else finding["message"]


def listed(texts: Sequence[str]) -> str:
    """The first few, and how many there are besides."""
    rest = f" and {len(texts) - MOST} more" if len(texts) > MOST else ""
    return ", ".join(texts[:MOST]) + rest

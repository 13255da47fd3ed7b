"""What must hold for every input."""

from __future__ import annotations

import json
import math
import sys
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch

from protein_enn.io import StructureError, WriteError, read_structure
from protein_enn.io.write import structure_bytes
from protein_enn.structure import Structure
from tests.fuzz.inputs import GROWTH, Input
from tests.fuzz.tables import Rows, atom_rows

NAME = "fuzzed"
FARTHEST = 1e4
"""Å; no larger coordinate may be accepted."""
LONGEST = 2000
"""Characters of a message."""
MOST_MEMORY = 500.0
"""MiB that reading an input of some kilobytes may add."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of reading, "accepted" or the name of a StructureError; and the problem, if there is one."""

    outcome: str
    problem: str = ""  # a short class of fault, equal for similar failures
    detail: str = ""


class Fault(Exception):
    """A guarantee of the reader or the writer that does not hold for an input."""

    def __init__(self, problem: str, detail: str = "") -> None:
        super().__init__(problem)
        self.problem, self.detail = problem, detail


def check_input(given: Input) -> CheckResult:
    """Read, check all guarantees, and, where the input requires it, write with moved coordinates and read again."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a warning is a foreign exception too
            return CheckResult(_outcome(given))
    except Fault as fault:
        return CheckResult("failed", fault.problem, fault.detail)
    except Exception as error:
        return CheckResult("failed", _place(error), "".join(traceback.format_exception(error))[-3000:])


def _outcome(given: Input) -> str:
    try:
        structure = read_structure(given.data, name=NAME, **given.keywords)
    except StructureError as error:
        check_message(error)
        return type(error).__name__
    check_structure(structure)
    if given.format == GROWTH:
        return "accepted"
    if "assembly" in given.keywords:  # whose atoms are more than the file's
        return "accepted"
    check_rows(structure, atom_rows(given.data, structure.audit.format))
    return check_writing(structure, given) if given.write else "accepted"


def check_message(error: StructureError) -> None:
    """One printable line of bounded length that names the file, and not caused by lack of memory."""
    text = str(error)
    kind = type(error).__name__
    if isinstance(error.__cause__ or error.__context__, MemoryError):
        raise Fault(f"{kind}: lack of memory", text)
    if len(text.splitlines()) != 1 or not text.isprintable():
        raise Fault(f"{kind}: message is not one printable line", repr(text))
    if NAME not in text:
        raise Fault(f"{kind}: message does not name the file", text)
    if len(text) > LONGEST:
        raise Fault(f"{kind}: message of more than {LONGEST} characters", text[:LONGEST])


def check_structure(structure: Structure) -> None:
    """Finite numbers, and an audit that balances, has printable lines, and can be written as JSON."""
    atoms, present, hetero = structure.audit.atoms, structure.present, structure.hetero
    for what, positions in (("protein", structure.positions[present]), ("context", hetero.positions)):
        if not bool((positions.abs() <= FARTHEST).all()):
            raise Fault(f"{what}: coordinate not finite or beyond {FARTHEST:g} Å accepted")
    for what, values in (
        ("B factor", structure.b_factors), ("B factor of context", hetero.b_factors),
        ("occupancy", structure.occupancies), ("occupancy of context", hetero.occupancies),
    ):  # fmt: skip
        if not bool(torch.isfinite(values).all()):
            raise Fault(f"{what} that is not finite accepted")
    if not atoms.balanced or min(atoms.protein, atoms.context, *atoms.dropped.values()) < 0:
        raise Fault("audit: atoms do not balance", str(atoms))
    if (atoms.protein, atoms.context) != (int(present.sum()), len(hetero)):
        raise Fault("audit: not the atoms of the structure", f"{atoms}, {int(present.sum())} + {len(hetero)}")
    for line in structure.audit.lines():
        if not line.isprintable():
            raise Fault("audit: a finding is not one printable line", repr(line))
    json.dumps(structure.audit.to_dict(), allow_nan=False)


def check_rows(structure: Structure, rows: Rows) -> None:
    """Every atom of the file is accounted for, and kept ones have the coordinates of their rows."""
    kind, atoms, source, hetero = structure.audit.format, structure.audit.atoms, structure.source, structure.hetero
    if atoms.in_file != len(rows):
        raise Fault(f"{kind}: atoms lost or invented", f"{atoms.in_file} read, {len(rows)} counted")
    if source is None:
        raise Fault("no source")
    numbers = source.rows[structure.present].tolist() + source.hetero.tolist()
    positions = structure.positions[structure.present].tolist() + hetero.positions.tolist()
    for row, position in zip(numbers, positions, strict=True):
        expected = rows.get(row, (math.nan,) * 3)
        if expected is not None and not all(abs(a - b) < 2e-3 for a, b in zip(expected, position, strict=True)):
            raise Fault(f"{kind}: coordinate not that of its row", f"{row}: {expected} -> {position}")


def check_writing(structure: Structure, given: Input) -> str:
    """Moved by 1 Å, written and read again, it is the same structure at other coordinates.

    Returns "accepted", or "accepted, not written" when the writer refused with a proper message.
    """
    kind, moved = structure.audit.format, structure.moved(torch.eye(3), torch.ones(3))
    into = kind if given.write == "same" else given.write
    way = kind if into == kind else f"{kind} to {into}"
    keywords = given.keywords if into == kind else {}  # a new file holds one model
    try:
        data = structure_bytes(moved, format=into, file=NAME)
    except WriteError as error:
        check_message(error)
        return "accepted, not written"
    try:
        again = read_structure(data, name=NAME, **keywords)
    except StructureError as error:
        raise Fault(f"{way}: what was written cannot be read", str(error)) from error
    for name in ("present", "residues", "numbers", "chains"):
        if not torch.equal(getattr(again, name), getattr(structure, name)):
            raise Fault(f"{way}: {name} changed by writing")
    for name in ("chain_ids", "insertion_codes", "residue_names"):
        if getattr(again, name) != getattr(structure, name):
            raise Fault(f"{way}: {name} changed by writing", f"{getattr(structure, name)} {getattr(again, name)}")
    if len(again.hetero) != len(structure.hetero):
        raise Fault(f"{way}: context atoms changed by writing", f"{len(structure.hetero)} -> {len(again.hetero)}")
    if not torch.allclose(again.positions, moved.positions, atol=3e-3, rtol=0):
        off = float((again.positions - moved.positions).abs().max())
        raise Fault(f"{way}: coordinates changed by writing", f"by up to {off:.4f} Å")
    return "accepted"


def _place(error: Exception) -> str:
    """Type of a foreign exception and the innermost line of the package in its traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "protein_enn" in Path(f.filename).parts]
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def resident(field: str = "VmRSS") -> float:
    """MiB of resident memory of this process, now or (VmHWM) at most since `forget_peak`."""
    if sys.platform != "linux":
        return math.nan
    fields = Path("/proc/self/status").read_text().split(f"{field}:")[1].split()
    return int(fields[0]) / 1024


def forget_peak() -> None:
    """Let the highest memory of this process count from now."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def check_growth(given: Input) -> tuple[CheckResult, float]:
    """As `check_input`, with the MiB that it added at most; above MOST_MEMORY is a problem."""
    forget_peak()
    before = resident()
    check = check_input(given)
    added = resident("VmHWM") - before
    if added > MOST_MEMORY and not check.problem:
        check = CheckResult("failed", "memory", f"{added:.0f} MiB: {', '.join(given.history)}")
    return check, added

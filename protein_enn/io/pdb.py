"""PDB files: fixed columns, read line by line so that coordinates can be put back into the same lines.

Format of wwPDB version 3.3, with hybrid-36 residue numbers (Grosse-Kunstleve et al., cci.lbl.gov/hybrid_36) and chain
ids of two characters (columns 21-22) as gemmi and others write them. gemmi reads the file a second time and must find
as many atoms: it is strict about MODEL records, and two readers seldom err alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import gemmi
import numpy as np
from numpy.typing import NDArray

from protein_enn.io.atoms import AtomTable, parse_floats
from protein_enn.io.components import element_of
from protein_enn.io.errors import EmptyStructureError, FormatError, WriteError

_COLUMNS = {"Cartn_x": (30, 38), "Cartn_y": (38, 46), "Cartn_z": (46, 54), "B_iso_or_equiv": (60, 66)}


@dataclass
class _Scan:
    """What one pass over the lines found."""

    lines: list[bytes] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)  # how often its chain was ended by TER before this atom
    models: int = 0
    after_end: int = 0


def read_atoms(data: bytes, file: str, model: int) -> AtomTable:
    """The atoms of the `model`-th model; StructureError naming the line when the columns cannot be read."""
    scan = _scan(data.split(b"\n"), file, model)
    if not 1 <= model <= max(scan.models, 1):
        raise EmptyStructureError(f"{file}: no model {model}; there are {max(scan.models, 1)}")
    if not scan.rows:
        raise EmptyStructureError(f"{file}: no ATOM or HETATM lines; give a file with coordinates")
    table = _table(scan, file)
    _cross_check(data, file, model, len(table))
    notes = [f"model {model} of {scan.models} was read"] if scan.models > 1 else []
    if scan.after_end:
        notes.append(f"{scan.after_end} atoms after END were not read")
    return AtomTable(**{**vars(table), "notes": (*table.notes, *notes)})


def put(data: bytes, file: str, changes: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]]) -> bytes:
    """The same lines with other numbers in columns 31-54 and 61-66; WriteError for a number too wide."""
    lines = data.split(b"\n")
    for item, (rows, values) in changes.items():
        start, end = _COLUMNS[item]
        for row, value in zip(rows.tolist(), values.tolist(), strict=True):
            text = f"{value:8.3f}" if item != "B_iso_or_equiv" else f"{value:6.2f}"
            if len(text) > end - start:
                raise WriteError(f"{file}: {text.strip()} does not fit the PDB columns of {item}; write mmCIF instead")
            lines[row] = lines[row].ljust(end)[:start] + text.encode() + lines[row][end:]
    return b"\n".join(lines)


def _scan(lines: list[bytes], file: str, wanted: int) -> _Scan:
    scan, ended, in_model = _Scan(), False, False
    segments: dict[bytes, int] = {}
    closed: set[bytes] = set()
    chain = b""
    for i, line in enumerate(lines):
        record = line[:6].upper()
        if record.startswith((b"ATOM", b"HETATM")):
            _check_line(line, record, i, file)
            if ended:
                scan.after_end += 1
            elif max(scan.models, 1) == wanted and (in_model or not scan.models):
                chain = line[20:22]
                if chain in closed:
                    closed.discard(chain)
                    segments[chain] = segments.get(chain, 0) + 1
                scan.lines.append(line)
                scan.rows.append(i)
                scan.parts.append(segments.get(chain, 0))
        elif record.startswith(b"TER") and not line[3:4].isalnum():
            closed.add(chain)
        elif record.rstrip() == b"MODEL" or record == b"MODEL ":
            if in_model:
                raise FormatError(f"{file}, line {i + 1}: MODEL before ENDMDL of the last one; add the ENDMDL line")
            in_model, scan.models, ended = True, scan.models + 1, False
            segments, closed = {}, set()
        elif record == b"ENDMDL":
            in_model = False
        elif record.rstrip() == b"END":
            ended = True
    return scan


def _check_line(line: bytes, record: bytes, i: int, file: str) -> None:
    if record not in (b"ATOM  ", b"HETATM"):
        raise FormatError(f"{file}, line {i + 1}: not in the columns of an ATOM line; realign it, or use mmCIF")
    if b"\t" in line:
        raise FormatError(f"{file}, line {i + 1}: a tab in an atom line; PDB columns need blanks: realign it")
    if len(line) < 54:
        raise FormatError(f"{file}, line {i + 1}: an atom line of {len(line)} characters ends before its coordinates;"
                          " complete or remove it")  # fmt: skip


def _table(scan: _Scan, file: str) -> AtomTable:
    rows = np.array(scan.rows, dtype=np.int64)
    width = 80
    grid = np.array([line.ljust(width)[:width] for line in scan.lines], dtype=f"S{width}").view("S1").reshape(-1, width)

    def field_of(start: int, end: int) -> NDArray:
        return np.ascontiguousarray(grid[:, start:end]).view(f"S{end - start}")[:, 0]

    def text(start: int, end: int, *, strip: bool = True) -> NDArray:
        return np.char.decode(np.char.strip(field_of(start, end)) if strip else field_of(start, end), "latin-1")

    place = "line"
    axes = [parse_floats(field_of(*_COLUMNS[f"Cartn_{a}"]), rows, a, file=file, place=place)[0] for a in "xyz"]
    occupancies, _ = parse_floats(field_of(54, 60), rows, "occupancy", file=file, place=place, null=1.0)
    b_factors, bad = parse_floats(field_of(60, 66), rows, "B factor", file=file, place=place, null=0.0)
    names, residue_names, elements = text(12, 16), text(17, 20), text(76, 78)
    if not np.char.isalpha(elements).all():  # blank, or an atom type or a charge in its place
        wide = text(12, 16, strip=False).tolist()
        given = [e if e.isalpha() and gemmi.Element(e).atomic_number > 0 else "" for e in elements.tolist()]
        pairs = zip(given, wide, residue_names.tolist(), strict=True)
        elements = np.array([e or element_of(f"{a:<4}", r) for e, a, r in pairs])
    chains = text(20, 22)
    parts = np.array(scan.parts)
    suffix = np.where(parts > 0, (parts + 1).astype(str), "")
    numbers = _residue_numbers(text(22, 26), rows, file)
    return AtomTable(
        rows=rows,
        hetero=field_of(0, 1) != b"A",
        names=names,
        elements=elements,
        alternates=text(16, 17),
        residue_names=residue_names,
        chains=chains,
        label_chains=np.char.add(chains, suffix),
        numbers=numbers,
        insertion_codes=text(26, 27),
        label_numbers=numbers,
        positions=np.stack(axes, axis=1),
        occupancies=occupancies,
        b_factors=b_factors,
        place=place,
        notes=(f"{bad} B factors are not given: taken as 0",) if bad else (),
    )


def _residue_numbers(texts: NDArray, rows: NDArray[np.int64], file: str) -> NDArray[np.int64]:
    try:
        return texts.astype(np.int64)
    except ValueError:
        return np.array([_hybrid36(t, int(row), file) for t, row in zip(texts.tolist(), rows, strict=True)])


def _hybrid36(text: str, row: int, file: str) -> int:
    """Decimal up to 9999, then A000 to ZZZZ, then a000 to zzzz, as one ascending count."""
    try:
        if len(text) == 4 and text[0].isalpha() and text.isalnum():
            offset = 10**4 - 10 * 36**3 if text.isupper() else 10**4 + 16 * 36**3
            return int(text, 36) + offset
        return int(text)
    except ValueError:
        shown = f"{text!r} is no residue number" if text else "the residue number is blank"
        raise FormatError(f"{file}, line {row + 1}: {shown} (shifted columns?); realign the line") from None


def _cross_check(data: bytes, file: str, model: int, count: int) -> None:
    # Columns 67-80 held the entry's id and line numbers before format 3; gemmi would take those for a charge.
    lines = [line[:66] if line[:6].upper() in (b"ATOM  ", b"HETATM") else line for line in data.split(b"\n")]
    try:
        structure = gemmi.read_pdb_string(b"\n".join(lines), split_chain_on_ter=False)
        found = structure[model - 1].count_atom_sites() if len(structure) >= model else 0
    except (ValueError, RuntimeError, IndexError) as error:
        raise FormatError(f"{file}: gemmi cannot read this PDB file ({error}); mend that line") from error
    if found != count:
        raise FormatError(
            f"{file}: {count} atom lines, but gemmi finds {found} atoms; the file mixes conventions, write it as mmCIF"
        )

"""PDB files: fixed columns, read from all atom lines at once.

Format of wwPDB version 3.3, with hybrid-36 residue numbers (Grosse-Kunstleve et al., cci.lbl.gov/hybrid_36) and chain
ids of two characters (columns 21-22), as gemmi and others write them. gemmi reads the file a second time and must find
the same number of atoms: two readers seldom make the same error.
"""

from __future__ import annotations

from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

from protein_enn.io.components import elements_of
from protein_enn.io.errors import EmptyStructureError, FormatError
from protein_enn.io.formats.budget import Budget
from protein_enn.io.formats.document import Document, Header
from protein_enn.io.formats.pdb_chains import label_chains
from protein_enn.io.formats.pdb_columns import FixedColumns, cut_lines
from protein_enn.io.formats.pdb_lines import Lines, scan_lines
from protein_enn.io.formats.pdb_names import residues_and_chains
from protein_enn.io.table.atoms import AtomTable, Numbers, coordinates, optional
from protein_enn.io.table.labels import Labels
from protein_enn.io.table.numbers import BAD, NULL, parse_numbers
from protein_enn.structure.audit import Finding


def read(data: bytes, file: str, block: str | None = None, lenient: bool = False, size: int | None = None) -> Document:
    """Parse a file of `size` bytes; FormatError with the line when its columns are not those of PDB."""
    if block is not None:
        raise FormatError(f"{file}: the PDB format has no data blocks; leave out the block {block!r}")
    lines = scan_lines(data, file)
    if not len(lines.atoms):
        raise EmptyStructureError(f"{file}: no ATOM or HETATM lines; give a file with coordinates")
    Budget(len(data) if size is None else size).check_atoms(len(lines.atoms), file)
    parsed = _check_with_gemmi(data, file, lines)
    header = _header(parsed)
    models = max(lines.models, 1)
    sizes = np.bincount(lines.model[lines.model >= 0], minlength=models)
    left_out = {reason: count for reason, count in lines.left_out.items() if count}
    findings = tuple(
        Finding("atoms-left-out", "warning", f"{count} atoms {reason} were not read", count)
        for reason, count in left_out.items()
    )
    return Document(
        tuple(sizes.tolist()),
        lambda model: _table(data, lines, model - 1, file, lenient),
        lambda: header,
        left_out=left_out,
        findings=findings,
        predicted=_declares_plddt(parsed),
    )


def _header(parsed: gemmi.Structure) -> Header:
    names = tuple(assembly.name for assembly in parsed.assemblies)
    entry = dict(parsed.info.items()).get("_entry.id", parsed.name)
    return Header(entry, tuple(parsed.connections), names, lambda name: parsed.assemblies[names.index(name)])


def _declares_plddt(parsed: gemmi.Structure) -> bool:
    """Whether the title is that of an AlphaFold model."""
    return "_struct.title" in parsed.info and parsed.info["_struct.title"].upper().startswith("ALPHAFOLD")


def _table(data: bytes, lines: Lines, model: int, file: str, lenient: bool) -> AtomTable:
    chosen = np.flatnonzero(lines.model == model)
    rows = lines.atoms[chosen]
    columns = cut_lines(data, lines.starts[rows], lines.lengths[rows])
    grid, text = columns.grid, columns.texts
    axes = [columns.numbers(start, start + 8) for start in (30, 38, 46)]
    _refuse_shifted(grid, rows, file)

    def text_of(i: int, axis: int) -> str:
        return columns.text(i, 30 + 8 * axis, 38 + 8 * axis)

    positions, has_position = coordinates(axes, rows, text_of, file=file, place="line", lenient=lenient)
    occupancies, _ = optional(_occupancies(columns, rows, has_position, file), 1.0)
    b_factors, absent = optional(columns.numbers(60, 66), 0.0)
    names = text(12, 16, stripped=False)
    bare_names = names.renamed(str.strip)
    residue_names, chains = text(17, 20), text(21, 22)
    if (grid[:, 20] != 32).any():
        parts = (text(17, 21), residue_names, text(20, 22), chains)
        residue_names, chains = residues_and_chains(*parts, has_segment=~text(72, 76).are(""))
    for what, labels in (("atom name", bare_names), ("residue name", residue_names)):
        if (blank := labels.are("")).any():
            row = int(rows[int(np.argmax(blank))]) + 1
            raise FormatError(f"{file}, line {row}: the {what} is blank; correct or remove this atom")
    insertion_codes = text(26, 27)
    numbers = columns.whole_numbers(22, 26)
    if numbers is None:
        numbers = _residue_numbers(grid[:, 22:26], rows, file)
    wide: Any = insertion_codes.map(str.isdecimal, bool)
    if (
        wide.any() and (wide := ((grid[:, 22:27] >= 48) & (grid[:, 22:27] < 58)).all(axis=1)).any()
    ):  # beyond 9999 many programs use the column of the insertion code too
        numbers[wide] = _residue_numbers(grid[wide, 22:27], rows[wide], file)
        none = len(insertion_codes.values)
        codes = np.where(wide, none, insertion_codes.codes)
        insertion_codes = Labels((*insertion_codes.values, ""), codes).renamed(str)
    table = AtomTable(
        rows=rows,
        hetero=(grid[:, 0] | 32) == ord("h"),
        names=bare_names,
        elements=elements_of(text(76, 78).renamed(str.upper), names, residue_names),
        alternates=text(16, 17),
        residue_names=residue_names,
        chains=chains,
        label_chains=chains,
        numbers=numbers,
        insertion_codes=insertion_codes,
        label_numbers=numbers,
        positions=positions,
        occupancies=occupancies,
        b_factors=b_factors,
        has_position=has_position,
        in_polymer=np.full(len(rows), -1, dtype=np.int8),
        without_b_factor=absent,
    )
    return label_chains(table, lines.chain_ends)


def _refuse_shifted(grid: NDArray[np.uint8], rows: NDArray[np.int64], file: str) -> None:
    """FormatError for a line whose decimal points are all shifted by one or two columns against the other lines."""
    points = np.array([34, 42, 50])
    in_place = (grid[:, 34] == 46) & (grid[:, 42] == 46) & (grid[:, 50] == 46)
    if in_place.all() or 2 * int(in_place.sum()) < len(rows):
        return
    odd = np.flatnonzero(~in_place)
    none = (grid[odd][:, points] != 46).all(axis=1)
    shifted = np.zeros(len(odd), dtype=bool)
    for shift in (-2, -1, 1, 2):
        shifted |= none & (grid[odd][:, points + shift] == 46).all(axis=1)
    if shifted.any():
        row = int(rows[odd[int(np.argmax(shifted))]]) + 1
        raise FormatError(f"{file}, line {row}: its columns are shifted against those of the other atoms; realign it")


def _occupancies(columns: FixedColumns, rows: NDArray[np.int64], has_position: NDArray[np.bool_], file: str) -> Numbers:
    values, states = columns.numbers(54, 60)
    states[~has_position] = NULL
    if (states == BAD).any():
        i = int(np.argmax(states == BAD))
        text = columns.text(i, 54, 60).strip()
        raise FormatError(f"{file}, line {int(rows[i]) + 1}: occupancy is {text!r}, not a number; correct this atom")
    return values, states


def _residue_numbers(cells: NDArray[np.uint8], rows: NDArray[np.int64], file: str) -> NDArray[np.int64]:
    values, states = parse_numbers(cells)
    plain = (cells < 58) & (cells != 46)  # no letters, no points
    if not states.any() and plain.all():
        return values.astype(np.int64)
    texts = Labels.of(np.ascontiguousarray(cells).view("S4")[:, 0])
    numbers = [_hybrid36(text.strip()) for text in texts.values]
    for code, number in enumerate(numbers):
        if number is None:
            text = texts.values[code].strip()
            row = int(rows[int(np.argmax(texts.codes == code))]) + 1
            problem = f"{text!r} is no residue number" if text else "the residue number is blank"
            raise FormatError(f"{file}, line {row}: {problem} (shifted columns?); realign the line")
    return np.array(numbers, dtype=np.int64)[texts.codes]


def _hybrid36(text: str) -> int | None:
    """Decimal up to 9999, then A000 to ZZZZ, then a000 to zzzz, as one ascending count."""
    if not text.isascii():
        return None
    if len(text) == 4 and text[0].isalpha() and text.isalnum() and (text.isupper() or text.islower()):
        return int(text, 36) + (10**4 - 10 * 36**3 if text.isupper() else 10**4 + 16 * 36**3)
    return int(text) if text.removeprefix("-").isdigit() else None


def _check_with_gemmi(data: bytes, file: str, lines: Lines) -> gemmi.Structure:
    """gemmi's reading; FormatError unless it has the same number of atoms in each model."""
    try:
        header = _gemmi(data)
    except (ValueError, RuntimeError, IndexError):
        header = None
    if header is None or not _same_counts(header, lines):
        try:
            header = _gemmi(_simplify(data, lines))
        except (ValueError, RuntimeError, IndexError) as error:
            reason = " ".join(str(error).split())[:200]
            raise FormatError(f"{file}: gemmi cannot read this PDB file ({reason}); correct that line") from error
    if not _same_counts(header, lines):
        total = sum(model.count_atom_sites() for model in header)
        count = int((lines.model >= 0).sum())
        raise FormatError(
            f"{file}: {count} atom lines, but gemmi finds {total} atoms; the file mixes conventions, write it as mmCIF"
        )
    return header


def _gemmi(data: bytes) -> gemmi.Structure:
    if not data.isascii():  # gemmi's text fields must decode
        data = data.decode("latin-1").encode("ascii", "replace")
    return gemmi.read_pdb_string(data, split_chain_on_ter=False)


def _same_counts(header: gemmi.Structure, lines: Lines) -> bool:
    ours = np.bincount(lines.model[lines.model >= 0], minlength=max(lines.models, 1)).tolist()
    return [model.count_atom_sites() for model in header] == ours


def _simplify(data: bytes, lines: Lines) -> bytes:
    """Remove what only gemmi refuses: columns 67-80 of atom lines (the id and line numbers before format 3, which it
    reads as a charge), END between models, the atoms that are left out, and what only begins like an atom."""
    original = data.split(b"\n")
    texts = [b"" if text[:4].upper() in (b"ATOM", b"HETA") else text for text in original]
    for row, model in zip(lines.atoms.tolist(), lines.model.tolist(), strict=True):
        texts[row] = original[row][:66] if model >= 0 else b""
    return b"\n".join(text for text in texts if text[:6].upper().rstrip() != b"END")

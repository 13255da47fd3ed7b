"""Atoms that the file lacks, as new lines behind those of their residue; every other byte stays.

A new line is that of an atom of the same residue with another name, element, place, occupancy, B factor and serial
number: counted on from the largest in the file, so that no record (CONECT, ANISOU) speaks of another atom than before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.errors import WriteError
from protein_enn.io.write.edit_mmcif import AtomSite, locate
from protein_enn.io.write.edit_pdb import COLUMNS, fixed
from protein_enn.io.write.edits import B_FACTOR, COORDINATES, DECIMALS, OCCUPANCY
from protein_enn.structure import Source, Structure

_RECORDS = (b"ANISOU", b"SIGATM", b"SIGUIJ")
"""PDB records that belong to the atom line before them."""
_MOST_SERIAL = 99_999


class Addition(NamedTuple):
    """One new atom: the row of the document whose line it copies, and the one behind which it goes."""

    template: int
    behind: int
    name: str
    numbers: dict[str, float]  # by item of atom_site


def find_additions(
    structure: Structure, source: Source, b_factors: NDArray[np.float32] | None
) -> list[Addition] | None:
    """Atoms that are present but have no row, in file order; None when one's residue has no atom in the file."""
    rows, present = source.rows.numpy(), structure.present.numpy()
    shown = structure.b_factors.numpy() if b_factors is None else b_factors
    positions, occupancies = structure.positions.detach().cpu().numpy(), structure.occupancies.numpy()
    found = []
    for i, slot in np.argwhere(present & (rows < 0)).tolist():
        own = rows[i][rows[i] >= 0]
        if not len(own):
            return None
        numbers = dict(zip(COORDINATES, positions[i, slot].tolist(), strict=True))
        numbers |= {OCCUPANCY: float(occupancies[i, slot]), B_FACTOR: float(shown[i, slot])}
        found.append(Addition(int(own.min()), int(own.max()), chemistry.ATOMS[slot], numbers))
    return found


def into_pdb(data: bytes, file: str, added: list[Addition], block: str | None = None) -> bytes:
    """The same lines and the new ones. Beyond 99,999 a serial number stays that: programs do not rely on it there."""
    lines = data.split(b"\n")
    atoms = [line for line in lines if line.startswith((b"ATOM", b"HETATM"))]
    serial = max((int(line[6:11]) for line in atoms if line[6:11].strip().isdigit()), default=0)
    texts = {item: fixed(np.array([a.numbers[item] for a in added]), item, file) for item in COLUMNS}
    new = []
    for k, atom in enumerate(added):
        serial = min(serial + 1, _MOST_SERIAL)
        line = bytearray(lines[atom.template].ljust(80))
        line[6:11] = b"%5d" % serial
        line[12:17] = b" %-3s " % atom.name.encode()  # no conformer label
        for item, (start, end) in COLUMNS.items():
            line[start:end] = texts[item][k].encode()
        line[76:80] = b"%2s  " % chemistry.element(atom.name).encode()
        new.append(bytes(line).rstrip() if len(lines[atom.template]) < 80 else bytes(line))

    def end_of(row: int) -> int:
        while row + 1 < len(lines) and lines[row + 1].startswith(_RECORDS):
            row += 1
        return row

    return b"\n".join(_merged(lines, new, added, end_of))


def into_mmcif(data: bytes, file: str, added: list[Addition], block: str | None = None) -> bytes:
    """The same text and the new rows of the loop atom_site, one a line, with blanks between the values."""
    site = locate(data, file, block)
    if site.header_end == site.ends[0, -1]:
        raise WriteError(f"{file}: atom_site of the source is no loop, so that no atom can be added; write PDB instead")
    tokens = [[data[s:e] for s, e in zip(*pair, strict=True)] for pair in _spans(site, [a.template for a in added])]
    column = {item: k for k, item in enumerate(site.items)}
    serial = 0
    if "id" in column:
        starts, ends = site.starts[:, column["id"]], site.ends[:, column["id"]]
        ids = [data[s:e] for s, e in zip(starts.tolist(), ends.tolist(), strict=True)]
        serial = max((int(text) for text in ids if text.isdigit()), default=0)
    pieces, done = [], 0
    order = sorted(range(len(added)), key=lambda k: added[k].behind)
    lines = []
    for k, (atom, row) in enumerate(zip(added, tokens, strict=True)):
        changes = {"id": str(serial + 1 + k), "label_atom_id": atom.name, "auth_atom_id": atom.name,
                   "type_symbol": chemistry.element(atom.name), "label_alt_id": ".", "pdbx_formal_charge": "?",
                   "calc_flag": "calc"}  # fmt: skip
        changes |= {item.lower(): f"{value:.{DECIMALS[item]}f}" for item, value in atom.numbers.items()}
        for item, text in changes.items():
            if item in column:
                row[column[item]] = text.encode()
        for item in column:
            if item.startswith(("aniso_", "cartn_", "occupancy_esd", "b_iso_or_equiv_esd")) and item not in changes:
                row[column[item]] = b"?"
        lines.append(b"\n" + b" ".join(row))
    for k in order:
        end = int(site.ends[added[k].behind, -1])
        pieces += [data[done:end], lines[k]]
        done = end
    return b"".join((*pieces, data[done:]))


def _spans(site: AtomSite, rows: list[int]) -> list[tuple[list[int], list[int]]]:
    return [(site.starts[row].tolist(), site.ends[row].tolist()) for row in rows]


def _merged(lines: list[bytes], new: list[bytes], added: list[Addition], end_of: Callable[[int], int]) -> list[bytes]:
    """Lines with the new ones behind those that they follow."""
    follow: dict[int, list[bytes]] = {}
    for line, atom in zip(new, added, strict=True):
        follow.setdefault(end_of(atom.behind), []).append(line)
    return [text for row, line in enumerate(lines) for text in (line, *follow.get(row, ()))]

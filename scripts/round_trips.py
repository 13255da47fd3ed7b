"""Every file of a folder, written back: unchanged, and with its protein moved.

    python scripts/round_trips.py FOLDER [--json]

Written unchanged, a file must be the same to the byte (decompressed). Written with all protein atoms 1 Å further along
x, only x coordinates may differ: outside columns 31-38 of a PDB file and outside the tokens of Cartn_x in mmCIF the
text stays, every other column of a BinaryCIF file decodes to the same values; and reading again finds the atoms where
they were put. Files that are refused are passed over. Exit status 1 when a file fails.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from operator import ne
from pathlib import Path
from typing import Any

import biotite.structure.io.pdbx as pdbx
import gemmi
import numpy as np
import torch

from protein_enn.io import StructureError, read_structure, write_structure
from protein_enn.structure import KINDS, Structure

SUFFIXES = {"pdb": ".pdb", "mmcif": ".cif", "bcif": ".bcif"}
SHIFT = 1.0  # Å, along x
EXACT = 6e-4  # Å: half a unit of the last digit of a PDB file, and a little


def round_trip(structure: Structure, data: bytes, folder: Path) -> str:
    """What writing changed beyond what it should; "" when nothing."""
    kind = structure.audit.format
    path = folder / f"x{SUFFIXES[kind]}"
    write_structure(structure, path)
    if path.read_bytes() != data:
        return "written unchanged, it is not the same file"
    moved = structure.with_positions(structure.positions + torch.tensor([SHIFT, 0.0, 0.0]))
    write_structure(moved, path)
    fault = COMPARE[kind](data, path.read_bytes())
    if fault:
        return fault
    again = read_structure(path)
    if again.residue_names != moved.residue_names or not again.present.equal(moved.present):
        return "read again, it has other protein atoms"
    if ((again.positions - moved.positions).abs() > EXACT).any():
        return "read again, protein atoms are not where they were put"
    # Atoms of a modified residue that have no slot ride with the residue; all other context stays.
    shift = again.hetero.positions - structure.hetero.positions
    rides = (structure.hetero.kinds == KINDS.index("other")) & (shift[:, 0] > 0.5)
    if ((shift - SHIFT * rides[:, None] * torch.tensor([1.0, 0.0, 0.0])).abs() > EXACT).any():
        return "read again, context atoms are not where they were"
    return ""


def _shift_of(old: Iterable[str | float], new: Iterable[str | float], place: str) -> str:
    for i, (a, b) in enumerate(zip(old, new, strict=True)):
        if a != b and abs(float(b) - float(str(a).split("(")[0]) - SHIFT) > 2 * EXACT:
            return f"{place} {i + 1}: x went from {a} to {b}"
    return ""


def compare_pdb(old: bytes, new: bytes) -> str:
    """Lines that differ elsewhere than in the x column."""
    before, after = old.split(b"\n"), new.split(b"\n")
    if len(before) != len(after):
        return f"{len(before)} lines became {len(after)}"
    for i, (a, b) in enumerate(zip(before, after, strict=True)):
        if a != b and (a[:30] != b[:30] or a[38:] != b[38:] or abs(float(b[30:38]) - float(a[30:38]) - SHIFT) > EXACT):
            return f"line {i + 1} became {b.decode('latin-1')}"
    return ""


def compare_mmcif(old: bytes, new: bytes) -> str:
    """Text that differs by more than the token of x and the blanks around it; values as gemmi parses them."""
    before, after = gemmi.cif.read_string(old), gemmi.cif.read_string(new)
    values: list[list[tuple[str, list[str]]]] = [list(_columns(document)) for document in (before, after)]
    if [tag for tag, _ in values[0]] != [tag for tag, _ in values[1]]:
        return "other items than before"
    for (tag, a), (_, b) in zip(*values, strict=True):
        fault = _shift_of(a, b, tag) if tag.lower() == "_atom_site.cartn_x" else f"{tag} differs" if a != b else ""
        if fault:
            return fault
    lines = old.split(b"\n"), new.split(b"\n")
    if len(lines[0]) != len(lines[1]):
        return "the same values in other lines of text"
    for i, (x, y) in enumerate(zip(*lines, strict=True)):
        if x != y and (len(x.split()) != len(y.split()) or sum(map(ne, x.split(), y.split())) != 1):
            return f"line {i + 1} became {y.decode('latin-1')}"
    return ""


def _columns(document: Any) -> Iterator[tuple[str, list[str]]]:
    for block in document:
        yield block.name, []
        for item in block:
            if item.pair is not None:
                yield item.pair[0], [item.pair[1]]
            elif item.loop is not None:
                tags, values = item.loop.tags, item.loop.values
                for i, tag in enumerate(tags):
                    yield tag, values[i :: len(tags)]


def compare_bcif(old: bytes, new: bytes) -> str:
    """Columns that decode to something else, x apart."""
    before: Any = pdbx.BinaryCIFFile.read(io.BytesIO(old))
    after: Any = pdbx.BinaryCIFFile.read(io.BytesIO(new))
    if _names(before) != _names(after):
        return "other blocks, categories or columns than before"
    for block, category, column in _names(before):
        a, b = before[block][category][column], after[block][category][column]
        if (a.mask is None) != (b.mask is None) or (a.mask is not None and (a.mask.array != b.mask.array).any()):
            return f"the mask of {category}.{column} differs"
        x, y = a.data.array, b.data.array
        if (category, column) == ("atom_site", "Cartn_x"):
            fault = _shift_of(x.tolist(), y.tolist(), f"{category}.{column}")
            if fault:
                return fault
        elif x.dtype.kind != y.dtype.kind or not np.array_equal(x, y, equal_nan=x.dtype.kind == "f"):
            return f"{category}.{column} differs"
    return ""


def _names(document: Any) -> list[tuple[str, str, str]]:
    return [
        (block, category, column)
        for block in document
        for category in document[block]
        for column in document[block][category]
    ]


COMPARE: dict[str, Callable[[bytes, bytes], str]] = {"pdb": compare_pdb, "mmcif": compare_mmcif, "bcif": compare_bcif}


def examine(path: Path, folder: Path) -> tuple[str, str] | None:
    """Format of a file and what went wrong ("" when nothing did); None when it is refused. `folder` is for scratch."""
    try:
        structure = read_structure(path)
    except StructureError:
        return None
    data = path.read_bytes()
    data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    return structure.audit.format, round_trip(structure, data, folder)


def main(arguments: list[str]) -> int:
    """Examine and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    options = parser.parse_args(arguments)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        for path in sorted(path for path in options.folder.rglob("*") if path.is_file()):
            found = examine(path, Path(scratch))
            if found is None:
                continue
            kind, fault = found
            counts[f"{kind}_files"] += 1
            counts[f"{kind}_failed"] += bool(fault)
            if fault and not options.json:
                print(f"{path.relative_to(options.folder)}: {fault}")
    if options.json:
        print(json.dumps(counts, indent=1))
    else:
        print("\n".join(f"{count:>6} {name.replace('_', ' ')}" for name, count in counts.items()))
    return int(any(count for name, count in counts.items() if name.endswith("_failed")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Every file of a folder: read or refused, and whether its atoms are those that gemmi and biotite find.

    python scripts/compare_readers.py FOLDER [-o table.csv] [--json]

Each heavy atom of model 1 that a `Structure` holds must be among gemmi's (PDB, mmCIF) and biotite's atoms by
author chain, number, insertion code, residue and atom name, coordinates to 0.001 Å, occupancy and B factor; and each of
theirs that it does not hold must be one that the audit lists as dropped, with equal counts for each reason.
gemmi reads no BinaryCIF. Exit status 1: a disagreement about a file on which the others agree, or that one alone reads.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import sys
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import biotite.structure.io.pdbx as pdbx
import gemmi
import numpy as np
import torch
from biotite.structure.io.pdb import PDBFile

from protein_enn import chemistry
from protein_enn.io import StructureError, read_structure
from protein_enn.io.components import DUMMY
from protein_enn.io.files import decompress, read_bytes
from protein_enn.structure import Structure

HYDROGEN, DUMMIES, CONFORMER, TWICE = "hydrogen", "dummy", "other conformer", "given twice"
RENAMED = {
    ("MSE", "SE"): "SD", ("SEC", "SE"): "SG", ("CSE", "SE"): "SG", ("ILE", "CD"): "CD1",
    **{(residue, old): new for residue in chemistry.RESIDUES for old, new in (
        ("OT1", "O"), ("OT2", "OXT"), ("O1", "O"), ("O2", "OXT"), ("OC1", "O"), ("OC2", "OXT"),
    )},
}  # fmt: skip
"""Atoms that a `Structure` keeps under another name than the file's."""
NEEDED = {
    "group_PDB": "ATOM", "type_symbol": "C", "pdbx_PDB_ins_code": "", "label_alt_id": "", "occupancy": 1.0,
    "B_iso_or_equiv": 0.0, "pdbx_PDB_model_num": 1,
}  # fmt: skip
"""Columns that biotite cannot do without in BinaryCIF, and what it is given where a file lacks them."""
READABLE_BY = {
    "": (), "neither": (), "only gemmi": ("gemmi",), "only biotite": ("biotite",),
    "agree": ("gemmi", "biotite"), "differ": ("gemmi", "biotite"),
}  # fmt: skip


Site = tuple[str, int, str, str, str, int, int, int, int, int]
"""An atom as three readers can agree on it: author chain, number, insertion code, residue and atom name; then in
thousandths x, y, z, occupancy and B factor. Plain tuples: a million of them are no work for the garbage collector."""
CHAIN, RESIDUE, B_FACTOR = 0, 3, 9
NUMBERED, NAMED = slice(0, 3), slice(0, 5)


class Found(NamedTuple):
    """What another reader holds: its atoms, and of each its element and conformer label."""

    sites: Counter[Site]
    marks: dict[Site, tuple[str, str]]


@dataclass
class Row:
    """What became of one file; the last two say how it differs from these readers, and are empty where it does not."""

    file: str
    outcome: str = "read"  # or the class of the error
    reason: str = ""
    format: str = ""
    models: int = 0
    atoms: int = 0  # in the file
    held: int = 0  # protein and context
    dropped: str = ""  # JSON: atoms by reason
    readers: str = ""  # "agree", "differ", or which of the two could read it
    gemmi: str = ""
    biotite: str = ""


def sites(*columns: Any) -> list[Site]:
    """Sites from the columns that name them and an array (m, 5): x, y, z, occupancy, B factor."""
    chain, number, code, residue, atom = (c.tolist() if isinstance(c, np.ndarray) else list(c) for c in columns[:5])
    numbers = columns[5]
    values = np.nan_to_num(np.asarray(numbers, dtype=np.float32)).astype(np.float64)
    whole = np.rint(values * 1000).astype(np.int64).T.tolist()
    atom = [RENAMED.get(pair, pair[1]) for pair in zip(residue, atom, strict=True)]
    return list(zip(chain, number, code, residue, atom, *whole, strict=True))


def ours(structure: Structure) -> Counter[Site]:
    """The atoms of a structure: those in slots, and the context."""
    residue, slot = (index.tolist() for index in structure.present.nonzero(as_tuple=True))
    here = structure.present
    measured = (*structure.positions[here].T, structure.occupancies[here], structure.b_factors[here])
    found = sites(
        [structure.chain_ids[c] for c in structure.chains[residue].tolist()],
        structure.numbers[residue].tolist(),
        [structure.insertion_codes[i] for i in residue],
        [structure.residue_names[i] for i in residue],
        [chemistry.ATOMS[a] for a in slot],
        torch.stack(measured, 1).numpy(),
    )
    hetero = structure.hetero
    ids = [re.fullmatch(r"(.*):(-?\d+)(.*)", residue_id, re.DOTALL) for residue_id in hetero.residue_ids]
    chain, number, code = zip(*(m.groups() for m in ids if m), strict=True) if ids else ((), (), ())
    measured = (*hetero.positions.T, hetero.occupancies, hetero.b_factors)
    found += sites(chain, map(int, number), code, hetero.residue_names, hetero.names, torch.stack(measured, 1).numpy())
    return Counter(found)


def with_gemmi(data: bytes, kind: str) -> Found | None:
    """Model 1 as gemmi reads it; None for BinaryCIF, which it does not read."""
    if kind == "bcif":
        return None
    if kind == "pdb":
        whole = gemmi.read_pdb_string(data)
    else:
        whole = next(s for s in map(gemmi.make_structure_from_block, gemmi.cif.read_string(data)) if len(s))
    while len(whole) > 1:
        del whole[-1]
    flat: Any = gemmi.FlatStructure(whole)
    text: dict[str, Any] = {
        k: getattr(flat, k).view("S8")[:, 0].astype(str) for k in ("chain_ids", "residue_names", "atom_names")
    }
    codes, labels = ([chr(v).strip(" \0") for v in getattr(flat, k).tolist()] for k in ("icodes", "altlocs"))
    numbers = np.column_stack((flat.pos, flat.occ, flat.b_iso))
    found = sites(text["chain_ids"], flat.resnums, codes, text["residue_names"], text["atom_names"], numbers)
    elements = [name.decode().upper() for name in flat.element_names.tolist()]
    return Found(Counter(found), dict(zip(found, zip(elements, labels, strict=True), strict=True)))


def with_biotite(data: bytes, kind: str) -> Found:
    """Model 1 as biotite reads it, all conformers."""
    wanted = {"model": 1, "altloc": "all", "extra_fields": ["occupancy", "b_factor"]}
    if kind == "pdb":
        array = PDBFile.read(io.StringIO(data.decode("latin-1"))).get_structure(**wanted)
    elif kind == "mmcif":
        array = pdbx.get_structure(pdbx.CIFFile.read(io.StringIO(data.decode("latin-1"))), **wanted)
    else:
        file = pdbx.BinaryCIFFile.read(io.BytesIO(data))
        category = file.block["atom_site"]
        for item, value in NEEDED.items():
            if item not in category:
                category[item] = np.full(category.row_count, value)
        array = pdbx.get_structure(file, **wanted)
    numbers = np.column_stack((array.coord, array.occupancy, array.b_factor))
    columns = (array.chain_id, array.res_id, array.ins_code, array.res_name, array.atom_name, numbers)
    found = sites(*columns)
    labels = ["" if label in ".? " else label for label in array.altloc_id.tolist()]
    return Found(Counter(found), dict(zip(found, zip(array.element.tolist(), labels, strict=True), strict=True)))


def excess(these: Counter[Site], those: Counter[Site]) -> dict[Site, int]:
    """What there is more of in the first."""
    return {site: count - those.get(site, 0) for site, count in these.items() if count > those.get(site, 0)}


def disagreement(held: Counter[Site], found: Found, hydrogens: set[Site], dropped: Mapping[str, int]) -> str:
    """How the atoms held differ from another reader's, the audited losses apart; "" when they do not."""
    strange, lost = excess(held, found.sites), excess(found.sites, held)
    if strange:
        site = next(iter(strange))
        near = next((other for other in found.sites if other[NAMED] == site[NAMED]), None)
        return f"{sum(strange.values())} atoms that it has not: {site}, nearest {near}"
    names = {site[NAMED] for site in held} if lost else set()
    residues = {site[NUMBERED]: site[RESIDUE] for site in held} if lost else {}
    reasons: Counter[str] = Counter()
    for site, count in lost.items():
        if site in hydrogens:
            reasons[HYDROGEN] += count
        elif site[RESIDUE] == DUMMY:
            reasons[DUMMIES] += count
        elif found.marks[site][1] or residues.get(site[NUMBERED], site[RESIDUE]) != site[RESIDUE]:
            reasons[CONFORMER] += count
        elif site[NAMED] in names:
            reasons[TWICE] += count
        else:
            return f"atom lost without a finding: {site}"
    counted = Counter({reason: dropped.get(reason, 0) for reason in (HYDROGEN, DUMMIES, CONFORMER, TWICE)})
    return "" if reasons == +counted else f"it has, and we lack, {dict(reasons)}; audited: {dict(+counted)}"


def comparable(structure: Structure, held: Counter[Site], found: Found) -> Found:
    """The other reader's atoms with the letter that the structure gave to a blank chain, and without B factors that
    are not in the file (others take them for 20, or NaN)."""
    new = {site[CHAIN] for site in held} - {site[CHAIN] for site in found.sites}
    letter = new.pop() if len(new) == 1 else ""
    absent = "b-factors-absent" in structure.audit.codes and not any(site[B_FACTOR] for site in held)
    if not letter and not absent:
        return found
    named: dict[Site, Any] = {
        site: (site[CHAIN] or letter, *site[1:B_FACTOR], 0 if absent else site[B_FACTOR]) for site in found.sites
    }
    sites: Counter[Site] = Counter()
    for site, count in found.sites.items():
        sites[named[site]] += count
    return Found(sites, {named[site]: marks for site, marks in found.marks.items()})


def agreement(structure: Structure, data: bytes) -> dict[str, str]:
    """The entries `readers`, `gemmi` and `biotite` of a row."""
    held, row = ours(structure), dict[str, str]()
    found: dict[str, Found] = {}
    for name, reader in (("gemmi", with_gemmi), ("biotite", with_biotite)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = reader(data, structure.audit.format)
        except Exception as error:  # whatever they raise is their result for this file
            row[name] = f"cannot read it: {type(error).__name__}: {error}"
            continue
        if theirs is not None:
            found[name] = comparable(structure, held, theirs)
    # Without an element column each guesses: gemmi takes HG1 of methionine for mercury. One that knows will do.
    marks = [pair for theirs in found.values() for pair in theirs.marks.items()]
    hydrogens = {site for site, (element, _) in marks if element in ("H", "D")}
    for name, theirs in found.items():
        row[name] = disagreement(held, theirs, hydrogens, structure.audit.atoms.dropped)
    both = [f.sites for f in found.values()]
    same = "agree" if len(both) == 2 and both[0] == both[1] else "differ"
    return {**row, "readers": same if len(both) == 2 else f"only {' '.join(found)}" if found else "neither"}


def examine(path: Path, name: str) -> Row:
    """The row of one file."""
    try:
        return compare(read_structure(path), decompress(read_bytes(path), name), name)
    except StructureError as error:
        return Row(name, type(error).__name__, str(error).replace(str(path), name))


def compare(structure: Structure, data: bytes, name: str) -> Row:
    """The row of a file that was read."""
    audit, atoms = structure.audit, structure.audit.atoms
    held, dropped = atoms.protein + atoms.context, json.dumps(dict(atoms.dropped))
    agreed: dict[str, Any] = {**agreement(structure, data), "held": held, "dropped": dropped}
    return Row(name, format=audit.format, models=audit.models, atoms=atoms.in_file, **agreed)


def summary(rows: list[Row]) -> dict[str, int]:
    """Files by outcome, atoms, and files by agreement."""
    read = [row for row in rows if row.outcome == "read"]
    refused = Counter(f"refused_{row.outcome}" for row in rows if row.outcome != "read")
    counts = {"files": len(rows), "read": len(read), **refused}
    counts |= {"atoms": sum(row.atoms for row in read), "atoms_held": sum(row.held for row in read)}
    for name in ("gemmi", "biotite"):
        able = [row for row in read if name in READABLE_BY[row.readers]]
        counts |= {f"{name}_reads": len(able), f"{name}_agrees": sum(not getattr(row, name) for row in able)}
    both = [not (row.gemmi or row.biotite) for row in read if row.readers == "agree"]
    return {**counts, "both_agree": len(both), "both_agree_with_us": sum(both), "faults": sum(map(at_fault, rows))}


def at_fault(row: Row) -> bool:
    """Whether we differ where the other two agree, or from the only one that reads the file."""
    enough = all if row.readers == "differ" else any
    return enough(getattr(row, name) for name in READABLE_BY[row.readers])


def print_rows(rows: list[Row]) -> None:
    """A line for each file that was refused, or about which readers differ."""
    for row in rows:
        if row.outcome != "read":
            print(f"refused: {row.outcome}: {row.reason}")
        elif at_fault(row) or row.readers == "differ":
            print(f"{row.file}: they {row.readers}; gemmi: {row.gemmi or 'as we'}; biotite: {row.biotite or 'as we'}")


def main(arguments: list[str]) -> int:
    """Examine, print, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="CSV, a row a file")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    options = parser.parse_args(arguments)
    files = sorted(filter(Path.is_file, options.folder.rglob("*")))
    rows = [examine(path, path.relative_to(options.folder).as_posix()) for path in files]
    if options.output:
        with options.output.open("w", newline="") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Row)])
            writer.writeheader()
            writer.writerows(map(asdict, rows))
    counts = summary(rows)
    if options.json:
        print(json.dumps(counts, indent=1))
    else:
        print_rows(rows)
        print("\n".join(f"{count:>9} {name.replace('_', ' ')}" for name, count in counts.items()))
    return int(counts["faults"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

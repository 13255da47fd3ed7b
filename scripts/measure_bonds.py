"""Does refinement keep what is bonded? Bonds before and after `refine`, and new clashes by gemmi's own count.

python scripts/measure_bonds.py FILE_OR_FOLDER ... -o bonds.csv --seconds 3600

A row for each structure. A bond counts as lengthened if it is longer by more than 0.1 Å than in the input, and than its
ideal length (the sum of the covalent radii where no table has one). Clashes are
counted by gemmi's neighbor search on the written files and share no code with the package: heavy atoms of the protein,
of residues that no bond joins, nearer than the sum of gemmi's van der Waals radii less 0.8 Å.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gemmi
import torch

import protein_enn as pe
from protein_enn import chemistry
from protein_enn.bonds import COVALENT_RADII, residue_bonds
from protein_enn.io import find_structures, write_structure
from protein_enn.refinement.idealize.templates import residue_template
from protein_enn.structure import Structure

LONGER, OVERLAP, BONDED = 0.1, 0.8, 2.0
"""Å."""
COLUMNS = ("file", "residues", "bonds", "lengthened", "longest", "worst_bond", "clashes_before", "clashes_after",
           "new_clashes", "moved", "seconds", "error")  # fmt: skip


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    """Measure the files that are named and print the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", help="structures, or folders of them")
    parser.add_argument("-o", "--output", type=Path, required=True, help="table to write, a row as each is done")
    parser.add_argument("--steps", type=int, default=5, help="steps of refinement")
    parser.add_argument("--most", type=int, default=1000, help="leave out structures with more residues")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin none after this time")
    parser.add_argument("--seed", type=int, default=0, help="of the order in which files are taken")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    files = [Path(file) for file in find_structures(options.inputs)]
    random.Random(options.seed).shuffle(files)
    predictor = pe.load_predictor("refinement", device="cpu")
    end, rows = time.monotonic() + options.seconds, []
    with options.output.open("w", newline="") as target:
        table = csv.DictWriter(target, COLUMNS)
        table.writeheader()
        for number, file in enumerate(files, 1):
            if time.monotonic() > end:
                break
            row = measured(file, predictor, options.steps, options.most)
            if row is not None:
                rows.append(row)
                table.writerow(row)
                target.flush()
            print(f"\r{number} of {len(files)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    print(summary(rows))
    return rows


def measured(file: Path, predictor: pe.Predictor, steps: int, most: int) -> dict[str, Any] | None:
    """The row of one structure; None if it is too large, or nothing of it can be refined."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row["file"] = file.name
    try:
        structure = pe.read_structure(file)
        if len(structure) > most or not structure.present[:, chemistry.CA].any():
            return None
        start = time.monotonic()
        refined = pe.refine(structure, predictor=predictor, steps=steps)
        row["seconds"] = round(time.monotonic() - start, 1)
    except Exception as error:
        return {**row, "error": f"{type(error).__name__}: {error}"}
    ends, ideal = bonds(structure)
    before, after = (_lengths(one.positions, ends) for one in (structure, refined.structure))
    longer = after - torch.maximum(before, ideal)
    worst = int(longer.argmax()) if len(longer) else 0
    clashes = [gemmi_clashes(one) for one in (structure, refined.structure)]
    return {
        **row,
        "residues": len(structure),
        "bonds": len(ends),
        "lengthened": int((longer > LONGER).sum()),
        "longest": round(float(longer.max()), 3) if len(longer) else 0.0,
        "worst_bond": " - ".join(_name(structure, int(end)) for end in ends[worst]) if len(longer) else "",
        "clashes_before": len(clashes[0]),
        "clashes_after": len(clashes[1]),
        "new_clashes": len(clashes[1] - clashes[0]),
        "moved": sum(status == "moved" for status in refined.status),
    }


def bonds(structure: Structure) -> tuple[torch.Tensor, torch.Tensor]:
    """All bonds of protein atoms, as pairs of residue * 37 + slot, and their ideal lengths, Å."""
    width = len(chemistry.ATOMS)
    pairs, lengths = [], []
    for kind, name in enumerate(chemistry.RESIDUES):
        rows = (structure.residues == kind).nonzero()[:, 0]
        slots, length, _, bonded = residue_template(name)
        count = len(bonded)  # bonds come before angles in a template
        radii = [sum(COVALENT_RADII[chemistry.element(chemistry.ATOMS[s])] for s in pair) for pair in bonded.tolist()]
        known = length[:count] if name != "UNK" else torch.tensor(radii)
        pairs.append((rows[:, None, None] * width + slots[:count]).reshape(-1, 2))
        lengths.append(known.repeat(len(rows)))
    between = residue_bonds(structure)
    pairs.append(between.residues * width + between.atoms)
    lengths.append(between.ideal_lengths())
    ends, ideal = torch.cat(pairs), torch.cat([part.double() for part in lengths])
    present = structure.present.reshape(-1)[ends].all(1)
    return ends[present], ideal[present]


def _lengths(positions: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    x = positions.reshape(-1, 3).double()[ends]
    return (x[:, 0] - x[:, 1]).norm(dim=-1)


def _name(structure: Structure, end: int) -> str:
    residue, slot = divmod(end, len(chemistry.ATOMS))
    return f"{structure.residue_id(residue)} {structure.residue_names[residue]} {chemistry.ATOMS[slot]}"


def gemmi_clashes(structure: Structure) -> set[tuple[str, str]]:
    """Pairs of heavy atoms of the protein that are too near each other, by gemmi alone, from a written file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cif"
        write_structure(structure.take(torch.arange(len(structure))), path)
        model = gemmi.read_structure(str(path))
    model.remove_hydrogens()
    search = gemmi.NeighborSearch(model[0], gemmi.UnitCell(), 5).populate(include_h=False)
    contacts = gemmi.ContactSearch(3.6)
    contacts.ignore = gemmi.ContactSearch.Ignore.SameResidue
    joined = {frozenset(str(end).rsplit("/", 1)[0] for end in (c.partner1, c.partner2)) for c in model.connections}
    for chain in model[0]:
        for one, two in itertools.pairwise(chain):
            ends = one.find_atom("C", "*"), two.find_atom("N", "*")
            if all(ends) and ends[0].pos.dist(ends[1].pos) < BONDED:
                joined.add(frozenset(f"{chain.name}/{residue.name} {residue.seqid}" for residue in (one, two)))
    return set(_too_near(contacts.find_contacts(search), joined))


def _too_near(contacts: Any, joined: set[frozenset[str]]) -> Iterator[tuple[str, str]]:
    for contact in contacts:
        one, two = contact.partner1, contact.partner2
        if "HOH" in (one.residue.name, two.residue.name) or one.residue.het_flag == two.residue.het_flag == "H":
            continue
        limit = one.atom.element.vdw_r + two.atom.element.vdw_r - OVERLAP
        names = tuple(sorted((str(one), str(two))))
        if contact.dist < limit and frozenset(n.rsplit("/", 1)[0] for n in names) not in joined:
            yield names[0], names[1]


def summary(rows: list[dict[str, Any]]) -> str:
    """The sums over all structures that could be refined."""
    good = [row for row in rows if not row["error"]]
    if not good:
        return f"structures 0, errors {len(rows)}"
    total = {key: sum(row[key] for row in good) for key in ("residues", "bonds", "lengthened", "new_clashes")}
    before, after = (sum(row[key] for row in good) for key in ("clashes_before", "clashes_after"))
    worst = max(good, key=lambda row: row["longest"])
    rate = 10_000 * total["new_clashes"] / max(total["residues"], 1)
    return (
        f"structures {len(good)}, errors {len(rows) - len(good)}, "
        f"residues {total['residues']}, bonds {total['bonds']}\n"
        f"lengthened by more than {LONGER} Å {total['lengthened']}; most {worst['longest']} Å in {worst['file']}\n"
        f"clashes by gemmi {before} before, {after} after, {total['new_clashes']} new: {rate:.2f} per 10,000 residues"
    )


if __name__ == "__main__":
    main()

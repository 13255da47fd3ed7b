"""A new PDB file: SSBOND, LINK, ATOM, HETATM and TER records of format 3.3."""

from __future__ import annotations

import numpy as np

from protein_enn.io.errors import WriteError
from protein_enn.io.write.atom_list import NUCLEIC, PROTEIN, Listing
from protein_enn.io.write.edit_pdb import format_column

MAX_SERIAL = 99_999
MAX_CHAINS = 62
_INSTEAD = "write mmCIF or BinaryCIF"


def write(listing: Listing, name: str, plddt: bool, file: str) -> bytes:
    """The whole file; WriteError for what does not fit its columns. Name and kind of B factors have no record."""
    _check(listing, file)
    table = listing.table
    columns = [format_column(table.positions[:, i], f"Cartn_{axis}", file) for i, axis in enumerate("xyz")]
    occupancies = format_column(table.occupancies, "occupancy", file)
    b_factors = format_column(table.b_factors, "B_iso_or_equiv", file)
    names = [
        _align_name(name, element) for name, element in zip(table.names.tolist(), table.elements.tolist(), strict=True)
    ]  # fmt: skip
    residues = [f"{name:>3} {chain}{number:4d}{code or ' '}" for name, chain, number, code in zip(
        table.residue_names.tolist(), table.chains.tolist(), table.numbers.tolist(), table.insertion_codes.tolist(),
        strict=True,
    )]  # fmt: skip
    records = np.where(table.hetero, "HETATM", "ATOM  ").tolist()
    lines = _bond_records(listing, residues, names)
    last = _last_of_polymers(listing)
    serial = 0
    for i, (record, atom, residue, x, y, z, occupancy, b_factor, element) in enumerate(
        zip(records, names, residues, *columns, occupancies, b_factors, table.elements.tolist(), strict=True)
    ):
        serial += 1
        lines.append(f"{record}{serial:5d} {atom} {residue}   {x}{y}{z}{occupancy}{b_factor}          {element:>2}  ")
        if i in last:
            serial += 1
            lines.append(f"TER   {serial:5d}      {residue}")
    return ("\n".join(f"{line:<80}" for line in [*lines, "END"]) + "\n").encode("ascii")


def _check(listing: Listing, file: str) -> None:
    table = listing.table
    records = len(table) + len(_last_of_polymers(listing))
    if records > MAX_SERIAL:
        raise WriteError(f"{file}: {records} atom and TER records, the PDB format numbers {MAX_SERIAL}; {_INSTEAD}")
    for what, labels, width in (
        ("chain id", table.chains, 1),
        ("residue name", table.residue_names, 3),
        ("atom name", table.names, 4),
        ("insertion code", table.insertion_codes, 1),
        ("element", table.elements, 2),
    ):
        optional = what in ("insertion code", "element")
        for value in labels.values:
            if len(value) > width or not (optional or value):
                raise WriteError(
                    f"{file}: {what} {value!r} does not fit the {width} column(s) of the PDB format; {_INSTEAD}"
                )
            if value and not (value.isascii() and value.isprintable() and " " not in value):
                raise WriteError(f"{file}: {what} {value!r} is not plain ASCII as the PDB format requires; rename it")
    chains = len(table.chains.values)
    if chains > MAX_CHAINS:
        raise WriteError(f"{file}: {chains} chains, the PDB format has ids for {MAX_CHAINS}; {_INSTEAD}")
    wide = (table.numbers < -999) | (table.numbers > 9999)
    if wide.any():
        residue = table.residue_id(int(np.argmax(wide)))
        raise WriteError(f"{file}: residue number of {residue} does not fit the PDB columns (-999 to 9999); {_INSTEAD}")


def _align_name(name: str, element: str) -> str:
    """The name in four columns: the symbol of the element ends in the second."""
    return f"{name:<4}" if len(name) == 4 or (len(element) == 2 and name.upper().startswith(element)) else f" {name:<3}"


def _last_of_polymers(listing: Listing) -> set[int]:
    """Last atom of each protein or nucleic chain."""
    ends = np.flatnonzero(np.diff(listing.molecule, append=-1))
    return {int(i) for i in ends if listing.molecules[listing.molecule[i]].kind in (PROTEIN, NUCLEIC)}


def _bond_records(listing: Listing, residues: list[str], names: list[str]) -> list[str]:
    """SSBOND records where both atoms are SG (the record has no atom names), LINK records for the rest."""
    bridges: list[str] = []
    links: list[str] = []
    for a, b in (bond.atoms for bond in listing.bonds):
        distance = float(np.linalg.norm(listing.table.positions[a] - listing.table.positions[b]))
        tail = f"  1555   1555 {distance:5.2f}"
        if names[a].strip() == names[b].strip() == "SG":
            first, second = (f"{residues[i][:5]} {residues[i][5:]}" for i in (a, b))
            bridges.append(f"SSBOND {(len(bridges) + 1) % 1000:3d} {first}   {second}{'':23}{tail}")
        else:
            links.append(f"LINK        {names[a]} {residues[a]}{'':15}{names[b]} {residues[b]}  {tail}")
    return bridges + links

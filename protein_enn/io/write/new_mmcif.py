"""A new mmCIF document: atom_site with entities, asymmetric units and links."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from protein_enn.io.errors import WriteError
from protein_enn.io.table.labels import Labels
from protein_enn.io.write.atom_list import NON_POLYMER, NUCLEIC, PROTEIN, WATER, Listing
from protein_enn.io.write.edits import COORDINATES

_CONNECTIONS = {"disulfide": "disulf", "peptide": "covale", "covalent": "covale", "metal": "metalc"}
_DNA = frozenset({"DA", "DC", "DG", "DT", "DU", "DI", "DN"})


@dataclass(frozen=True, eq=False)
class Item:
    """One column: text, whole numbers, or real numbers with so many decimals; empty text is null."""

    values: Labels | NDArray
    decimals: int = 0
    null: str = "?"  # or "."
    absent: NDArray[np.bool_] | None = None  # which numbers are null

    @staticmethod
    def of(texts: Iterable[str], null: str = "?") -> Item:
        """From strings."""
        return Item(Labels.of_strings(texts), null=null)

    @property
    def nulls(self) -> NDArray[np.bool_]:
        """Which rows are null."""
        if isinstance(self.values, Labels):
            return self.values.are("")
        return np.zeros(len(self.values), dtype=bool) if self.absent is None else self.absent

    def texts(self) -> list[str]:
        """As mmCIF writes them, padded to one width."""
        if isinstance(self.values, Labels):
            labels = self.values
        elif self.values.dtype.kind == "f":
            template = f"%.{self.decimals}f"
            return _pad([template % v for v in (np.round(self.values, self.decimals) + 0.0).tolist()])
        else:
            numbers, codes = np.unique(self.values, return_inverse=True)
            labels = Labels((*map(str, numbers.tolist()), ""), np.where(self.nulls, len(numbers), codes))
        padded = _pad([quote(v) if v else self.null for v in labels.values])
        return [padded[c] for c in labels.codes.tolist()]


Categories = dict[str, dict[str, Item]]


def quote(value: str) -> str:
    """A value in the syntax of CIF 1.1, quoted where it needs quotes."""
    text = value if value.isalnum() and value.isascii() else gemmi.cif.quote(value)
    return f"\n{text}\n" if text.startswith(";") else text


def block_name(name: str) -> str:
    """Name of a data block: printable ASCII without blanks."""
    plain = "".join(c if c.isascii() and c.isprintable() and c != " " else "_" for c in name)
    return plain or "model"


def write(listing: Listing, name: str, plddt: bool, file: str) -> bytes:
    """The whole file, one loop per category; WriteError as of `categories`."""
    parts = [f"data_{block_name(name)}\n#\n"]
    for category, items in categories(listing, name, plddt, file).items():
        parts.append("loop_\n" + "".join(f"_{category}.{item}\n" for item in items))
        rows = zip(*(item.texts() for item in items.values()), strict=True)
        parts.append("\n".join(map(" ".join, rows)) + "\n#\n")
    return "".join(parts).encode()


def categories(listing: Listing, name: str, plddt: bool, file: str) -> Categories:
    """The content by category and item; WriteError for ids that are empty or contain control characters."""
    table = listing.table
    for what, labels in (
        ("chain id", table.chains), ("label chain id", table.label_chains), ("residue name", table.residue_names),
        ("atom name", table.names), ("insertion code", table.insertion_codes), ("element", table.elements),
    ):  # fmt: skip
        for value in labels.values:
            _check(value, what, file)
    entities, entity = _entities(listing)
    result: Categories = {"entry": {"id": Item.of([block_name(name)])}, "entity": entities}
    polymers = [(i, kind) for i, kind in enumerate(entities["pdbx_description"].values.tolist()) if "poly" in kind]
    del entities["pdbx_description"]
    if polymers:
        result["entity_poly"] = {
            "entity_id": Item.of(str(i + 1) for i, _ in polymers), "type": Item.of(kind for _, kind in polymers)
        }  # fmt: skip
    result["struct_asym"] = {
        "id": Item.of(m.label for m in listing.molecules), "entity_id": Item.of(str(e + 1) for e in entity.tolist())
    }  # fmt: skip
    if listing.bonds:
        result["struct_conn"] = _connections(listing)
    if plddt:
        result["ma_qa_metric"] = {"id": Item.of(["1"]), "mode": Item.of(["local"]), "name": Item.of(["pLDDT"]),
                                  "type": Item.of(["pLDDT"])}  # fmt: skip
    result["atom_site"] = _atom_site(listing, entity)
    return result


def _check(value: str, what: str, file: str) -> None:
    if not value and what not in ("insertion code", "element"):
        raise WriteError(f"{file}: {what} {value!r} is empty; name it")
    if not value.isprintable() or value != value.strip():
        raise WriteError(f"{file}: {what} {value!r} has blanks around it or control characters; rename it")


def _atom_site(listing: Listing, entity: NDArray[np.int64]) -> dict[str, Item]:
    table, count = listing.table, len(listing.table)
    polymer = np.array([m.kind in (PROTEIN, NUCLEIC) for m in listing.molecules])[listing.molecule]
    decimals = decimals_of(table.positions, 3, 5)
    return {
        "group_PDB": Item(Labels(("ATOM", "HETATM"), table.hetero.astype(np.int64))),
        "id": Item(np.arange(1, count + 1)),
        "type_symbol": Item(table.elements),
        "label_atom_id": Item(table.names),
        "label_alt_id": Item(Labels.constant("", count), null="."),
        "label_comp_id": Item(table.residue_names),
        "label_asym_id": Item(table.label_chains),
        "label_entity_id": Item(Labels(tuple(str(e + 1) for e in range(len(entity))), entity[listing.molecule])),
        "label_seq_id": Item(table.label_numbers, null=".", absent=~polymer),
        "pdbx_PDB_ins_code": Item(table.insertion_codes),
        **{item: Item(table.positions[:, axis], decimals) for axis, item in enumerate(COORDINATES)},
        "occupancy": Item(table.occupancies, decimals_of(table.occupancies, 2, 4)),
        "B_iso_or_equiv": Item(table.b_factors, decimals_of(table.b_factors, 2, 4)),
        "auth_seq_id": Item(table.numbers),
        "auth_comp_id": Item(table.residue_names),
        "auth_asym_id": Item(table.chains),
        "auth_atom_id": Item(table.names),
        "pdbx_PDB_model_num": Item(np.ones(count, dtype=np.int64)),
    }


def decimals_of(values: NDArray[np.float64], least: int, most: int) -> int:
    """The decimals with which every value is read back exactly in float32, within these bounds."""
    exact = values.astype(np.float32)
    return next((d for d in range(least, most) if (np.round(values, d).astype(np.float32) == exact).all()), most)


def _entities(listing: Listing) -> tuple[dict[str, Item], NDArray[np.int64]]:
    """The entity category, with the type of polymers as its description, and the entity of each molecule."""
    table = listing.table
    first = np.flatnonzero(np.diff(listing.residue, prepend=-1))
    names, numbers = table.residue_names.take(first).tolist(), table.label_numbers[first].tolist()
    starts = np.flatnonzero(np.diff(listing.molecule[first], prepend=-1)).tolist()
    entity_of_key: dict[tuple, int] = {}
    entity_numbers = []
    for molecule, start, end in zip(listing.molecules, starts, [*starts[1:], len(first)], strict=True):
        key: tuple = (molecule.kind,)
        if molecule.kind in (PROTEIN, NUCLEIC):
            key += (tuple(names[start:end]), tuple(numbers[start:end]))
        elif molecule.kind == NON_POLYMER:
            key += (names[start],)
        entity_numbers.append(entity_of_key.setdefault(key, len(entity_of_key)))
    kinds = {PROTEIN: "polymer", NUCLEIC: "polymer"}
    items = {
        "id": Item.of(str(i + 1) for i in range(len(entity_of_key))),
        "type": Item.of(kinds.get(key[0], key[0]) for key in entity_of_key),
        "pdbx_description": Item.of(map(_polymer_type, entity_of_key)),
    }
    return items, np.array(entity_numbers, dtype=np.int64)


def _polymer_type(key: tuple) -> str:
    if key[0] == NUCLEIC:
        return "polydeoxyribonucleotide" if _DNA.intersection(key[1]) else "polyribonucleotide"
    return "polypeptide(L)" if key[0] == PROTEIN else WATER if key[0] == WATER else ""


def _connections(listing: Listing) -> dict[str, Item]:
    table, bonds = listing.table, listing.bonds
    kinds = [_CONNECTIONS[bond.kind] for bond in bonds]
    items = {"id": Item.of(f"{k}{i + 1}" for i, k in enumerate(kinds)), "conn_type_id": Item.of(kinds)}
    ends = np.array([bond.atoms for bond in bonds])
    for side in (0, 1):
        at, who = ends[:, side], f"ptnr{side + 1}"
        polymer = np.array([listing.molecules[m].kind in (PROTEIN, NUCLEIC) for m in listing.molecule[at].tolist()])
        items |= {
            f"{who}_label_asym_id": Item(table.label_chains.take(at)),
            f"{who}_label_comp_id": Item(table.residue_names.take(at)),
            f"{who}_label_seq_id": Item(table.label_numbers[at], null=".", absent=~polymer),
            f"{who}_label_atom_id": Item(table.names.take(at)),
            f"pdbx_{who}_PDB_ins_code": Item(table.insertion_codes.take(at)),
            f"{who}_auth_asym_id": Item(table.chains.take(at)),
            f"{who}_auth_comp_id": Item(table.residue_names.take(at)),
            f"{who}_auth_seq_id": Item(table.numbers[at]),
            f"{who}_symmetry": Item(Labels.constant("1_555", len(at))),
        }
    distances = np.linalg.norm(table.positions[ends[:, 0]] - table.positions[ends[:, 1]], axis=1)
    return {**items, "pdbx_dist_value": Item(distances, 3)}


def _pad(texts: list[str]) -> list[str]:
    width = max(map(len, texts), default=0)
    return [text.ljust(width) for text in texts]

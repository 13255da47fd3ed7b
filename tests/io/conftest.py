"""Tiny structure files, made atom by atom in each of the three formats, so that a trap is visible in its test."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
import pytest
from biotite.structure.io.pdbx import (
    BinaryCIFBlock,
    BinaryCIFCategory,
    BinaryCIFColumn,
    BinaryCIFData,
    BinaryCIFFile,
)

from protein_enn.io import StructureError, read_structure
from protein_enn.structure import Structure

Atom = dict[str, Any]
Categories = Mapping[str, Mapping[str, list[str]]]
KINDS = ("pdb", "mmcif", "bcif")
LETTERS = {"A": "ALA", "C": "CYS", "G": "GLY", "K": "LYS", "M": "MET", "S": "SER", "T": "THR"}


def make_atom(name: str, number: int, x: float | str, **fields: Any) -> Atom:
    """One atom; unnamed fields are those of an alanine in chain A. Coordinates given as text are written as they are.

    `label_chain` and `label_number` are the author's chain and the place in it unless given; `serial` counts from 1.
    """
    defaults = {
        "record": "ATOM", "alt": "", "residue": "ALA", "chain": "A", "icode": "", "y": 1.0, "z": 2.0, "occ": 1.0,
        "b": 20.0, "element": name[:1], "model": 1, "serial": None, "label_chain": None, "label_number": None,
    }  # fmt: skip
    return {**defaults, **fields, "name": name, "number": number, "x": x}


def make_peptide(
    sequence: str | Iterable[str], *, chain: str = "A", start: int = 1, origin: tuple[float, float, float] = (0, 0, 0),
    **fields: Any,
) -> list[Atom]:  # fmt: skip
    """N, CA, C, O and CB (of L-amino acids) of a stretched chain with sound bonds; one-letter codes or names."""
    names = [LETTERS[s] if len(s) == 1 else s for s in sequence]
    steps = np.cumsum([0.0, *([1.244, 1.322, 1.090] * (len(names) + 1))])
    trace = np.stack([steps, 0.38 * (-1.0) ** np.arange(len(steps)), 0 * steps], axis=1) + origin
    atoms = []
    for i, name in enumerate(names):
        n, ca, c = trace[3 * i : 3 * i + 3]
        b, along = ca - n, c - ca
        cb = ca - 0.58273431 * np.cross(b, along) + 0.56802827 * b - 0.54067466 * along
        o = c + np.array([0.0, 1.23 * np.sign(c[1] - origin[1]), 0.0])
        for atom, xyz in (("N", n), ("CA", ca), ("C", c), ("O", o), ("CB", cb)):
            if name != "GLY" or atom != "CB":
                x, y, z = (round(float(v), 3) for v in xyz)
                atoms.append(make_atom(atom, start + i, x, y=y, z=z, residue=name, chain=chain, **fields))
    return atoms


def pdb_line(atom: Atom, serial: int = 1) -> str:
    """The 80 columns of an atom."""

    def real(value: float | str, width: int, digits: int) -> str:
        return f"{value:>{width}}" if isinstance(value, str) else f"{value:{width}.{digits}f}"

    name, element = str(atom["name"]), str(atom["element"])
    shown = name if len(name) == 4 or len(element) == 2 else f" {name}"
    serial = serial if atom["serial"] is None else atom["serial"]
    xyz = "".join(real(atom[axis], 8, 3) for axis in "xyz")
    return (
        f"{atom['record']:<6}{serial:>5} {shown:<4}{atom['alt']:1}{atom['residue']:>3}{atom['chain']:>2}"
        f"{atom['number']:>4}{atom['icode']:1}   {xyz}{real(atom['occ'], 6, 2)}{real(atom['b'], 6, 2)}"
        f"          {element:>2}"
    )


def _pdb(atoms: list[Atom]) -> bytes:
    lines = []
    several = len({a["model"] for a in atoms}) > 1
    for i, atom in enumerate(atoms):
        if several and (i == 0 or atom["model"] != atoms[i - 1]["model"]):
            lines += [*(["ENDMDL"] if i else []), f"MODEL     {atom['model']:>4}"]
        lines.append(pdb_line(atom, i + 1))
    return ("\n".join([*lines, *(["ENDMDL"] if several else []), "END"]) + "\n").encode()


def atom_site(atoms: list[Atom], drop: Iterable[str] = ()) -> dict[str, list[str]]:
    """Items of the category as text, `drop` left out; what is "" is null."""
    places: dict[str, dict[tuple, int]] = {}
    items: dict[str, list[str]] = {}
    for i, a in enumerate(atoms):
        label = a["chain"] if a["label_chain"] is None else a["label_chain"]
        inside = places.setdefault(label, {})
        place: Any = inside.setdefault((a["number"], a["icode"]), len(inside) + 1)
        if a["label_number"] is not None:
            place = a["label_number"]
        row = {
            "group_PDB": a["record"], "id": i + 1 if a["serial"] is None else a["serial"],
            "type_symbol": a["element"] or "?", "label_atom_id": a["name"], "label_alt_id": a["alt"] or ".",
            "label_comp_id": a["residue"], "label_asym_id": label or "?", "label_entity_id": "1",
            "label_seq_id": place, "pdbx_PDB_ins_code": a["icode"] or "?",
            "Cartn_x": a["x"], "Cartn_y": a["y"], "Cartn_z": a["z"], "occupancy": a["occ"], "B_iso_or_equiv": a["b"],
            "auth_seq_id": a["number"], "auth_comp_id": a["residue"], "auth_asym_id": a["chain"] or "?",
            "auth_atom_id": a["name"], "pdbx_PDB_model_num": a["model"],
        }  # fmt: skip
        for item, value in row.items():
            if item not in drop:
                items.setdefault(item, []).append(str(value).strip() or "?")
    return items


def _mmcif(categories: Categories) -> bytes:
    text = "data_TINY\n"
    for name, items in categories.items():
        rows = zip(*items.values(), strict=True)
        text += "#\nloop_\n" + "".join(f"_{name}.{item}\n" for item in items)
        text += "".join(" ".join(t if t in "?." else gemmi.cif.quote(t) for t in row) + "\n" for row in rows)
    return text.encode()


def _bcif(categories: Categories) -> bytes:
    blocks = {
        name: BinaryCIFCategory({item: _column(item, texts) for item, texts in items.items()})
        for name, items in categories.items()
    }
    stream = io.BytesIO()
    BinaryCIFFile({"TINY": BinaryCIFBlock(blocks)}).write(stream)
    return stream.getvalue()


def _column(item: str, texts: list[str]) -> BinaryCIFColumn:
    mask = np.array([(".", "?").index(t) + 1 if t in (".", "?") else 0 for t in texts], dtype=np.uint8)
    values = ["0" if m else t for t, m in zip(texts, mask, strict=True)]
    kind: type = str
    if item.startswith("Cartn_") or item in ("occupancy", "B_iso_or_equiv"):
        kind = float
    elif item in ("id", "label_seq_id", "auth_seq_id", "pdbx_PDB_model_num"):
        kind = int
    if any("_" in v for v in values):  # numpy would read 1_0 as 10
        kind = str
    try:
        array: Any = np.array(values).astype(kind)
    except (ValueError, OverflowError):
        array = np.array(values)
    return BinaryCIFColumn(BinaryCIFData(array), mask if mask.any() else None)


def encode(atoms: list[Atom], kind: str, *, drop: Iterable[str] = (), categories: Categories | None = None) -> bytes:
    """A file of these atoms; `drop` items of atom_site and further `categories` are for mmCIF and BinaryCIF."""
    if kind == "pdb":
        return _pdb(atoms)
    every = {**(categories or {}), "atom_site": atom_site(atoms, tuple(drop))}
    return _mmcif(every) if kind == "mmcif" else _bcif(every)


def read_checked(data: Any, **options: Any) -> Structure:
    """`read_structure`, and a check that no atom was lost or invented."""
    structure = read_structure(data, **options)
    atoms = structure.audit.atoms
    assert atoms.balanced, f"{atoms} does not balance"
    assert (atoms.protein, atoms.context) == (int(structure.present.sum()), len(structure.hetero))
    assert structure.positions.isfinite().all() and structure.hetero.positions.isfinite().all()
    assert not structure.positions[~structure.present].any()
    return structure


def refuse(data: Any, error: type[StructureError], *parts: str, **options: Any) -> str:
    """Check that reading raises this error; its message has the file, these parts and how to fix the file."""
    if isinstance(data, bytes):
        options.setdefault("name", "tiny")
    with pytest.raises(error) as caught:
        read_structure(data, **options)
    message = str(caught.value)
    assert message.startswith(str(options.get("name", data))), f"no file is named: {message}"
    assert ";" in message or "," in message.split(":", 1)[-1], f"no way to fix it: {message}"
    for part in parts:
        assert part in message, f"{part!r} is not in: {message}"
    return message


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each of the three formats."""
    return str(request.param)


@pytest.fixture(params=KINDS[1:])
def cif(request: pytest.FixtureRequest) -> str:
    """The two formats that have atom_site."""
    return str(request.param)


@pytest.fixture
def atom() -> Callable[..., Atom]:
    """`atom(name, number, x, **fields)`: see make_atom."""
    return make_atom


@pytest.fixture
def peptide() -> Callable[..., list[Atom]]:
    """`peptide(sequence, chain=, start=, origin=, **fields)`: see make_peptide."""
    return make_peptide


@pytest.fixture
def file_of() -> Callable[..., bytes]:
    """`file_of(atoms, kind, drop=, categories=)`: see encode."""
    return encode


@pytest.fixture
def read() -> Callable[..., Structure]:
    """`read(data, **options)`: see read_checked."""
    return read_checked


@pytest.fixture
def refused() -> Callable[..., str]:
    """`refused(data, error, *parts, **options)`: see refuse."""
    return refuse


@pytest.fixture
def atom_line() -> Callable[..., str]:
    """`atom_line(name, number, x, **fields)`: one line of a PDB file."""
    return lambda name, number, x, **fields: pdb_line(make_atom(name, number, x, **fields))


@pytest.fixture
def as_bytes() -> Callable[[list[str]], bytes]:
    """`as_bytes(lines)`: a file of these lines and END."""
    return lambda lines: ("\n".join([*lines, "END"]) + "\n").encode()


@pytest.fixture
def lines() -> list[str]:
    """Two alanines, 10 atoms."""
    return [
        pdb_line(make_atom(name, number, 1.0 + 4.0 * number + 0.5 * i))
        for number in (1, 2)
        for i, name in enumerate(("N", "CA", "C", "O", "CB"))
    ]


@pytest.fixture(scope="session")
def examples() -> Path:
    return Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def native(examples: Path) -> Structure:
    """A sound protein of 135 residues."""
    return read_structure(examples / "1bhl.pdb")

"""Small documents to start from: the package's examples cut short, and made-up ones full of what real files hold.

The made-up atoms are listed once, as text, and written as PDB, mmCIF and BinaryCIF.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from biotite.structure.io import pdbx

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ITEMS = (
    "group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id",
    "label_entity_id", "label_seq_id", "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy",
    "B_iso_or_equiv", "auth_seq_id", "auth_comp_id", "auth_asym_id", "auth_atom_id", "pdbx_PDB_model_num",
)  # fmt: skip
Atom = dict[str, str]

RESIDUES = """
1 A -1 . MET N CA C O CB CG SD CE
1 A 0 . GLY N CA C O H
1 A 52 . CYS N CA C O CB/A/.6 SG/A/.6 CB/B/.4 SG/B/.4
1 A 52 A SER/A/.5 N CA C O CB OG
1 A 52 A THR/B/.5 N CA C O CB OG1 CG2
1 A 53 . MSE N CA C O CB CG SE CE
1 B 1 . ALA N CA C O CB OXT
1 B 9 . UNK N CA C O CB D
1 C 1 . DG P O5' C5'
1 A 201 . HEM FE NA NB
1 A 202 . ZN ZN
1 A 301 . HOH O
1 A 302 . HOH O/A/.5 O/B/.5
"""
MODELS = "\n".join(f"{m} A {n} . {r} N CA C O" for m in (1, 2, 5) for n, r in ((1, "ALA"), (2, "SEP"), (4, "PRO")))


def atoms_of(listing: str) -> list[Atom]:
    """Atoms of lines "model chain number icode residue[/alt/occupancy] atom[/alt/occupancy] ..."."""
    atoms: list[Atom] = []
    for line in listing.split("\n"):
        if not line:
            continue
        model, chain, number, icode, residue, *names = line.split()
        residue, *whole = residue.split("/")
        for text in names:
            name, *part = text.split("/")
            i = len(atoms) % 97
            alternate, occupancy = part or whole or (".", "1.00")
            protein = residue not in ("HEM", "ZN", "HOH", "DG")
            values = (
                "ATOM" if protein or residue == "DG" else "HETATM", str(len(atoms) + 1),
                {"FE": "FE", "ZN": "ZN", "SE": "SE"}.get(name, name[0]), name, alternate, residue,
                chain if protein else chain + residue[0], "1" if protein else "2", number if protein else ".", icode,
                f"{1.4 * i - 40:.3f}", f"{(i * i) % 23 - 11.25:.3f}", f"{(i * 7) % 19:.3f}", occupancy,
                f"{10 + i % 60:.2f}", number, residue, chain, name, model,
            )  # fmt: skip
            atoms.append(dict(zip(ITEMS, values, strict=True)))
    return atoms


def pdb_line(atom: Atom) -> str:
    """80 columns."""
    name = atom["label_atom_id"]
    text = name if len(name) > 3 or len(atom["type_symbol"]) > 1 else f" {name}"
    alternate, icode = (atom[item].replace(".", " ") for item in ("label_alt_id", "pdbx_PDB_ins_code"))
    return (
        f"{atom['group_PDB']:<6}{atom['id']:>5} {text:<4}{alternate}{atom['auth_comp_id']:>3}"
        f"{atom['auth_asym_id']:>2}{atom['auth_seq_id']:>4}{icode}   {atom['Cartn_x']:>8}{atom['Cartn_y']:>8}"
        f"{atom['Cartn_z']:>8}{float(atom['occupancy']):6.2f}{atom['B_iso_or_equiv']:>6}{'':10}"
        f"{atom['type_symbol']:>2}  "
    )


def pdb_document(atoms: Sequence[Atom], *, models: bool = False) -> bytes:
    """Header, atoms and other records."""
    lines = [
        "HEADER    HYDROLASE                               01-JAN-00   9XYZ", "TITLE     MADE UP",
        "REMARK 350 BIOMOLECULE: 1", "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A, B",
        "REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000",
        "REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000",
        "REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000",
        "SSBOND   1 CYS A   52    CYS B    1                          1555   1555  2.03",
        "LINK        FE   HEM A 201                 O   HOH A 301     1555   1555  2.10",
        "CRYST1   50.000   60.000   70.000  90.00  90.00  90.00 P 21 21 21    4",
    ]  # fmt: skip
    previous: Atom = {}
    for atom in atoms:
        new = models and atom["pdbx_PDB_model_num"] != previous.get("pdbx_PDB_model_num")
        if new:
            lines += ["ENDMDL"] if previous else []
            lines += [f"MODEL     {atom['pdbx_PDB_model_num']:>4}"]
        elif previous and atom["label_asym_id"] != previous["label_asym_id"]:
            lines.append("TER")
        lines.append(pdb_line(atom))
        previous = atom
    lines += ["ENDMDL"] if models else []
    return ("\n".join([*lines, "CONECT    1    2", "END"]) + "\n").encode()


ASSEMBLY = """
loop_
_pdbx_struct_assembly.id
_pdbx_struct_assembly.details
1 'author defined'
2 ?
loop_
_pdbx_struct_assembly_gen.assembly_id
_pdbx_struct_assembly_gen.oper_expression
_pdbx_struct_assembly_gen.asym_id_list
1 1,2 A,B
2 '(1,2)(1-2)' A
loop_
_pdbx_struct_oper_list.id
_pdbx_struct_oper_list.matrix[1][1]
_pdbx_struct_oper_list.matrix[1][2]
_pdbx_struct_oper_list.matrix[1][3]
_pdbx_struct_oper_list.vector[1]
_pdbx_struct_oper_list.matrix[2][1]
_pdbx_struct_oper_list.matrix[2][2]
_pdbx_struct_oper_list.matrix[2][3]
_pdbx_struct_oper_list.vector[2]
_pdbx_struct_oper_list.matrix[3][1]
_pdbx_struct_oper_list.matrix[3][2]
_pdbx_struct_oper_list.matrix[3][3]
_pdbx_struct_oper_list.vector[3]
1 1 0 0 0.0 0 1 0 0.0 0 0 1 0.0
2 -1 0 0 50.0 0 -1 0 0.0 0 0 1 0.0
"""


def cif_document(atoms: Sequence[Atom], *, order: Sequence[str] = ITEMS) -> bytes:
    """Quotes (which end before a blank only), text fields, pairs, comments and categories other than the atoms."""
    head = [
        "data_9XYZ", "_entry.id 9XYZ", "# a comment with data_ and loop_", "_struct.title", ";a text field", "loop_",
        "_not.a_tag", ";", "_struct.note 'it's quoted'", "loop_", "_struct_conn.id", "_struct_conn.conn_type_id",
        "disulf1 disulf", '"two words" ?', *ASSEMBLY.strip().split("\n"),
        "loop_", *(f"_atom_site.{item}" for item in order),
    ]  # fmt: skip
    rows = [" ".join(_quoted(atom[item]) for item in order) for atom in atoms]
    return "\n".join([*head, *rows, "#", "_cell.length_a 50.0", ""]).encode()


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else text


def binary_document(atoms: Sequence[Atom]) -> bytes:
    """BinaryCIF in which each encoding of the format occurs."""
    columns = {}
    for item in ITEMS:
        texts = [atom[item] for atom in atoms]
        null = np.array([{".": 1, "?": 2}.get(t, 0) for t in texts], dtype=np.uint8)
        filler = "0" if item == "label_seq_id" else ""
        values = np.array([filler if n else t for t, n in zip(texts, null.tolist(), strict=True)])
        if item in ("Cartn_x", "B_iso_or_equiv"):
            data = pdbx.BinaryCIFData(values.astype(float), [
                pdbx.FixedPointEncoding(1000.0), pdbx.DeltaEncoding(), pdbx.IntegerPackingEncoding(2),
                pdbx.ByteArrayEncoding(),
            ])  # fmt: skip
        elif item == "Cartn_y":
            data = pdbx.BinaryCIFData(values.astype(float), [pdbx.ByteArrayEncoding()])
        elif item == "Cartn_z":
            interval = pdbx.IntervalQuantizationEncoding(-100.0, 100.0, 200001)
            data = pdbx.BinaryCIFData(values.astype(float), [interval, pdbx.ByteArrayEncoding()])
        elif item in ("auth_seq_id", "label_seq_id", "pdbx_PDB_model_num"):
            data = pdbx.BinaryCIFData(values.astype(int), [pdbx.RunLengthEncoding(), pdbx.ByteArrayEncoding()])
        else:
            data = pdbx.BinaryCIFData(values)
        columns[item] = pdbx.BinaryCIFColumn(data, null if null.any() else None)
    return _packed(pdbx.BinaryCIFCategory(columns))


def _packed(category: pdbx.BinaryCIFCategory) -> bytes:
    entry = pdbx.BinaryCIFCategory({"id": pdbx.BinaryCIFColumn(np.array(["9XYZ"]))})
    block = pdbx.BinaryCIFBlock({"entry": entry, "atom_site": category})
    stream = io.BytesIO()
    pdbx.BinaryCIFFile({"9XYZ": block}).write(stream)
    return stream.getvalue()


def _example_pdb(residues: int) -> bytes:
    lines = (EXAMPLES / "1bhl.pdb").read_bytes().split(b"\n")
    atoms = [line for line in lines if line.startswith((b"ATOM", b"HETATM"))]
    first = [line for line in atoms if 50 < int(line[22:26]) <= 50 + residues]
    return b"\n".join([*lines[:2], *first, b"TER", *atoms[-5:], b"END", b""])


def _example_cif(rows: int) -> bytes:
    lines = (EXAMPLES / "2gtl_chain_a.cif").read_bytes().split(b"\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(b"ATOM"))
    return b"\n".join([*lines[: start + rows], b""])


def _example_binary(rows: int) -> bytes:
    category = pdbx.BinaryCIFFile.read(EXAMPLES / "2gtl_chain_a.bcif").block["atom_site"]
    columns = {}
    for item, column in category.items():
        mask = None if column.mask is None else column.mask.array[:rows]
        columns[item] = pdbx.BinaryCIFColumn(column.data.array[:rows], mask)
    return _packed(pdbx.BinaryCIFCategory(columns))


@cache
def seeds(format: str) -> tuple[bytes, ...]:
    """Documents in "pdb", "mmcif" or "bcif" that the reader accepts; the same on every machine."""
    made, models = atoms_of(RESIDUES.strip()), atoms_of(MODELS)
    large = [
        {**atom, "id": "A0000", "auth_seq_id": "A00" + "012Z"[min(int(atom["auth_seq_id"]) // 2, 3)],
         "auth_asym_id": "xY"} for atom in models[:12]
    ]  # fmt: skip
    tiny = [{**atom, "id": "1"} for atom in models[:4]]
    woven = sorted(models, key=lambda atom: (atom["auth_seq_id"], atom["label_atom_id"]))
    uncertain = [{**atom, "Cartn_x": atom["Cartn_x"] + "(5)", "B_iso_or_equiv": "?"} for atom in made[:20]]
    if format == "pdb":
        documents = [pdb_document(atoms) for atoms in (made, large, tiny)]
        return (_example_pdb(10), _example_pdb(35), *documents, pdb_document(models, models=True))
    if format == "mmcif":
        few = [item for item in ITEMS if not item.startswith("auth") and item != "pdbx_PDB_model_num"]
        documents = [cif_document(atoms) for atoms in (made, woven, uncertain, tiny)]
        return (_example_cif(60), *documents, cif_document(made, order=few[::-1]))
    return (_example_binary(60), *(binary_document(atoms) for atoms in (made, woven, tiny)))

"""Assemblies and connections of an mmCIF or BinaryCIF block, as a gemmi.Structure without atoms.

gemmi's own reading (0.7.5) is not used for these. It takes only the first factor of an operator expression
`(1-60)(61-88)`, leaves out operators that are not defined and assemblies with unknown details, and cannot resolve a
connection that is given by label ids alone.
"""

from __future__ import annotations

import itertools
import re

import gemmi

LABEL_IDS = "label ids"
"""`link_id` of a connection whose partners are named by label chain and number."""
MOST_OPERATORS = 100_000
"""Most operators of an expression; a larger one is not expanded."""

_KINDS = {
    "disulf": gemmi.ConnectionType.Disulf, "metalc": gemmi.ConnectionType.MetalC,
    "hydrog": gemmi.ConnectionType.Hydrog, "modres": gemmi.ConnectionType.Covale,
}  # fmt: skip

Row = dict[str, str]


def read_header(block: gemmi.cif.Block) -> gemmi.Structure:
    """The declarations of the block. An undefined operator gets a matrix of NaN, so that its use is refused."""
    header = gemmi.Structure()
    header.name = block.name
    operators = {row.get("id", ""): _transform(row) for row in _rows(block, "_pdbx_struct_oper_list.")}
    assemblies: dict[str, gemmi.Assembly] = {}
    for row in _rows(block, "_pdbx_struct_assembly_gen."):
        name = row.get("assembly_id", "")
        generator = gemmi.Assembly.Gen()
        generator.subchains = [chain.strip() for chain in row.get("asym_id_list", "").split(",") if chain.strip()]
        for combination in expand(row.get("oper_expression", "")):
            generator.operators.append(_operator(combination, operators))
        assemblies.setdefault(name, gemmi.Assembly(name)).generators.append(generator)
    for assembly in assemblies.values():
        header.assemblies.append(assembly)
    for row in _rows(block, "_struct_conn."):
        header.connections.append(_connection(row))
    return header


def expand(expression: str) -> list[tuple[str, ...]]:
    """Combinations of operators of an expression: `(1-2)(X0,7)` is 1 X0, 1 7, 2 X0, 2 7; the right one is applied
    first. An expression that cannot be expanded stays one name."""
    factors = []
    for part in re.findall(r"[^()]+", expression):
        names: list[str] = []
        for item in filter(None, (item.strip() for item in part.split(","))):
            ends = re.fullmatch(r"(\d{1,9})\s*-\s*(\d{1,9})", item)
            first, last = map(int, ends.groups()) if ends else (0, -1)
            names += [str(n) for n in range(first, last + 1)] if 0 <= last - first < MOST_OPERATORS else [item]
        if names:
            factors.append(names)
    total = 1
    for names in factors:
        total *= len(names)
    return list(itertools.product(*factors)) if factors and total <= MOST_OPERATORS else [(expression,)]


def _operator(combination: tuple[str, ...], operators: dict[str, gemmi.Transform]) -> gemmi.Assembly.Operator:
    operator = gemmi.Assembly.Operator()
    operator.name = " ".join(combination)
    transforms = [operators.get(name, _transform({})) for name in combination]
    transform = transforms[0]
    for following in transforms[1:]:
        transform = transform.combine(following)
    operator.transform = transform
    return operator


def _transform(row: Row) -> gemmi.Transform:
    transform = gemmi.Transform()
    transform.mat.fromlist([[_number(row, f"matrix[{i}][{j}]") for j in (1, 2, 3)] for i in (1, 2, 3)])
    transform.vec.fromlist([_number(row, f"vector[{i}]") for i in (1, 2, 3)])
    return transform


def _number(row: Row, item: str) -> float:
    try:
        return float(row.get(item, "").partition("(")[0])
    except ValueError:
        return float("nan")


def _connection(row: Row) -> gemmi.Connection:
    connection = gemmi.Connection()
    connection.name = row.get("id", "")
    kind = row.get("conn_type_id", "").lower()
    covalent = gemmi.ConnectionType.Covale if kind.startswith("covale") else gemmi.ConnectionType.Unknown
    connection.type = _KINDS.get(kind, covalent)
    first, second = row.get("ptnr1_symmetry", ""), row.get("ptnr2_symmetry", "")
    if first and second:
        connection.asu = gemmi.Asu.Same if first == second else gemmi.Asu.Different
    distance = _number(row, "pdbx_dist_value")
    connection.reported_distance = distance if distance > 0 else 0.0
    by_label = not all(row.get(f"ptnr{i}_auth_asym_id") and row.get(f"ptnr{i}_auth_seq_id") for i in (1, 2))
    connection.link_id = LABEL_IDS if by_label else ""
    connection.partner1, connection.partner2 = (_partner(row, i, "label" if by_label else "auth") for i in (1, 2))
    return connection


def _partner(row: Row, i: int, ids: str) -> gemmi.AtomAddress:
    number = re.fullmatch(r"(-?\d{1,9})([A-Za-z]?)", row.get(f"ptnr{i}_{ids}_seq_id", ""))
    code = row.get(f"pdbx_ptnr{i}_pdb_ins_code", "") or (number[2] if number else "")
    return gemmi.AtomAddress(
        row.get(f"ptnr{i}_{ids}_asym_id", ""),
        gemmi.SeqId(int(number[1]) if number else 0, code[:1] or " "),
        row.get(f"ptnr{i}_label_comp_id", "") or row.get(f"ptnr{i}_auth_comp_id", ""),
        row.get(f"ptnr{i}_label_atom_id", "") or row.get(f"ptnr{i}_auth_atom_id", ""),
        (row.get(f"pdbx_ptnr{i}_label_alt_id", "") or "\0")[0],
    )


def _rows(block: gemmi.cif.Block, category: str) -> list[Row]:
    """Rows of a category by item in lower case, nulls as ""."""
    columns = block.get_mmcif_category(category)
    items = [item.lower() for item in columns]
    return [dict(zip(items, [str(v or "") for v in row], strict=True)) for row in zip(*columns.values(), strict=True)]

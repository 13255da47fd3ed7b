"""Assemblies and connections of an mmCIF or BinaryCIF block.

gemmi's own reading (0.7.5) is not used for these. It takes only the first factor of an operator expression
`(1-60)(61-88)`, leaves out operators that are not defined and assemblies with unknown details, and cannot resolve a
connection that is given by label ids alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import gemmi

from protein_enn.io.errors import FormatError, StructureError
from protein_enn.io.formats.budget import Budget
from protein_enn.io.formats.document import Header
from protein_enn.io.formats.operators import MOST_OPERATORS, count_operators, expand

LABEL_IDS = "label ids"
"""`link_id` of a connection whose partners are named by label chain and number."""

_KINDS = {
    "disulf": gemmi.ConnectionType.Disulf, "metalc": gemmi.ConnectionType.MetalC,
    "hydrog": gemmi.ConnectionType.Hydrog, "modres": gemmi.ConnectionType.Covale,
}  # fmt: skip
_PARTNER = (
    "ptnr{}_symmetry", "ptnr{}_auth_asym_id", "ptnr{}_auth_seq_id", "ptnr{}_auth_comp_id", "ptnr{}_auth_atom_id",
    "ptnr{}_label_asym_id", "ptnr{}_label_seq_id", "ptnr{}_label_comp_id", "ptnr{}_label_atom_id",
    "pdbx_ptnr{}_pdb_ins_code", "pdbx_ptnr{}_label_alt_id",
)  # fmt: skip
CONNECTIONS, GENERATORS, OPERATORS = "_struct_conn.", "_pdbx_struct_assembly_gen.", "_pdbx_struct_oper_list."
ITEMS: dict[str, frozenset[str]] = {
    CONNECTIONS: frozenset(
        ("id", "conn_type_id", "pdbx_dist_value", *(item.format(i) for item in _PARTNER for i in (1, 2)))
    ),
    GENERATORS: frozenset(("assembly_id", "oper_expression", "asym_id_list")),
    OPERATORS: frozenset(
        ("id", *(f"matrix[{i}][{j}]" for i in (1, 2, 3) for j in (1, 2, 3)), *(f"vector[{i}]" for i in (1, 2, 3)))
    ),
}
"""The items that are read, in lower case, by category."""

Row = dict[str, str]
_QUOTES = ("'", '"', ";", "")


def read_header(block: gemmi.cif.Block, file: str, budget: Budget) -> Header:
    """The declarations of the block. An assembly is expanded when it is asked for.

    Parameters
    ----------
    block
        Of the file.
    file
        Name for messages.
    budget
        Limits the rows.

    Raises
    ------
    FormatError
        There are more rows than the file can honestly hold.
    """
    connections = [_connection(row) for row in _rows(block, CONNECTIONS, file, budget)]
    generators = list(_rows(block, GENERATORS, file, budget))
    names = dict.fromkeys(row.get("assembly_id", "") for row in generators)

    def assembly(name: str) -> gemmi.Assembly:
        operators = {row.get("id", ""): _transform(row) for row in _rows(block, OPERATORS, file, budget)}
        return _assembly(name, [row for row in generators if row.get("assembly_id", "") == name], operators, file)

    return Header(block.name, connections, tuple(names), assembly)


def _assembly(name: str, generators: list[Row], operators: dict[str, gemmi.Transform], file: str) -> gemmi.Assembly:
    """An undefined operator gets a matrix of NaN, so that its use is refused."""
    for count in itertools.accumulate(count_operators(row.get("oper_expression", "")) for row in generators):
        if count > MOST_OPERATORS:
            raise StructureError(
                f"{file}: assembly {name} has more than {MOST_OPERATORS} operators; read it without assembly"
            )
    assembly = gemmi.Assembly(name)
    for row in generators:
        generator = gemmi.Assembly.Gen()
        generator.subchains = [chain.strip() for chain in row.get("asym_id_list", "").split(",") if chain.strip()]
        for combination in expand(row.get("oper_expression", "")):
            generator.operators.append(_operator(combination, operators))
        assembly.generators.append(generator)
    return assembly


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


def _rows(block: gemmi.cif.Block, category: str, file: str, budget: Budget) -> Iterator[Row]:
    """Rows of a category by item in lower case, nulls as ""."""
    try:
        table = block.find_mmcif_category(category)
    except RuntimeError as error:  # a loop with tags of two categories
        raise FormatError(f"{file}: {error}; correct the loop") from error
    budget.check_rows(len(table), category, file)
    columns = {tag[len(category) :].lower(): i for i, tag in enumerate(table.tags)}
    columns = {item: i for item, i in columns.items() if item in ITEMS[category]}
    for row in zip(*(map(_plain, table.column(i)) for i in columns.values()), strict=True):
        yield dict(zip(columns, row, strict=True))


def _plain(value: str) -> str:
    if value in ("?", "."):
        return ""
    return gemmi.cif.as_string(value) if value[:1] in _QUOTES else value

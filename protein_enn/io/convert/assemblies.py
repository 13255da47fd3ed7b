"""Biological assemblies: copies of chains, as declared by PDB REMARK 350 or the assembly categories of mmCIF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import gemmi
import numpy as np
from numpy.typing import NDArray

from protein_enn.io.errors import EmptyStructureError, FormatError, StructureError
from protein_enn.io.formats.budget import MOST_COPIED
from protein_enn.io.formats.document import Header
from protein_enn.io.table.atoms import AtomTable
from protein_enn.io.table.labels import Labels, ranks

TOLERANCE = 1e-2
"""Tolerance of the determinant (1) and of the orthonormal rows of a rotation matrix."""
Block = tuple[NDArray[np.int64], gemmi.Assembly.Operator]
"""Rows of atoms, and the operator that moves them."""
NO_CHAIN_ID = "NULL"
"""The name in REMARK 350 of the chain with a blank id."""


def build_assembly(table: AtomTable, header: Header, assembly: str, file: str, most: int = MOST_COPIED) -> AtomTable:
    """The atoms of an assembly, operator by operator; `rows` are those of the original atoms.

    The first copy of chain A keeps its id, the next ones are "A-2", "A-3", ...; all molecules of one author chain are
    numbered together. Numbers that are part of other chain ids are left out. The identity does not change coordinates.

    Parameters
    ----------
    table
        The atoms of a model.
    header
        Its assemblies.
    assembly
        The id of one.
    file
        Name for messages.
    most
        Most atoms of the assembly.

    Raises
    ------
    EmptyStructureError
        There is no such assembly, or none of its chains is in the table.
    FormatError
        An operator is no rotation.
    StructureError
        The assembly has more than `most` atoms, or too many operators.
    """
    blocks: list[Block] = []
    total = 0
    for atoms, operator in _blocks(table, _find_assembly(header, assembly, file)):
        blocks.append((atoms, operator))
        total += len(atoms)
        if total > most:
            raise StructureError(
                f"{file}: assembly {assembly} has more than {most} atoms, the limit for a file of this size;"
                " read it without assembly"
            )
    if not total:
        raise EmptyStructureError(f"{file}: assembly {assembly} has no chains of this file; read it without assembly")
    for _, operator in blocks:
        _check(operator, assembly, file)
    index = np.concatenate([atoms for atoms, _ in blocks])
    positions = np.concatenate([_transform(table.positions[atoms], operator) for atoms, operator in blocks])
    copies = _copies(table, blocks)
    return replace(
        table.take(index),
        positions=positions,
        chains=_rename_chains(table.chains, index, copies),
        label_chains=_rename_chains(table.label_chains, index, copies),
    )


def _find_assembly(header: Header, assembly: str, file: str) -> gemmi.Assembly:
    names = header.assemblies
    if assembly in names:
        return header.assembly(assembly)
    available = f"there are {', '.join(names[:20])}" if names else "the file declares none"
    raise EmptyStructureError(f"{file}: no assembly {assembly!r}; {available}")


def _blocks(table: AtomTable, assembly: gemmi.Assembly) -> Iterator[Block]:
    """Atoms and the operator that moves them; an operator is applied once to each chain."""

    @cache
    def atoms(author: frozenset[str], label: frozenset[str]) -> NDArray[np.int64]:
        return np.flatnonzero(table.chains.are(*author) | table.label_chains.are(*label))

    chains_of_operator: dict[tuple[float, ...], tuple[frozenset[str], frozenset[str]]] = {}
    for generator in assembly.generators:
        author = frozenset("" if c == NO_CHAIN_ID and c not in table.chains.values else c for c in generator.chains)
        label = frozenset(generator.subchains)
        for operator in generator.operators:
            previous = chains_of_operator.get(_key(operator), (frozenset(), frozenset()))
            chains_of_operator[_key(operator)] = (previous[0] | author, previous[1] | label)
            yield atoms(author - previous[0], label - previous[1]), operator


def _key(operator: gemmi.Assembly.Operator) -> tuple[float, ...]:
    """An operator by its matrix and shift: numbers in REMARK 350 may restart with each group of chains."""
    return (*np.array(operator.transform.mat.tolist()).ravel().tolist(), *operator.transform.vec.tolist())


def _check(operator: gemmi.Assembly.Operator, assembly: str, file: str) -> None:
    matrix, shift = np.array(operator.transform.mat.tolist()), np.array(operator.transform.vec.tolist())
    name = f"operator {operator.name or '?'} of assembly {assembly}"
    if not (np.isfinite(matrix).all() and np.isfinite(shift).all()):
        raise FormatError(f"{file}: {name} is not defined, or not by finite numbers; define it, or read no assembly")
    determinant = float(np.linalg.det(matrix))
    if abs(determinant - 1) > TOLERANCE or np.abs(matrix @ matrix.T - np.eye(3)).max() > TOLERANCE:
        raise FormatError(f"{file}: {name} is no rotation (determinant {determinant:.3f}); correct its matrix")


def _transform(positions: NDArray[np.float64], operator: gemmi.Assembly.Operator) -> NDArray[np.float64]:
    matrix, shift = np.array(operator.transform.mat.tolist()), np.array(operator.transform.vec.tolist())
    if (matrix == np.eye(3)).all() and not shift.any():
        return positions
    return positions @ matrix.T + shift


def _copies(table: AtomTable, blocks: list[Block]) -> NDArray[np.int64]:
    """The copy, from 1, of each atom of all blocks: the rank of its operator among the operators of its chain."""
    ids = (*table.chains.values, *table.label_chains.values)
    used = {int(end[1]) for end in (re.search(r"-([1-9]\d{0,8})$", name) for name in ids) if end}
    free = [1] + [n for n in range(2, len(blocks) + len(used) + 2) if n not in used]
    operators_of_chain: list[dict[tuple[float, ...], int]] = [{} for _ in table.chains.values]
    numbers = []
    for atoms, operator in blocks:
        codes, key = table.chains.codes[atoms], _key(operator)
        number = np.zeros(len(operators_of_chain), dtype=np.int64)
        for chain in np.unique(codes).tolist():
            number[chain] = free[operators_of_chain[chain].setdefault(key, len(operators_of_chain[chain]))]
        numbers.append(number[codes])
    return np.concatenate(numbers)


def _rename_chains(chains: Labels, index: NDArray[np.int64], copies: NDArray[np.int64]) -> Labels:
    """Ids of the chosen atoms, with the number of the copy from the second copy on."""
    most = int(copies.max()) + 1
    codes = chains.codes[index] * most + copies
    occurring, new_codes = ranks(codes)
    names = [(chains.values[code // most], code % most) for code in occurring.tolist()]
    return Labels(tuple(name if copy == 1 else f"{name}-{copy}" for name, copy in names), new_codes)

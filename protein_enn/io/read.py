"""Read a structure from a file or from bytes of any format in `formats.table`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from protein_enn.io.checks.gaps import find_gaps
from protein_enn.io.checks.plausibility import find_implausible
from protein_enn.io.checks.residues import describe_residues
from protein_enn.io.convert.assemble import assemble
from protein_enn.io.convert.assemblies import build_assembly
from protein_enn.io.convert.links import find_links
from protein_enn.io.convert.numbering import numbers_in_order
from protein_enn.io.convert.record import Record
from protein_enn.io.errors import EmptyStructureError
from protein_enn.io.files import decompress, read_bytes
from protein_enn.io.formats.budget import Budget
from protein_enn.io.formats.document import Document
from protein_enn.io.formats.recognize import recognize
from protein_enn.io.formats.table import FORMATS, load, stem
from protein_enn.structure import Source, Structure
from protein_enn.structure.audit import AtomBalance, Audit, Finding

Reader = Callable[[bytes, str, str | None, bool, int | None], Document]


def read_structure(
    path: str | Path | bytes,
    *,
    model: int = 1,
    assembly: str | None = None,
    block: str | None = None,
    lenient: bool = False,
    repair: bool = True,
    predicted: bool | None = None,
    name: str | None = None,
) -> Structure:
    """Read the protein and its context from a PDB, mmCIF or BinaryCIF file, plain or gzipped.

    Parameters
    ----------
    path
        A file, the bytes of a file, or "-" for standard input. The format is recognized by the content.
    model
        Number of the model, counted from 1 in file order.
    assembly
        Id of the biological assembly to build. Copies of chain A are called A-2, A-3, ... The default is the atoms in
        the file.
    block
        Name of the mmCIF data block to read where several contain atoms.
    lenient
        Leave out atoms without coordinates (blank, ?, NaN) and count them. By default they are an error.
    repair
        Repair or drop single impossible atoms (given twice with other coordinates, of negative occupancy, with a digit
        as insertion code, models without MODEL lines) and read the rest; each is a finding of severity error. False:
        refuse such files.
    predicted
        Whether the B-factor column contains pLDDT (0 to 100). By default what the file declares.
    name
        Name of the structure. By default the file name without its suffix.

    Returns
    -------
    Structure
        n residues, positions in Å. Its `audit` records what was chosen, changed or dropped.

    Raises
    ------
    StructureError
        Always a subclass. The message contains what is wrong and how to fix it.

    Examples
    --------
    >>> structure = read_structure("examples/1bhl.pdb")
    >>> structure
    Structure('1bhl', 135 residues in 1 chain, 1042 atoms, 59 hetero atoms)
    >>> structure.positions.shape
    torch.Size([135, 37, 3])
    """
    reading = _Reading(path, block, lenient, repair, name)
    return reading.structure(model, assembly, predicted)


def read_models(
    path: str | Path | bytes,
    *,
    assembly: str | None = None,
    block: str | None = None,
    lenient: bool = False,
    repair: bool = True,
    predicted: bool | None = None,
    name: str | None = None,
) -> list[Structure]:
    """Read all models of a file.

    Parameters
    ----------
    path, assembly, block, lenient, repair, predicted, name
        As for `read_structure`.

    Returns
    -------
    list[Structure]
        One structure per model; they need not have the same atoms.

    Raises
    ------
    StructureError
        As for `read_structure`.

    Examples
    --------
    >>> len(read_models("examples/2gtl_chain_a.cif"))
    1
    """
    reading = _Reading(path, block, lenient, repair, name)
    return [reading.structure(i + 1, assembly, predicted) for i in range(reading.document.models)]


def open_document(
    data: bytes, file: str, format: str, block: str | None = None, lenient: bool = False, size: int | None = None
) -> Document:
    """Parse decompressed bytes.

    Parameters
    ----------
    data
        The whole content of a file.
    file
        Name for messages.
    format
        The name of its format.
    block
        The mmCIF data block to read where several contain atoms.
    lenient
        Whether atoms may lack coordinates.
    size
        Bytes of the file, which limit what it may hold, if it was compressed.

    Raises
    ------
    StructureError
        The bytes break the rules of the format.
    """
    reader: Reader = load(FORMATS[format].reader)
    return reader(FORMATS[format].content(data), file, block, lenient, size)


class _Reading:
    """One file, parsed once."""

    def __init__(
        self, path: str | Path | bytes, block: str | None, lenient: bool, repair: bool, name: str | None
    ) -> None:
        if isinstance(path, bytes):
            data, self.file = path, name or "structure"
        else:
            data, self.file = read_bytes(path), "standard input" if str(path) == "-" else str(path)
        self.size = len(data)
        data = decompress(data, self.file)
        self.format = recognize(data, self.file)
        self.data, self.block, self.repair = data, block, repair
        self.name = name or stem(self.file)
        self.document = open_document(data, self.file, self.format, block, lenient, self.size)

    def structure(self, model: int, assembly: str | None, predicted: bool | None) -> Structure:
        document, file = self.document, self.file
        if not 1 <= model <= document.models:
            raise EmptyStructureError(f"{file}: no model {model}; there are {document.models}, counted from 1")
        table = document.atoms(model)
        if not len(table):
            raise EmptyStructureError(f"{file}: model {model} has no atoms; choose another of {document.models}")
        copied = left_out = 0
        if assembly is not None:
            built = build_assembly(table, document.header(), assembly, file, Budget(self.size).copied_atoms)
            left_out = len(table) - len(np.unique(built.rows))
            copied, table = len(built) - len(table) + left_out, built
        record = Record(findings=[*document.findings, *table.findings])
        record.dropped.update(document.left_out)
        record.dropped["not in the assembly"] = left_out
        record.dropped.update({"other model": document.atoms_in_file - sum(document.left_out.values())
                               - document.atoms_by_model[model - 1]})  # fmt: skip
        none = torch.zeros(0, 37, dtype=torch.long)
        source = Source(data=self.data, format=self.format, path=file, rows=none, block=self.block)
        structure = assemble(table, self.name, file, source, record, self.repair)
        gaps = find_gaps(structure)
        if (table.in_polymer == -1).all():  # the file has no label numbers
            structure = replace(structure, label_numbers=numbers_in_order(structure))
        links, link_findings = find_links(structure, document.header(), record.renamed)
        structure = replace(
            structure,
            links=links,
            predicted=document.predicted if predicted is None else predicted,
            source=structure.source if assembly is None else None,
        )
        findings = (
            *_model_findings(document, model),
            *_b_factor_findings(table.without_b_factor),
            *record.findings,
            *describe_residues(structure),
            *link_findings,
            *find_implausible(structure),
        )
        atoms = AtomBalance(
            in_file=document.atoms_in_file,
            copied=copied,
            protein=int(structure.present.sum()),
            context=len(structure.hetero),
            dropped={reason: count for reason, count in record.dropped.items() if count},
        )
        audit = Audit(file, self.format, model, document.models, assembly, atoms, findings, gaps)
        return replace(structure, audit=audit)


def _model_findings(document: Document, model: int) -> list[Finding]:
    if document.models == 1:
        return []
    return [Finding("model-chosen", "note", f"model {model} of {document.models} was read", document.models - 1)]


def _b_factor_findings(absent: int) -> list[Finding]:
    return (
        [Finding("b-factors-absent", "note", f"{absent} B factors are not given: taken as 0", absent)] if absent else []
    )

"""Read a structure from a path or from bytes, whatever of the three formats it is in."""

from __future__ import annotations

from pathlib import Path

import torch

from protein_enn.io import binarycif, mmcif, pdb
from protein_enn.io.assemble import assemble
from protein_enn.io.files import decompress, normalise, read_bytes, sniff, stem
from protein_enn.structure import Source, Structure

READERS = {"pdb": pdb.read_atoms, "mmcif": mmcif.read_atoms, "bcif": binarycif.read_atoms}


def read_structure(path: str | Path | bytes, *, model: int = 1, name: str | None = None) -> Structure:
    """The protein and its context in a PDB, mmCIF or BinaryCIF file, plain or gzipped, or in the bytes of one.

    `model` counts models from 1 in file order, whatever their numbers. `name` defaults to the file name without suffix.
    What was chosen, changed or dropped is in `Structure.audit`. Every failure is a StructureError.
    """
    if isinstance(path, bytes):
        data, file = path, name or "structure"
    else:
        data, file = read_bytes(path), str(path)
    data = decompress(data, file)
    kind = sniff(data, file)
    if kind != "bcif":
        data = normalise(data)
    table = READERS[kind](data, file, model)
    source = Source(data=data, format=kind, path=file, rows=torch.zeros(0, 37, dtype=torch.long))
    return assemble(table, name or stem(file), file, source)

"""Write a structure: into a copy of the file it was read from where that can be, else into a new file."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from numpy import float32
from numpy.typing import NDArray
from torch import Tensor

from protein_enn.io import atomic, read
from protein_enn.io.errors import WriteError
from protein_enn.io.formats.table import FORMATS, format_of_suffix, load
from protein_enn.io.table.atoms import FARTHEST
from protein_enn.io.write import new_document
from protein_enn.io.write.added_atoms import Addition, find_additions
from protein_enn.io.write.edits import Revision, revise
from protein_enn.structure import Source, Structure

Editor = Callable[[bytes, str, Revision, str | None], bytes]
Inserter = Callable[[bytes, str, list[Addition], str | None], bytes]
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def write_structure(
    structure: Structure,
    path: str | Path,
    *,
    b_factors: Float[Tensor, "n"] | Float[Tensor, "n 37"] | None = None,
    format: str | None = None,
) -> None:
    """Write to `path` (gzipped when it ends in .gz), atomically; `format` defaults to what its suffix says.

    A structure that still carries its source, in the same format, is written into a copy of that document: numbers that
    differ from those read, and `b_factors` (Å^2 or a confidence, per residue or per atom) when given, replace the old
    ones there, and everything else stays to the byte: headers, hydrogens, other models and conformers, line ends.
    Hydrogens follow their residue, and all atoms of the model follow a motion of the whole structure. Atoms that were
    added to residues get lines of their own behind those of their residue (not in BinaryCIF), numbered on at the end.

    Otherwise, and when residues or other atoms are no longer those of the source, the new file holds atoms, links and
    entities alone: coordinates to 0.001 Å in PDB, and in mmCIF and BinaryCIF to what their float32 values need, at
    most 0.00001 Å. Raises WriteError for what the format cannot hold; an older file then stays as it was.
    """
    data = structure_bytes(structure, b_factors=b_factors, format=format or format_of(path), file=str(path))
    if str(path).lower().endswith(".gz"):
        data = gzip.compress(data, mtime=0)  # the same bytes whenever they are written
    try:
        atomic.write_bytes(path, data)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise WriteError(f"{path}: cannot be written ({reason}); check the folder and its space") from error


def structure_bytes(
    structure: Structure, *, b_factors: Tensor | None = None, format: str, file: str = "structure"
) -> bytes:
    """What `write_structure` writes, before compression."""
    if format not in FORMATS:
        raise WriteError(f"{file}: no format {format!r}; there are {', '.join(FORMATS)}")
    _check_finite(structure, file)
    shown = None if b_factors is None else _per_atom(structure, b_factors, file)
    source = structure.source
    if source is not None and source.format == format and len(source.rows) == len(structure):
        data = _into_source(structure, source, shown, file)
        if data is not None:
            return data
    return new_document.document(structure, shown, format, file)


def format_of(path: str | Path) -> str:
    """The name of the format that the suffix of a file stands for, .gz aside; WriteError for an unknown suffix."""
    suffix = Path(str(path).lower().removesuffix(".gz")).suffix
    if (format := format_of_suffix(suffix)) is None:
        known = ", ".join(format.suffix for format in FORMATS.values())
        raise WriteError(f"{path}: unknown suffix {suffix!r}; use {known} (or with .gz), or name the format")
    return format.name


def _into_source(
    structure: Structure, source: Source, b_factors: NDArray[float32] | None, file: str
) -> bytes | None:  # fmt: skip
    """The source document with the numbers of the structure; None when it cannot hold them."""
    format = FORMATS[source.format]
    document = read.open_document(source.data, source.path, source.format, source.block, lenient=True)
    revision = revise(structure, document.atoms(structure.audit.model), source, b_factors)
    if revision is None:
        return None
    added = find_additions(structure, source, b_factors)
    if added is None or (added and format.inserter is None):
        return None
    changed = any(len(cells.rows) for cells in revision.values())
    if not added and not changed:
        return source.data
    text = new = format.content(source.data)
    if changed:
        editor: Editor = load(format.editor)
        new = editor(text, file, revision, source.block)
    if added and format.inserter is not None:
        inserter: Inserter = load(format.inserter)
        new = inserter(new, file, added, source.block)
    return new if text is source.data else _with_ends_of(source.data, new)


def _with_ends_of(old: bytes, new: bytes) -> bytes:
    """`new`, whose lines begin like those of `old`, with its byte order mark and line ends."""
    mark = _BYTE_ORDER_MARK if old.startswith(_BYTE_ORDER_MARK) else b""
    ends = re.findall(rb"\r\n|\r|\n", old)
    lines = new.split(b"\n")
    if len(lines) != len(ends) + 1:  # lines were added
        return mark + (ends[0] if ends else b"\n").join(lines)
    return mark + b"".join(part for pair in zip(lines, [*ends, b""], strict=True) for part in pair)


def _check_finite(structure: Structure, file: str) -> None:
    for positions, present in ((structure.positions, structure.present), (structure.hetero.positions, None)):
        flat = positions if present is None else positions[present]
        bad = ~torch.isfinite(flat).all(-1) | (flat.abs() > FARTHEST).any(-1)
        if bad.any():
            i = int(bad.nonzero()[0])
            residue = structure.hetero.residue_ids[i] if present is None else structure.residue_id(
                int(present.nonzero()[i][0])
            )  # fmt: skip
            raise WriteError(
                f"{file}: residue {residue} has coordinates that are not finite or beyond {FARTHEST:g} Å;"
                " mend them or move the structure to the origin; nothing was written"
            )


def _per_atom(structure: Structure, given: Tensor, file: str) -> NDArray[float32]:
    """(n, 37), from one value a residue or an atom."""
    values = given.detach().cpu()
    if values.shape == (len(structure),):
        values = values[:, None].expand(-1, structure.present.shape[1])
    if values.shape != structure.present.shape or not torch.isfinite(values[structure.present]).all():
        raise WriteError(f"{file}: b_factors must be finite, one per residue or (n, 37), not {tuple(values.shape)}")
    return values.float().numpy()

"""Write a structure: into a copy of its source file where possible, else into a new file."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from numpy import float32
from numpy.typing import NDArray
from torch import Tensor

from protein_enn.io import atomic, read
from protein_enn.io.convert.repair import repair_atoms
from protein_enn.io.errors import WriteError
from protein_enn.io.formats.parsed import parsed_once
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
    companions: Mapping[Path, bytes] | None = None,
) -> None:
    """Write a structure to a file, atomically.

    A structure that has its source, in the same format, is written into a copy of that document. Numbers that differ
    from those read replace the old ones; everything else stays, to the byte: headers, hydrogens, other models and
    conformers, line ends. Hydrogens move with their residue, and all atoms of the model move with the whole structure.
    Atoms that were added to residues get new lines behind those of their residue (not in BinaryCIF).

    Otherwise, and when residues or other atoms are no longer those of the source, a new file is written with atoms,
    links and entities. Its coordinates have 3 decimals in PDB, and in mmCIF and BinaryCIF the 3 to 5 decimals that
    their float32 values need.

    Parameters
    ----------
    structure
        n residues.
    path
        The file; gzipped when its name ends in .gz.
    b_factors
        New values for the B-factor column, per residue or per atom: Å^2, or a confidence.
    format
        "pdb", "mmcif" or "bcif"; by default the format of the suffix.
    companions
        Contents of further files, as a record of how the structure was made. All files are written, or none.

    Raises
    ------
    WriteError
        The format cannot hold the structure, or a file cannot be written. Older files stay unchanged.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from protein_enn.io import read_structure
    >>> structure, folder = read_structure("examples/1bhl.pdb"), mkdtemp()
    >>> write_structure(structure, f"{folder}/copy.pdb")
    >>> write_structure(structure, f"{folder}/1bhl.cif.gz")
    >>> read_structure(f"{folder}/1bhl.cif.gz")
    Structure('1bhl', 135 residues in 1 chain, 1042 atoms, 59 hetero atoms)
    """
    data = structure_bytes(structure, b_factors=b_factors, format=format or format_of(path), file=str(path))
    if str(path).lower().endswith(".gz"):
        data = gzip.compress(data, mtime=0)  # the same bytes whenever they are written
    try:
        atomic.write_all({Path(path): data, **(companions or {})})
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise WriteError(f"{path}: cannot be written ({reason}); check the folder and its space") from error


def structure_bytes(
    structure: Structure, *, b_factors: Tensor | None = None, format: str, file: str = "structure"
) -> bytes:
    """The bytes that `write_structure` writes, before compression.

    Parameters
    ----------
    structure, b_factors
        As for `write_structure`.
    format
        The name of a format.
    file
        Name for messages.

    Raises
    ------
    WriteError
        The format cannot hold the structure.
    """
    if format not in FORMATS:
        raise WriteError(f"{file}: no format {format!r}; there are {', '.join(FORMATS)}")
    _check_finite(structure, file)
    values = None if b_factors is None else _expand_b_factors(structure, b_factors, file)
    source = structure.source
    if source is not None and source.format == format and len(source.rows) == len(structure):
        with parsed_once():
            data = _into_source(structure, source, values, file)
        if data is not None:
            return data
    return new_document.document(structure, values, format, file)


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
    table = repair_atoms(document.atoms(structure.audit.model)).table  # as it was read
    revision = revise(structure, table, source, b_factors)
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
    """`new` with the byte order mark and the line ends of `old`."""
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
                " correct them or move the structure to the origin; nothing was written"
            )


def _expand_b_factors(structure: Structure, b_factors: Tensor, file: str) -> NDArray[float32]:
    """(n, 37) values, from one value per residue or per atom."""
    values = b_factors.detach().cpu()
    if values.shape == (len(structure),):
        values = values[:, None].expand(-1, structure.present.shape[1])
    if values.shape != structure.present.shape or not torch.isfinite(values[structure.present]).all():
        raise WriteError(f"{file}: b_factors must be finite, one per residue or (n, 37), not {tuple(values.shape)}")
    return values.float().numpy()

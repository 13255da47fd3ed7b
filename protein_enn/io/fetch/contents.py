"""Whether bytes are the requested entry, and their conversion to the requested compression."""

from __future__ import annotations

import gzip

from protein_enn.io import CompressionError, StructureError
from protein_enn.io.fetch.errors import FetchError, TransientError
from protein_enn.io.fetch.identifiers import Identifier, identifier
from protein_enn.io.files import decompress
from protein_enn.io.formats.recognize import recognize
from protein_enn.io.formats.table import FORMATS
from protein_enn.io.read import open_document

GZIP = b"\x1f\x8b"


def check_content(data: bytes, entry: Identifier, format: str) -> bytes:
    """The bytes to keep: `data`, compressed or decompressed where the format requires it.

    Parameters
    ----------
    data
        The file as it came.
    entry
        The requested entry.
    format
        "cif", "cif.gz", ...

    Raises
    ------
    TransientError
        The bytes are damaged or cut short.
    FetchError
        The file is complete but is not this entry in this format, or it has no atoms.
    """
    file = entry.name
    try:
        plain = decompress(data, file)
    except CompressionError as error:
        raise TransientError(str(error).removeprefix(f"{file}: ")) from error
    try:
        kind = recognize(plain, file)
        declared = open_document(plain, file, kind, size=len(data)).header().entry
    except StructureError as error:
        raise FetchError(str(error).removeprefix(f"{file}: ")) from error
    if FORMATS[kind].suffix != f".{format.removesuffix('.gz')}":
        raise FetchError(f"is {kind}, not {format} as asked for")
    if not _same_entry(declared, entry):
        raise FetchError(f"holds the entry {declared}, not {entry.name}")
    if format.endswith(".gz") == data.startswith(GZIP):
        return data
    return gzip.compress(plain, mtime=0) if format.endswith(".gz") else plain


def _same_entry(declared: str, entry: Identifier) -> bool:
    """Whether the id in the file is that of the entry; True where it is an id of another database."""
    try:
        other = identifier(declared)
    except FetchError:
        return True
    if entry.kind == "other" or other.kind != entry.kind:
        return True
    return other.same_entry(entry)

"""Whether bytes are the entry that was asked for; in the format and the packing that were asked for."""

from __future__ import annotations

import gzip

from protein_enn.io import CompressionError, StructureError
from protein_enn.io.fetch.errors import FetchError, PassingError
from protein_enn.io.fetch.identifiers import Identifier, identifier
from protein_enn.io.files import decompress
from protein_enn.io.formats.recognize import recognize
from protein_enn.io.formats.table import FORMATS
from protein_enn.io.read import open_document

GZIP = b"\x1f\x8b"


def settle(data: bytes, entry: Identifier, format: str) -> bytes:
    """The bytes to keep: those given, gzipped or unpacked where the format asks for it.

    PassingError: damaged or cut short. FetchError: whole, but not this entry in this format, or without atoms.
    """
    file = entry.name
    try:
        plain = decompress(data, file)
    except CompressionError as error:
        raise PassingError(str(error).removeprefix(f"{file}: ")) from error
    try:
        kind = recognize(plain, file)
        document = open_document(plain, file, kind)
        header = document.header()
    except StructureError as error:
        raise FetchError(str(error).removeprefix(f"{file}: ")) from error
    if FORMATS[kind].suffix != f".{format.removesuffix('.gz')}":
        raise FetchError(f"is {kind}, not {format} as asked for")
    declared = dict(header.info.items()).get("_entry.id", header.name)  # of PDB; of mmCIF and BinaryCIF
    if not _agree(declared, entry):
        raise FetchError(f"holds the entry {declared}, not {entry.name}")
    if format.endswith(".gz") == data.startswith(GZIP):
        return data
    return gzip.compress(plain, mtime=0) if format.endswith(".gz") else plain


def _agree(declared: str, entry: Identifier) -> bool:
    """Whether the file's own id, where it is one of the same database, is the one asked for."""
    try:
        found = identifier(declared)
    except FetchError:
        return True
    if entry.kind == "other" or found.kind != entry.kind:
        return True
    return found == entry or _short(found.id) == _short(entry.id) != ""


def _short(id: str) -> str:
    """The old id of four characters in a new one: `1abc` of `pdb_00001abc`; "" where there is none."""
    return id.removeprefix("pdb_0000") if id.startswith("pdb_0000") or len(id) == 4 else ""

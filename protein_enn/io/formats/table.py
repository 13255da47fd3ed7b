"""The file formats: how each is named and recognized, and which functions read, edit and write it.

A new format is one entry of `FORMATS` and the modules that the entry names. Reading, writing, fetching and the search
for files ask this table. It imports no parser: a function is imported when it is first used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from protein_enn.io.files import normalize

_PDB_LINE = re.compile(rb"^(?:ATOM  |HETATM|HEADER|TITLE |COMPND|REMARK|CRYST1|MODEL )", re.MULTILINE | re.IGNORECASE)
_CIF_START = re.compile(rb"\A(?:\s|#[^\n]*(?:\n|\Z))*+(?:data_|global_|loop_|save_)", re.IGNORECASE)


@dataclass(frozen=True)
class Format:
    """One file format. Functions are given as "module:function".

    In the functions `data` is what `content` returns, `file` is the name for messages, and `block` is the data block
    chosen by name. They raise a `StructureError`: readers an `EmptyStructureError`, `CoordinateError` or `FormatError`,
    the others a `WriteError` for what the format cannot hold.

    Parameters
    ----------
    name
        Its name in `Source.format`, in options and in audits.
    title
        Its name in messages.
    suffixes
        Suffixes of its files, in lower case, without .gz. New files get the first one.
    recognizes
        Whether decompressed bytes are of this format. Text comes without byte order mark and with Unix line ends.
    reader
        `(data, file, block, lenient, size) -> Document`. `lenient`: atoms may lack coordinates. `size`: the bytes of
        the file, compressed if it was, which limit what it may hold (`budget`).
    writer
        `(listing, name, plddt, file) -> bytes`: a new file of the atoms of a `Listing`. `name` is that of the
        structure; `plddt`: its B factors are pLDDT.
    editor
        `(data, file, revision, block) -> bytes`: the same file with the new numbers of a `Revision`.
    inserter
        `(data, file, additions, block) -> bytes`: the same file with a list of `Addition` as new atoms. None where
        the format has no such function; a structure with more atoms is then written to a new file.
    binary
        Whether its bytes are not text.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognizes: Callable[[bytes], bool]
    reader: str
    writer: str
    editor: str
    inserter: str | None = None
    binary: bool = False

    @property
    def suffix(self) -> str:
        """The suffix of new files."""
        return self.suffixes[0]

    def content(self, data: bytes) -> bytes:
        """The bytes that the functions take: text without byte order mark and with Unix line ends."""
        return data if self.binary else normalize(data)


def is_messagepack(data: bytes) -> bool:
    """Whether bytes begin as a MessagePack map does."""
    return 0x80 <= data[0] <= 0x8F or data[0] in (0xDE, 0xDF)


FORMATS: dict[str, Format] = {
    "pdb": Format(
        name="pdb",
        title="PDB",
        suffixes=(".pdb", ".ent"),
        recognizes=lambda text: _PDB_LINE.search(text) is not None,
        reader="protein_enn.io.formats.pdb:read",
        writer="protein_enn.io.write.new_pdb:write",
        editor="protein_enn.io.write.edit_pdb:rewrite",
        inserter="protein_enn.io.write.edit_pdb:insert",
    ),
    "mmcif": Format(
        name="mmcif",
        title="mmCIF",
        suffixes=(".cif", ".mmcif"),
        recognizes=lambda text: _CIF_START.match(text) is not None,
        reader="protein_enn.io.formats.mmcif:read",
        writer="protein_enn.io.write.new_mmcif:write",
        editor="protein_enn.io.write.edit_mmcif:rewrite",
        inserter="protein_enn.io.write.edit_mmcif:insert",
    ),
    "bcif": Format(
        name="bcif",
        title="BinaryCIF",
        suffixes=(".bcif",),
        recognizes=lambda data: is_messagepack(data) and b"dataBlocks" in data,
        reader="protein_enn.io.formats.binarycif:read",
        writer="protein_enn.io.write.new_binarycif:write",
        editor="protein_enn.io.write.edit_binarycif:rewrite",
        binary=True,
    ),
}
"""Formats by name. A later entry is tried earlier on a content: PDB comes last, as other texts may hold such lines."""


def load(function: str) -> Any:
    """The function of a format, given as "module:function"."""
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)


def suffixes() -> tuple[str, ...]:
    """The suffixes of all formats, without .gz."""
    return tuple(suffix for format in FORMATS.values() for suffix in format.suffixes)


def titles() -> str:
    """The formats as a message lists them: "PDB, mmCIF or BinaryCIF"."""
    *first, last = (format.title for format in FORMATS.values())
    return f"{', '.join(first)} or {last}"


def endings() -> tuple[str, ...]:
    """What names of new files end in, packed or not: "pdb.gz", "pdb", "cif.gz", "cif", ..."""
    return tuple(f"{format.suffix[1:]}{packing}" for format in FORMATS.values() for packing in (".gz", ""))


def format_of_suffix(suffix: str) -> Format | None:
    """The format of files with this suffix, such as ".cif"; None for an unknown one."""
    return next((format for format in FORMATS.values() if suffix in format.suffixes), None)


def is_structure_name(name: str) -> bool:
    """Whether a file name has the suffix of a format, with or without .gz. Hidden files are passed over."""
    return not name.startswith(".") and name.lower().removesuffix(".gz").endswith(suffixes())


def stem(path: str | Path) -> str:
    """File name without .gz and the suffix of its format.

    Examples
    --------
    >>> stem("x/1abc.v2.cif.gz")
    '1abc.v2'
    """
    name = Path(path).name
    if name.lower().endswith(".gz"):
        name = name[:-3]
    for suffix in suffixes():
        if name.lower().endswith(suffix):
            return name[: -len(suffix)] or name
    return name

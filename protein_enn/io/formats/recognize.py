"""The format of some bytes, by their content: names of files may be wrong."""

from __future__ import annotations

import re

from protein_enn.io.errors import CompressionError, EmptyStructureError, FormatError
from protein_enn.io.files import normalize
from protein_enn.io.formats.table import FORMATS, is_messagepack, titles

_BLANK = b"\x00 \t\r\n\xef\xbb\xbf"
_OTHER_KINDS = (
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "gzip inside gzip"),
)


def recognize(data: bytes, file: str) -> str:
    """The name of the format of decompressed bytes; StructureError where they are of none."""
    if not data[:4096].strip(_BLANK) and not data.strip(_BLANK):
        raise EmptyStructureError(f"{file}: is empty; fetch it again, or check the program that wrote it")
    for magic, kind in _OTHER_KINDS:
        if data.startswith(magic):
            raise CompressionError(f"{file}: {kind} is not supported; unpack it, or compress with gzip")
    if data.startswith(b"%PDF"):
        raise FormatError(f"{file}: a PDF document, not a structure; give {titles()}")
    if data[257:262] == b"ustar":
        raise CompressionError(f"{file}: a tar archive is not supported; unpack it")
    if is_messagepack(data) and (b"mmtfVersion" in data or b"xCoordList" in data):
        raise FormatError(f"{file}: MMTF, a retired format; get the entry as mmCIF or BinaryCIF instead")
    if (name := _last(data, binary=True)) is not None:
        return name
    _refuse_other_content(data, file)
    text = normalize(data)
    if (name := _last(text, binary=False)) is not None:
        return name
    if re.search(rb"^ATOM|^HETATM", text, re.MULTILINE | re.IGNORECASE):
        raise FormatError(f"{file}: ATOM lines whose columns are not those of the PDB format; write it as mmCIF")
    raise FormatError(f"{file}: is not {titles()}; check that this is a structure file")


def _last(data: bytes, *, binary: bool) -> str | None:
    """The last binary format, or the last text format, that recognizes the data."""
    formats = (format for format in reversed(FORMATS.values()) if format.binary == binary)
    return next((format.name for format in formats if format.recognizes(data)), None)


def _refuse_other_content(data: bytes, file: str) -> None:
    """FormatError for binary data, UTF-16, HTML and XML."""
    if is_messagepack(data):
        raise FormatError(f"{file}: MessagePack data that is not BinaryCIF; give {titles()}")
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FormatError(f"{file}: UTF-16 text; save it as UTF-8 or ASCII")
    if b"\x00" in data:
        raise FormatError(f"{file}: binary data of an unknown kind (NUL bytes); give {titles()}")
    if start.startswith(b"<"):
        kind = "an HTML page" if re.match(rb"<(?:!doctype html|html|head|body)", start, re.IGNORECASE) else "XML"
        raise FormatError(f"{file}: {kind}, not a structure (a failed download?); give {titles()}")

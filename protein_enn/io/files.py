"""Bytes in: from a path to checked, decompressed, normalised bytes and the name of their format.

The parsers never open files themselves: gemmi reads a damaged .pdb.gz as an empty or partial structure without a word,
and a byte order mark makes every PDB parser drop the first atom. So sizes, checksums and line ends are settled here.
"""

from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path

from protein_enn.io.errors import CompressionError, EmptyStructureError, FormatError, UnreadableFileError

MAX_FILE = 1 << 30
"""Bytes of the largest file that is opened."""
MAX_DECOMPRESSED = 1 << 30
"""Bytes to which a compressed file may grow."""
SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif", ".bcif")
"""Names of structure files, each also with .gz; contents decide the format, names only what a folder offers."""

MAX_RATIO = 200
"""Growth that no real structure file comes near (4 to 20 is usual); asked of what unpacks to more than 64 MiB."""

_SMALL = 1 << 26
_CHUNK = 1 << 20
_BLANK = b"\x00 \t\r\n\xef\xbb\xbf"
_OTHER_KINDS = (
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "gzip inside gzip"),
)
_PDB_LINE = re.compile(rb"^(?:ATOM  |HETATM|HEADER|TITLE |COMPND|REMARK|CRYST1|MODEL )", re.MULTILINE | re.IGNORECASE)
_CIF_START = re.compile(rb"\A(?:\s|#[^\n]*(?:\n|\Z))*+(?:data_|global_|loop_|save_)", re.IGNORECASE)


def read_bytes(path: str | Path) -> bytes:
    """The bytes of an ordinary file, or for "-" of standard input, of at most MAX_FILE; else UnreadableFileError."""
    if str(path) == "-":
        data = sys.stdin.buffer.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise UnreadableFileError(f"standard input: more than the cap of {MAX_FILE} bytes; split the file")
        return data
    path = Path(path)
    try:
        if path.is_dir():
            raise UnreadableFileError(f"{path}: is a folder; give a file, or list it with find_structures")
        if path.exists() and not path.is_file():
            raise UnreadableFileError(f"{path}: is not an ordinary file; pipe it in and give - (standard input)")
        size = path.stat().st_size
        if size > MAX_FILE:
            raise UnreadableFileError(f"{path}: {size} bytes, more than the cap of {MAX_FILE}; split the file")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        if isinstance(error, UnreadableFileError):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableFileError(f"{path}: cannot be read ({reason}); check the path and its permissions") from error


def decompress(data: bytes, file: str) -> bytes:
    """Gunzip when the magic bytes say so, checking the CRC of every member; CompressionError when damaged."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    limit = min(MAX_DECOMPRESSED, max(MAX_RATIO * len(data), _SMALL))
    parts: list[bytes] = []
    size = place = 0
    view = memoryview(data)
    while place < len(data):
        stream = zlib.decompressobj(wbits=31)  # gzip alone, CRC and length verified
        while not stream.eof:
            if place >= len(data):
                raise CompressionError(f"{file}: gzip data cut short; fetch the file again")
            chunk = view[place : place + _CHUNK]
            try:
                parts.append(stream.decompress(chunk, limit - size + 1))
            except zlib.error as error:
                raise CompressionError(f"{file}: damaged gzip data ({error}); fetch the file again") from error
            size += len(parts[-1])
            place += len(chunk)
            if size > limit:
                raise CompressionError(
                    f"{file}: {len(data)} compressed bytes unpack to more than {limit}, as no structure does;"
                    " check where it comes from, or unpack it yourself"
                )
        place -= len(stream.unused_data)
        while place < len(data) and data[place] == 0:  # padding after a member
            place += 1
    return parts[0] if len(parts) == 1 else b"".join(parts)


def sniff(data: bytes, file: str) -> str:
    """ "pdb", "mmcif" or "bcif", by content; FormatError or EmptyStructureError for anything else."""
    if not data[:4096].strip(_BLANK) and not data.strip(_BLANK):
        raise EmptyStructureError(f"{file}: nothing is in it; fetch it again, or see what should have written it")
    for magic, kind in _OTHER_KINDS:
        if data.startswith(magic):
            raise CompressionError(f"{file}: {kind} is not supported; unpack it, or compress with gzip")
    if data.startswith(b"%PDF"):
        raise FormatError(f"{file}: a PDF document, not a structure; give PDB, mmCIF or BinaryCIF")
    if data[257:262] == b"ustar":
        raise CompressionError(f"{file}: a tar archive is not supported; unpack it")
    if 0x80 <= data[0] <= 0x8F or data[0] in (0xDE, 0xDF):  # a MessagePack map
        if b"mmtfVersion" in data or b"xCoordList" in data:
            raise FormatError(f"{file}: MMTF, a retired format; get the entry as mmCIF or BinaryCIF instead")
        if b"dataBlocks" in data:
            return "bcif"
        raise FormatError(f"{file}: MessagePack data that is not BinaryCIF; give PDB, mmCIF or BinaryCIF")
    text = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FormatError(f"{file}: UTF-16 text; save it as UTF-8 or ASCII")
    if b"\x00" in data:
        raise FormatError(f"{file}: binary data of no known kind (NUL bytes); give PDB, mmCIF or BinaryCIF")
    if text.startswith(b"<"):
        kind = "an HTML page" if re.match(rb"<(?:!doctype html|html|head|body)", text, re.IGNORECASE) else "XML"
        raise FormatError(f"{file}: {kind}, not a structure (a failed download?); give PDB, mmCIF or BinaryCIF")
    lines = normalise(data)
    if _CIF_START.match(lines):
        return "mmcif"
    if _PDB_LINE.search(lines):
        return "pdb"
    if re.search(rb"^ATOM|^HETATM", lines, re.MULTILINE | re.IGNORECASE):
        raise FormatError(f"{file}: ATOM lines whose columns are not those of the PDB format; write it as mmCIF")
    raise FormatError(f"{file}: neither PDB, mmCIF nor BinaryCIF; check that this is a structure file")


def normalise(text: bytes) -> bytes:
    """Text without byte order mark and with Unix line ends, whatever it came with."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text


def stem(path: str | Path) -> str:
    """File name without .gz and the format's suffix: `1abc.v2` for `x/1abc.v2.cif.gz`."""
    name = Path(path).name
    if name.lower().endswith(".gz"):
        name = name[:-3]
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)] or name
    return name

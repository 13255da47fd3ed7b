"""Bytes in: from a path to checked and decompressed bytes, and text with Unix line ends.

The parsers never open files themselves: gemmi reads a damaged .pdb.gz as an empty or partial structure without an
error, and a byte order mark makes every PDB parser drop the first atom. So sizes, checksums and line ends are checked
here.
"""

from __future__ import annotations

import stat
import sys
import zlib
from pathlib import Path

from protein_enn.io.errors import CompressionError, UnreadableFileError

MAX_FILE = 1 << 30
"""Bytes of the largest file that is opened."""
MAX_DECOMPRESSED = 1 << 30
"""Bytes to which a compressed file may grow."""
MAX_RATIO = 100
"""Factor by which a file may grow, beyond the first GROWTH. Real structure files grow 4 to 20 times."""
GROWTH = 1 << 23
"""Bytes to which any compressed file may grow."""

_CHUNK = 1 << 20


def read_bytes(path: str | Path) -> bytes:
    """The bytes of an ordinary file, or for "-" of standard input, of at most MAX_FILE; else UnreadableFileError."""
    if str(path) == "-":
        data = sys.stdin.buffer.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise UnreadableFileError(f"standard input: more than the cap of {MAX_FILE} bytes; split the file")
        return data
    path = Path(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableFileError(f"{path}: is a folder; give a file, or list it with find_structures")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFileError(f"{path}: is not an ordinary file; pipe it in and give - (standard input)")
        size = status.st_size
        if size > MAX_FILE:
            raise UnreadableFileError(f"{path}: {size} bytes, more than the cap of {MAX_FILE}; split the file")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        if isinstance(error, UnreadableFileError):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableFileError(f"{path}: cannot be read ({reason}); check the path and its permissions") from error


def decompress(data: bytes, file: str) -> bytes:
    """Gunzip data that begin like gzip data, with the CRC of every member checked; CompressionError when damaged."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    limit = min(MAX_DECOMPRESSED, GROWTH + MAX_RATIO * len(data))
    parts: list[bytes] = []
    size = position = 0
    view = memoryview(data)
    while position < len(data):
        stream = zlib.decompressobj(wbits=31)  # gzip alone, CRC and length verified
        while not stream.eof:
            if position >= len(data):
                raise CompressionError(f"{file}: gzip data cut short; fetch the file again")
            chunk = view[position : position + _CHUNK]
            try:
                parts.append(stream.decompress(chunk, limit - size + 1))
            except zlib.error as error:
                raise CompressionError(f"{file}: damaged gzip data ({error}); fetch the file again") from error
            size += len(parts[-1])
            position += len(chunk)
            if size > limit:
                raise CompressionError(
                    f"{file}: {len(data)} compressed bytes unpack to more than {limit}, as no structure does;"
                    " check where it comes from, or unpack it yourself"
                )
        position -= len(stream.unused_data)
        while position < len(data) and data[position] == 0:  # padding after a member
            position += 1
    return parts[0] if len(parts) == 1 else b"".join(parts)


def normalize(text: bytes) -> bytes:
    """Text without a byte order mark and with Unix line ends."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text

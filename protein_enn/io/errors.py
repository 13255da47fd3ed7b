"""The errors of reading and writing structures.

Each message contains the file, the line or row if there is one, what is wrong, and how to fix it.
"""

from __future__ import annotations

LONGEST_MESSAGE = 2000


class StructureError(ValueError):
    """A structure could not be read or written. The message is one printable line."""

    def __init__(self, message: str) -> None:
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
        if len(line) > LONGEST_MESSAGE:
            line = f"{line[: LONGEST_MESSAGE // 2]} ... {line[-LONGEST_MESSAGE // 3 :]}"
        super().__init__(line)


class UnreadableFileError(StructureError):
    """A file that does not exist, is a folder or a pipe, is not permitted, or is larger than the cap."""


class CompressionError(StructureError):
    """A compressed file that is damaged, cut short, of an unsupported kind, or larger than the cap when unpacked."""


class FormatError(StructureError):
    """The bytes are of no supported format, or break the rules of their format."""


class EmptyStructureError(StructureError):
    """A readable file without atoms, without the requested model, or without protein."""


class CoordinateError(StructureError):
    """A coordinate that is blank, not a number, not finite, or too large."""


class WriteError(StructureError):
    """A structure that the format cannot hold, or a path that cannot be written."""

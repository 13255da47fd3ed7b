"""The one family of errors that reading and writing structures can raise.

Each message names the file, the line or row where there is one, what is wrong, and what to do about it.
"""

from __future__ import annotations

LONGEST_MESSAGE = 2000


class StructureError(ValueError):
    """A structure could not be read or written. The message is one printable line, whatever it quotes."""

    def __init__(self, message: str) -> None:
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
        if len(line) > LONGEST_MESSAGE:
            line = f"{line[: LONGEST_MESSAGE // 2]} ... {line[-LONGEST_MESSAGE // 3 :]}"
        super().__init__(line)


class UnreadableFileError(StructureError):
    """No such file, a folder, a pipe, not permitted, or larger than the cap."""


class CompressionError(StructureError):
    """A compressed file that is damaged, cut short, of an unsupported kind, or grows past the cap."""


class FormatError(StructureError):
    """The bytes are not PDB, mmCIF or BinaryCIF, or break the rules of the format."""


class EmptyStructureError(StructureError):
    """A readable file without atoms, without the model asked for, or without protein."""


class CoordinateError(StructureError):
    """A coordinate that is blank, not a number, not finite, or impossibly far out."""


class WriteError(StructureError):
    """A structure that the wanted format cannot hold, or a place that cannot be written."""

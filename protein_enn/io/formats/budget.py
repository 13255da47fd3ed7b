"""How much a file may hold once it is decoded, in proportion to its bytes.

A few kilobytes can ask for gigabytes: run lengths, one line repeated under gzip, products of operators. No honest file
does. Coordinates do not compress below some bytes an atom, so what is allowed grows with the file, from a floor.
"""

from __future__ import annotations

from dataclasses import dataclass

from protein_enn.io.errors import FormatError

ATOMS = 50_000
"""Atoms that any file may hold."""
BYTES_PER_ATOM = 1
"""Fewest bytes of an atom in a larger file. Compressed BinaryCIF takes 6 to 10; copies on a lattice take 2."""
HEADER_ROWS = 50_000
"""Rows that each header category of any file may hold."""
BYTES_PER_ROW = 8
"""Fewest bytes of a header row in a larger file."""
TEXT_PER_ROW = 256
"""Characters of a header row, on average over the rows that are allowed."""
COPIED_ATOMS = 200_000
"""Atoms that an assembly of any file may have."""
COPIED_PER_BYTE = 20
"""Atoms of an assembly for each byte of a larger file: 60 copies of an atom of 3 bytes."""
MOST_COPIED = 5_000_000
"""Most atoms of an assembly."""


@dataclass(frozen=True)
class Budget:
    """What a file of `size` bytes may hold. The bytes are those of the file itself, compressed or not."""

    size: int

    @property
    def atoms(self) -> int:
        """Most atoms of all models."""
        return ATOMS + self.size // BYTES_PER_ATOM

    @property
    def header_rows(self) -> int:
        """Most rows of a header category."""
        return HEADER_ROWS + self.size // BYTES_PER_ROW

    @property
    def header_text(self) -> int:
        """Most characters of a header category."""
        return TEXT_PER_ROW * self.header_rows

    @property
    def copied_atoms(self) -> int:
        """Most atoms of an assembly."""
        return min(MOST_COPIED, COPIED_ATOMS + COPIED_PER_BYTE * self.size)

    def check_atoms(self, count: int, file: str) -> None:
        """FormatError for more atoms than allowed."""
        self._check(count, self.atoms, f"{file}: {count} atoms")

    def check_rows(self, count: int, category: str, file: str) -> None:
        """FormatError for a header category with more rows than allowed."""
        self._check(count, self.header_rows, f"{file}: {count} rows of {category.strip('_.')}")

    def check_text(self, count: int, category: str, file: str) -> None:
        """FormatError for a header category with more text than allowed."""
        self._check(count, self.header_text, f"{file}: {count} characters in {category.strip('_.')}")

    def _check(self, count: int, most: int, what: str) -> None:
        if count > most:
            raise FormatError(
                f"{what} in a file of {self.size} bytes, where {most} is the limit: no structure is packed so densely;"
                " check where it comes from"
            )

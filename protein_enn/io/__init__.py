"""Read and write structure files: PDB, mmCIF and BinaryCIF, plain or gzipped.

The only subpackage that imports gemmi and biotite. Every failure is a `StructureError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protein_enn.lazy import lazy

if TYPE_CHECKING:
    from protein_enn.io.errors import (
        CompressionError,
        CoordinateError,
        EmptyStructureError,
        FormatError,
        StructureError,
        UnreadableFileError,
        WriteError,
    )
    from protein_enn.io.inputs import find_structures
    from protein_enn.io.read import read_models, read_structure
    from protein_enn.io.write import write_structure

__all__ = [
    "CompressionError",
    "CoordinateError",
    "EmptyStructureError",
    "FormatError",
    "StructureError",
    "UnreadableFileError",
    "WriteError",
    "find_structures",
    "read_models",
    "read_structure",
    "write_structure",
]


__getattr__ = lazy(
    __name__,
    {
        "errors": (
            "CompressionError",
            "CoordinateError",
            "EmptyStructureError",
            "FormatError",
            "StructureError",
            "UnreadableFileError",
            "WriteError",
        ),
        "inputs": ("find_structures",),
        "read": ("read_models", "read_structure"),
        "write": ("write_structure",),
    },
)

"""Files to `Structure` and back: PDB, mmCIF and BinaryCIF, plain or gzipped.

The only subpackage that sees gemmi, biotite and (in tests) Biopython. Every failure is a `StructureError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_MODULES = {
    "CompressionError": "errors",
    "CoordinateError": "errors",
    "EmptyStructureError": "errors",
    "FormatError": "errors",
    "StructureError": "errors",
    "UnreadableFileError": "errors",
    "WriteError": "errors",
    "find_structures": "inputs",
    "read_models": "read",
    "read_structure": "read",
    "write_structure": "write",
}

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


def __getattr__(name: str) -> Any:
    """Loads a module when one of its names is first asked for: a predictor needs `io.atomic`, not gemmi. PEP 562."""
    if name in _MODULES:
        return getattr(import_module(f"protein_enn.io.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'protein_enn.io' has no attribute {name!r}")

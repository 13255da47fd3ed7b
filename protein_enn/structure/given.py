"""Whether what a caller gives is a structure."""

from __future__ import annotations

from protein_enn.structure.structure import Structure


def check_structure(*given: object) -> None:
    """TypeError unless all are structures: most often it is a path that was not read."""
    for value in given:
        if not isinstance(value, Structure):
            raise TypeError(f"{value!r} is no Structure: give a Structure: pe.read_structure(path)")

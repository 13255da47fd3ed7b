"""Tiny PDB files, made line by line so that each trap is visible in the test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

PDB_LINE = (
    "{record:<6}{serial:>5} {name:<4}{alt:1}{residue:>3}{chain:>2}{number:>4}{icode:1}   "
    "{x:8.3f}{y:8.3f}{z:8.3f}{occ:6.2f}{b:6.2f}          {element:>2}"
)


def write_atom_line(name: str, number: int, x: float, **fields: object) -> str:
    """One ATOM line; unnamed fields are those of an alanine in chain A."""
    values = {
        "record": "ATOM", "serial": 1, "alt": "", "residue": "ALA", "chain": "A", "icode": "", "y": 1.0, "z": 2.0,
        "occ": 1.0, "b": 20.0, "element": name[0],
    }  # fmt: skip
    shown = f" {name}" if len(name) < 4 else name
    return PDB_LINE.format(**{**values, **fields, "name": shown, "number": number, "x": x})


def join(lines: list[str]) -> bytes:
    return ("\n".join([*lines, "END"]) + "\n").encode()


@pytest.fixture
def atom_line() -> Callable[..., str]:
    """`atom_line(name, number, x, **fields)`: one line."""
    return write_atom_line


@pytest.fixture
def as_bytes() -> Callable[[list[str]], bytes]:
    """`as_bytes(lines)`: a file of these lines and END."""
    return join


@pytest.fixture
def lines() -> list[str]:
    """Two alanines, 10 atoms."""
    return [
        write_atom_line(name, number, 1.0 + 4.0 * number + 0.5 * i)
        for number in (1, 2)
        for i, name in enumerate(("N", "CA", "C", "O", "CB"))
    ]

"""The lines of a PDB file: which are atoms, and the model of each atom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from protein_enn.io.errors import FormatError
from protein_enn.io.table import text_columns


def _number(record: bytes) -> int:
    return int.from_bytes(record.lower(), "little")


_ATOM, _ATOM_BLANK, _HETATM = _number(b"ATOM"), _number(b"ATOM  "), _number(b"HETATM")
_MODEL, _ENDMDL, _END, _TER = _number(b"MODEL "), _number(b"ENDMDL"), _number(b"END   "), _number(b"TER")
_SIX, _FOUR, _THREE = (np.uint64((1 << 8 * n) - 1) for n in (6, 4, 3))
_LOWER = np.uint64(_number(b"      "))
_SHIFTED = re.compile(rb"(?:ATOM|HETA).*\d\.\d.*\d\.\d", re.IGNORECASE)
"""An atom line in other columns; a line of a table whose name begins with "atom" has one number at most."""
_WORD = re.compile(rb"(?i:HETATM)\S*[a-z_]")
"""A name that begins with "hetatm"."""
_INDENTED = re.compile(rb"[ \t]+(?:ATOM|HETATM).*\d\.\d", re.IGNORECASE)
SHORTEST = 54
"""Columns of an atom line up to its coordinates."""
_AFTER_END, _OUTSIDE = -1, -2
_LEFT_OUT = {_AFTER_END: "after END", _OUTSIDE: "outside MODEL"}


@dataclass(frozen=True, eq=False)
class Lines:
    """All lines by number from 0; the atom lines with the model (from 0) of each, negative without a model."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    atoms: NDArray[np.int64]
    model: NDArray[np.int64]
    models: int  # MODEL records; 0 where the file has none
    chain_ends: NDArray[np.int64]  # TER records

    @property
    def left_out(self) -> Mapping[str, int]:
        """Atoms that belong to no model, by reason."""
        return {reason: int((self.model == code).sum()) for code, reason in _LEFT_OUT.items()}


def scan_lines(data: bytes, file: str) -> Lines:
    """Classify the lines; FormatError with the first atom line that is too short, has tabs or is shifted."""
    starts, lengths, heads = text_columns.lines(data) or _lines(data)
    marks = np.flatnonzero((heads == _MODEL) | (heads == _ENDMDL) | (heads == _END))
    states, models = _states(file, marks, heads[marks].tolist())
    atoms = np.flatnonzero(((heads & _FOUR) == _ATOM) | (heads == _HETATM))
    model = states[np.searchsorted(marks, atoms)]
    kept = _are_atoms(data, starts, lengths, heads[atoms], atoms, model)
    atoms, model = atoms[kept], model[kept]
    _check_atom_lines(data, file, starts, lengths, heads[atoms], atoms)
    _refuse_indented(data, file, starts, lengths, heads)
    ters = np.flatnonzero((heads & _THREE) == _TER)
    fourth = (heads[ters] >> np.uint64(24)) & np.uint64(255)
    is_name = ((fourth >= 48) & (fourth <= 57)) | ((fourth >= 97) & (fourth <= 122))
    return Lines(starts, lengths, atoms, model, models, ters[~is_name])


def _lines(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    """Starts, lengths and heads of all lines, as `text_columns.lines`."""
    buffer = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(buffer == 10)
    starts = np.concatenate(([0], breaks + 1))
    lengths = np.concatenate((breaks, [len(data)])) - starts
    return starts, lengths, _heads(buffer, starts, lengths)


def _heads(buffer: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The first six characters of each line as one number, in lower case (bit 32 set), blank beyond its end."""
    padded = np.concatenate((buffer, np.full(8, 32, dtype=np.uint8)))
    heads = sliding_window_view(padded, 8)[starts].view(np.uint64)[:, 0]
    short = np.flatnonzero(lengths < 6)
    heads[short] &= (np.uint64(1) << (8 * lengths[short]).astype(np.uint64)) - np.uint64(1)
    return (heads & _SIX) | _LOWER


def _are_atoms(
    data: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64], heads: NDArray[np.uint64],
    atoms: NDArray[np.int64], model: NDArray[np.int64],
) -> NDArray[np.bool_]:  # fmt: skip
    """Which lines that begin with "atom" are atoms: after END, and with a longer first word, programs write tables."""
    whole = (heads == _ATOM_BLANK) | (heads == _HETATM)
    are = whole & ((model != _AFTER_END) | (lengths[atoms] >= SHORTEST))
    for i in np.flatnonzero((~whole | (lengths[atoms] < SHORTEST)) & (model != _AFTER_END)).tolist():
        line = int(atoms[i])
        text = data[int(starts[line]) : int(starts[line] + lengths[line])]
        are[i] = _WORD.match(text) is None if whole[i] else _SHIFTED.match(text) is not None
    return are


def _check_atom_lines(
    data: bytes, file: str, starts: NDArray[np.int64], lengths: NDArray[np.int64], heads: NDArray[np.uint64],
    atoms: NDArray[np.int64],
) -> None:  # fmt: skip
    shifted = (heads != _ATOM_BLANK) & (heads != _HETATM)
    short = lengths[atoms] < SHORTEST
    bad = shifted | short
    if b"\t" in data:
        tabs = np.array(
            [b"\t" in data[s : s + n] for s, n in zip(starts[atoms], lengths[atoms], strict=True)], dtype=bool
        )
        bad |= tabs
    else:
        tabs = np.zeros(len(atoms), dtype=bool)
    if not bad.any():
        return
    i = int(np.argmax(bad))
    line = f"{file}, line {int(atoms[i]) + 1}"
    if tabs[i]:
        raise FormatError(f"{line}: a tab in an atom line; PDB columns need blanks: realign it")
    if shifted[i]:
        raise FormatError(f"{line}: not in the columns of an ATOM line; realign it, or use mmCIF")
    length = int(lengths[atoms[i]])
    raise FormatError(f"{line}: an atom line of {length} characters ends before its coordinates; complete or remove it")


def _refuse_indented(
    data: bytes, file: str, starts: NDArray[np.int64], lengths: NDArray[np.int64], heads: NDArray[np.uint64]
) -> None:
    first = heads & np.uint64(255)
    for line in np.flatnonzero((first == ord(" ")) | (first == (ord("\t") | 32))).tolist():
        text = data[int(starts[line]) : int(starts[line] + lengths[line])]
        if _INDENTED.match(text):
            raise FormatError(f"{file}, line {line + 1}: an atom line that does not start in column 1; realign it")


def _states(file: str, marks: NDArray[np.int64], records: list[int]) -> tuple[NDArray[np.int64], int]:
    """The model, from 0, before the first mark and after each of them, and how many MODEL records there are."""
    has_models = _MODEL in records
    models, inside = 0, False
    state = _OUTSIDE if has_models else 0
    states = [state]
    for line, record in zip(marks.tolist(), records, strict=True):
        if record == _MODEL:
            if inside:
                raise FormatError(f"{file}, line {line + 1}: MODEL before ENDMDL of the last one; add the ENDMDL line")
            inside, state, models = True, models, models + 1
        elif record == _ENDMDL:
            inside, state = False, _OUTSIDE if has_models else state
        else:
            inside, state = False, _AFTER_END
        states.append(state)
    return np.array(states, dtype=np.int64), models

"""A resfile: a text that says which amino acids a design may place at each residue, in Rosetta's words.

    ALLAAxc                  # before START: for all residues that no line names
    START
    10 A PIKAA ILV           # these amino acids
    11 - 20 A NOTAA CW       # all but these
    25B A POLAR              # a residue with an insertion code
    * B NATAA                # a chain keeps its sequence

A line for a residue counts more than one for a range, and that more than one for a chain. Commands on one line all
hold. NATRO is NATAA; what is about rotamers (EX, EX_CUTOFF, USE_INPUT_SC) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from protein_enn import chemistry
from protein_enn.scoring.parsing import parse_amino_acids, residues_of, residues_of_chain
from protein_enn.structure import Structure

ALL = frozenset(chemistry.AMINO_ACIDS)
NAMED = {
    "ALLAA": ALL,
    "ALLAAWC": ALL,
    "ALLAAXC": ALL - {"C"},
    "POLAR": frozenset("DEHKNQRST"),
    "APOLAR": frozenset("ACFGILMPVWY"),
}
NATIVE = ("NATAA", "NATRO")
ROTAMERS = {"EX": re.compile(r"\d|ARO|LEVEL"), "EX_CUTOFF": re.compile(r"\d+"), "USE_INPUT_SC": re.compile(r"(?!)")}
"""Commands about rotamers, and what may stand behind them."""
PLACE = re.compile(
    r"(?:(?P<all>\*)|(?P<first>-?\d+)(?P<code>[A-Za-z]?)(?:\s*-\s*(?P<last>-?\d+[A-Za-z]?))?)\s+(?P<chain>\S+)\s+(?P<commands>.+)"
)

Allowed = frozenset[str] | None
"""Amino acids that may come; None: what is there stays."""


def read_resfile(path: Path, structure: Structure) -> tuple[list[str], dict[str, str]]:
    """Read a resfile for a structure.

    Parameters
    ----------
    path
        The file.
    structure
        Its residues are named by author chain, number and insertion code.

    Returns
    -------
    tuple
        Ids of residues that stay, and the amino acids to leave out by the ids of all others that are restricted.

    Raises
    ------
    ValueError
        With the line of the file: a command that is not known, or a residue that is not there.
    """
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    start = next((i for i, line in enumerate(lines) if line.lower() == "start"), None)
    if start is None:
        raise ValueError(f"{path}: no line START, behind which residues are named, as in 10 A PIKAA ILV")
    default: Allowed = ALL
    for number, line in enumerate(lines[:start], 1):
        default = _narrowed(default, _allowed(f"{path}, line {number}", line.split())) if line else default
    allowed: list[Allowed] = [default] * len(structure)
    entries = []
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if line:
            where = f"{path}, line {number}"
            if (match := PLACE.fullmatch(line)) is None:
                raise ValueError(f"{where}: {line!r} names no residue: write number, chain and command, 10 A PIKAA ILV")
            level = 0 if match["all"] else 1 if match["last"] else 2
            entries.append(
                (level, number, _selected(where, structure, match), _allowed(where, match["commands"].split()))
            )
    for _, _, rows, wanted in sorted(entries, key=lambda entry: entry[:2]):
        for row in rows:
            allowed[row] = wanted
    fixed, omitted = [], {}
    for row, one in enumerate(allowed):
        if one is None:
            fixed.append(structure.residue_id(row))
        elif one != ALL:
            omitted[structure.residue_id(row)] = "".join(sorted(ALL - one))
    return fixed, omitted


def _selected(where: str, structure: Structure, match: re.Match[str]) -> list[int]:
    """The rows that a line names."""
    chain = match["chain"]
    try:
        if match["all"]:
            return residues_of_chain(structure, chain).nonzero()[:, 0].tolist()
        span = f"{match['first']}{match['code']}" + (f"-{match['last']}" if match["last"] else "")
        return residues_of(structure, f'"{chain}":{span}', "resfile").nonzero()[:, 0].tolist()
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _allowed(where: str, words: Sequence[str]) -> Allowed:
    """What the commands of a line allow together."""
    allowed: Allowed = ALL
    left = list(words)
    while left:
        command = left.pop(0).upper()
        if command in NATIVE:
            allowed = None
        elif command in NAMED:
            allowed = _narrowed(allowed, NAMED[command])
        elif command in ("PIKAA", "NOTAA"):
            try:
                letters = frozenset(parse_amino_acids(left.pop(0) if left else ""))
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
            if not letters:
                raise ValueError(f"{where}: {command} of no amino acid: write {command} ILV")
            allowed = _narrowed(allowed, letters if command == "PIKAA" else ALL - letters)
        elif command in ROTAMERS:
            while left and ROTAMERS[command].fullmatch(left[0].upper()):
                left.pop(0)
        else:
            known = ", ".join([*NATIVE, *NAMED, "PIKAA", "NOTAA"])
            raise ValueError(f"{where}: {command} is not known: use {known}")
    if allowed is not None and not allowed:
        raise ValueError(f"{where}: no amino acid is left")
    return allowed


def _narrowed(a: Allowed, b: Allowed) -> Allowed:
    """What both allow; nothing but what is there where one says so."""
    return None if a is None or b is None else a & b

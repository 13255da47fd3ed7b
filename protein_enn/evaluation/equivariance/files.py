"""The same structure from two files whose atoms are in different orders."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from protein_enn import chemistry
from protein_enn.io import WriteError, read_structure, write_structure
from protein_enn.structure import Structure

IDENTITY = slice(17, 27)
"""Columns of residue name, chain, number and insertion code of an atom in a PDB file."""


def shuffled_file(structure: Structure, seed: int) -> tuple[Structure, Structure] | None:
    """The structure written as PDB and read again, unchanged and with the atoms of each residue in random order.

    None for a structure that a PDB file cannot hold.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "written.pdb"
        try:
            write_structure(replace(structure, source=None), path)
        except WriteError:
            return None
        lines = path.read_text().splitlines(keepends=True)
    generator = torch.Generator().manual_seed(seed)
    shuffled = []
    for residue, group in groupby(lines, _residue):
        members = list(group)
        if residue:
            members = [members[i] for i in torch.randperm(len(members), generator=generator).tolist()]
        shuffled += members
    one, other = (read_structure("".join(text).encode(), name=structure.name) for text in (lines, shuffled))
    return one, other


def _residue(line: str) -> str:
    """The standard residue that an atom belongs to; empty for all other lines."""
    atom = line.startswith(("ATOM", "HETATM")) and line[17:20].strip() in chemistry.RESIDUES
    return line[IDENTITY] if atom else ""

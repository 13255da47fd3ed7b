"""Structures for the metrics, read here through biotite so that these tests do not depend on our reader."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import biotite.structure as struc
import pytest
import torch
from biotite.structure.io.pdb import PDBFile

from protein_enn import chemistry
from protein_enn.structure import Structure


def structure_of(array: struc.AtomArray, name: str) -> Structure:
    """The amino acids of an atom array; atoms that chemistry does not know are left out."""
    array = array[struc.filter_amino_acids(array) & ~array.hetero]
    starts = struc.get_residue_starts(array, add_exclusive_stop=True)
    n = len(starts) - 1
    positions, present = torch.zeros(n, 37, 3), torch.zeros(n, 37, dtype=torch.bool)
    for i in range(n):
        for atom in array[starts[i] : starts[i + 1]]:
            if atom.atom_name in chemistry.ATOM_INDEX:
                slot = chemistry.ATOM_INDEX[atom.atom_name]
                positions[i, slot], present[i, slot] = torch.tensor(atom.coord), True
    first = array[starts[:-1]]
    ids = tuple(dict.fromkeys(first.chain_id.tolist()))
    numbers = torch.tensor(first.res_id.tolist())
    return Structure(
        name=name,
        residues=torch.tensor([chemistry.RESIDUE_INDEX.get(r, chemistry.UNKNOWN) for r in first.res_name]),
        positions=positions,
        present=present,
        chains=torch.tensor([ids.index(c) for c in first.chain_id]),
        chain_ids=ids,
        label_chain_ids=ids,
        numbers=numbers,
        insertion_codes=tuple(first.ins_code.tolist()),
        label_numbers=numbers,
        residue_names=tuple(first.res_name.tolist()),
        b_factors=torch.zeros(n, 37),
        occupancies=torch.ones(n, 37),
    )


def read(package: str, file: str) -> Structure:
    spec = find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.exists():
        pytest.skip(f"{package} does not ship {file} here")
    return structure_of(PDBFile.read(path).get_structure(model=1), path.stem)


@pytest.fixture(scope="session")
def globin() -> Structure:
    """2GTL, chains A and B: earthworm haemoglobin, X-ray."""
    whole = read("tmtools", "data/2gtl.pdb")
    return whole.take(whole.chains < 2)


@pytest.fixture(scope="session")
def chain(globin: Structure) -> Structure:
    return globin.take(globin.chains == 0)


@pytest.fixture(scope="session")
def cryo() -> Structure:
    """7OK9, the first chain: cryo-EM."""
    whole = read("tmtools", "data/7ok9.pdb")
    return whole.take(whole.chains == 0)

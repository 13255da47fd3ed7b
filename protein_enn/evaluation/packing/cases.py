"""The cases of an evaluation of side-chain packing: structures whose side chains are taken off and packed anew.

The name of a set, as in `--split`, is a split or set of `chains.tsv` ("test", "casp14"): natives, packed on their own
backbone. "predicted" is the models of the test pairs of `decoys.tsv`, compared with their natives; "predicted:SOURCE"
those of a source or split. "structures:DIR" is the structure files of a folder, such as designs, without a native.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.evaluation.datasets import PREDICTED, Case, DataError, chain_cases, decoy_pairs, select_chain
from protein_enn.evaluation.provenance import subset
from protein_enn.geometry.atom14 import atom14_slots
from protein_enn.io import find_structures, read_structure
from protein_enn.structure import Links, Structure
from protein_enn.structure.audit import Audit

STRUCTURES = "structures"
_SUFFIX = re.compile(r"\.(pdb|ent|cif|mmcif|bcif)(\.gz)?(?=:|$)", re.IGNORECASE)
Loaded = tuple[Structure, Structure | None]


@dataclass(frozen=True)
class PackingCase:
    """A structure to pack; `load` reads it with its native, or None (StructureError or ValueError if that fails).

    Where the structure is the native itself, both are the same object.
    """

    name: str  # also that of files: letters that every file system takes
    load: Callable[[], Loaded]
    length: int | None = None  # residues, where the table tells it


def packing_cases(
    data: Path, name: str, *, most_residues: int | None = None, count: int | None = None
) -> list[PackingCase]:
    """The cases of one set.

    Parameters
    ----------
    data
        Directory as in `evaluation.datasets`.
    name
        Of the set.
    most_residues
        Leave out structures with more residues; before `count`. The length is that of the table, else that of the
        structure as it is packed.
    count
        Only so many cases, spread evenly over the set.

    Raises
    ------
    DataError
        There are no cases, or several of one name.
    """
    kind, _, rest = name.partition(":")
    if kind == STRUCTURES:
        cases = [_structure_case(path) for path in find_structures([rest or "."])]
    elif kind == PREDICTED:
        pairs = decoy_pairs(data, rest or "test")
        models = {(p.model, p.model_chain): p for p in pairs}
        cases = [_model_case(path, chain, p.native, p.native_chain) for (path, chain), p in models.items()]
    else:
        cases = [_native_case(case) for case in chain_cases(data, name)]
    if most_residues is not None:
        cases = [case for case in cases if _length(case) <= most_residues]
    if not cases:
        raise DataError(f"{name} has no structure of at most {most_residues} residues")
    twice = [case for case, times in Counter(case.name for case in cases).items() if times > 1]
    if twice:
        raise DataError(f"{name} has several cases of the name {twice[0]}: rename their files")
    return subset(cases, count)


def packable(structure: Structure) -> Structure:
    """The residues of the twenty amino acids with N, CA, C and O, with their heavy atoms but OXT.

    Modified residues are taken as the amino acid that they were made from; the atoms that they have more are left out.
    """
    whole = structure.present[:, list(chemistry.BACKBONE)].all(1) & (structure.residues != chemistry.UNKNOWN)
    part = structure.take(whole)
    present = part.present & _own_atoms(part.residues)
    ids = {structure.residue_id(i) for i in range(len(structure))}
    return replace(
        part.with_positions(torch.where(present[..., None], part.positions, 0.0)),
        present=present,
        residue_names=tuple(chemistry.RESIDUES[i] for i in part.residues.tolist()),
        hetero=part.hetero.take(torch.tensor([name not in ids for name in part.hetero.residue_ids]).bool()),
        links=_inside(part.links.of_kind("peptide")),
        audit=Audit(),
        source=None,
    )


def stripped(structure: Structure, name: str = "") -> Structure:
    """N, CA, C and O of a `packable` structure, with its sequence, ligands and numbering: nothing of side chains."""
    present = torch.zeros_like(structure.present)
    present[:, list(chemistry.BACKBONE)] = structure.present[:, list(chemistry.BACKBONE)]
    return replace(
        structure,
        name=name or structure.name,
        positions=torch.where(present[..., None], structure.positions, 0.0),
        present=present,
        b_factors=torch.where(present, structure.b_factors, 0.0),
        occupancies=torch.where(present, structure.occupancies, 0.0),
    )


def _native_case(case: Case) -> PackingCase:
    def load() -> Loaded:
        native = packable(case.load())
        return native, native

    return PackingCase(_file_name(case.name), load, case.length)


def _model_case(model: Path, chain: str, native: Path, native_chain: str) -> PackingCase:
    def load() -> Loaded:
        return _read(model, chain), _read(native, native_chain)

    return PackingCase(_file_name(f"{model}:{chain}"), load)


def _structure_case(path: Path) -> PackingCase:
    return PackingCase(_file_name(str(path)), lambda: (packable(read_structure(path)), None))


def _read(path: Path, chain: str) -> Structure:
    return packable(select_chain(read_structure(path), chain))


def _file_name(name: str) -> str:
    """`structures/test/1abc.bcif.gz:A` is `1abc_A`."""
    return re.sub(r"[^\w-]", "-", _SUFFIX.sub("", name).rsplit("/", 1)[-1].replace(":", "_"))


def _length(case: PackingCase) -> int:
    """The number of residues; a case that cannot be read counts as short, and fails later."""
    if case.length is not None:
        return case.length
    try:
        return len(case.load()[0])
    except (ValueError, OSError):
        return 0


def _own_atoms(residues: Int[Tensor, "n"]) -> Bool[Tensor, "n 37"]:
    """Which slots the amino acid of each residue has."""
    slots, exists = atom14_slots(residues)
    return torch.zeros(len(residues), 37, dtype=torch.bool).scatter_reduce(1, slots, exists, "amax")


def _inside(links: Links) -> Links:
    """Those between residues of protein."""
    inside = (links.residues >= 0).all(1)
    return Links(links.kinds[inside], links.residues[inside], links.atoms[inside])

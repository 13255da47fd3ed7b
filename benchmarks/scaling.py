"""What a structure costs in `audit`, `prepare`, `refine` and `score`: seconds, memory, files and bytes.

python benchmarks/scaling.py structures/ --count 100 --json scaling.json

Each command is run on one structure and on `count` of them, each time in a process of its own: the difference over
`count` - 1 is what a structure costs, the rest is what a start costs. The structures are drawn evenly from the folder.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from measurement import machine, report

from protein_enn.io import find_structures, read_structure
from protein_enn.io.atomic import write_text

COMMANDS = {
    "audit": ["-o", "audit.csv"],
    "prepare": ["-o", "store"],
    "refine": ["-o", "refined"],
    "score": ["-o", "scores.csv", "--records", "designs.scores.json"],
}
KINDS = (".refinement.json", ".scores.json", ".columns.json", ".safetensors", ".json", ".csv", ".tsv")
"""Files by the ends of their names, the longest first; anything else is a structure."""
START = "import sys, os; os.environ['PYTHONWARNINGS'] = 'ignore'; from protein_enn.cli import main; main()"


def run(command: str, structures: list[Path], threads: int) -> dict[str, Any]:
    """Wall and processor seconds, peak MB of one process, and what was written, by kind: files and bytes."""
    with tempfile.TemporaryDirectory() as folder:
        write_text(Path(folder) / "list.txt", "".join(f"{path}\n" for path in structures))
        given = ["@list.txt", *COMMANDS[command], "--failed", "failed.tsv"]
        given += ["--threads", str(threads)] if command in ("refine", "score") else []
        work = Path(folder) / "work"
        work.mkdir()
        given[0] = f"@{Path(folder) / 'list.txt'}"
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", START, command, *given],
            cwd=work,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
        if process.returncode not in (0, 1):
            raise SystemExit(f"{command} ended with status {process.returncode}")
        written: dict[str, list[int]] = defaultdict(list)
        for path in work.rglob("*"):
            if path.is_file():
                kind = next((kind for kind in KINDS if path.name.endswith(kind)), "structures")
                written[kind.removeprefix(".")].append(path.stat().st_size)
        failed = len((work / "failed.tsv").read_text().splitlines()) - 1
    return {
        "seconds": seconds,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "failed": failed,
        "files": {kind: len(sizes) for kind, sizes in written.items()},
        "bytes": {kind: sum(sizes) for kind, sizes in written.items()},
    }


def cost(command: str, structures: list[Path], threads: int) -> dict[str, Any]:
    """What a structure and a start cost."""
    one, all_of_them = run(command, structures[:1], threads), run(command, structures, threads)
    more = len(structures) - 1
    each = {name: (all_of_them[name] - one[name]) / more for name in ("seconds", "processor_seconds")}
    kinds = all_of_them["bytes"]
    return {
        **{f"{name}_each": value for name, value in each.items()},
        **{f"start_{name}": one[name] - each[name] for name in each},
        "peak_mb": all_of_them["peak_mb"],
        "failed": all_of_them["failed"],
        "files_each": sum(all_of_them["files"].values()) / len(structures),
        "bytes_each": sum(kinds.values()) / len(structures),
        **{f"bytes_each_{kind.replace('.', '_')}": size / len(structures) for kind, size in sorted(kinds.items())},
    }


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", help="structure files, folders, patterns or @LIST")
    parser.add_argument("--count", type=int, default=100, help="structures, at least 2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--commands", nargs="+", choices=tuple(COMMANDS), default=list(COMMANDS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    found = [path.absolute() for path in find_structures(options.inputs)]
    count = min(options.count, len(found))
    if count < 2:
        parser.error(f"{len(found)} structures: at least 2 are needed")
    structures = [found[i * len(found) // count] for i in range(count)]
    residues = [len(read_structure(path)) for path in structures]
    result: dict[str, Any] = {
        "structures": count,
        "residues_each": sum(residues) / count,
        "input_bytes_each": sum(path.stat().st_size for path in structures) / count,
        "threads": options.threads,
        **machine(),
    }
    print(f"{count} structures of {result['residues_each']:.0f} residues, {result['input_bytes_each']:.0f} bytes each")
    print(f"{'command':<10}{'s each':>9}{'CPU s':>8}{'start CPU s':>12}{'peak MB':>9}{'files':>7}{'bytes each':>12}")
    for command in options.commands:
        one = cost(command, structures, options.threads)
        result |= {f"{command}_{key}": value for key, value in one.items()}
        print(
            f"{command:<10}{one['seconds_each']:>9.3f}{one['processor_seconds_each']:>8.3f}{one['start_processor_seconds']:>12.2f}"
            f"{one['peak_mb']:>9.0f}{one['files_each']:>7.2f}{one['bytes_each']:>12.0f}",
            flush=True,
        )
    report(result, options.json)
    return result


if __name__ == "__main__":
    main(sys.argv[1:])

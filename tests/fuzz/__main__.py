"""Read tens of thousands of damaged structure files and check what the reader guarantees.

    python -m tests.fuzz --count 20000 --seed 0 --keep found/ --json fuzz.json
    python -m tests.fuzz --growth 20000

For all bytes: no error except a StructureError with a proper message, no crash, no hang, bounded memory. An accepted
file gives its own finite coordinates and accounts for each of its atoms. A written file can be read again. Input i
depends on --seed, --format and i alone. With --growth inputs of at most 64 kB ask for much memory or time; none may
take 500 MiB or 10 s. Exit status 1 when a check failed.
"""

from __future__ import annotations

import argparse
import json
import queue
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.inputs import FORMATS, GROWTH, make_input
from tests.fuzz.workers import SAMPLE, Job, Result, results

EXAMPLES = 5
"""Inputs kept of each problem."""
SLOWEST = 10.0
"""Seconds of an input aimed at growth."""
REPORT = 30.0
"""Seconds between lines of progress."""


class Tally:
    """Counts of a run."""

    def __init__(self, seed: int, format: str | None, keep: Path | None) -> None:
        self.seed, self.format, self.keep, self.begin = seed, format, keep, time.monotonic()
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.problems: dict[str, list[int]] = defaultdict(list)
        self.memory: dict[int, list[float]] = defaultdict(list)
        self.slowest: dict[str, Any] = {"seconds": 0.0}
        self.largest: dict[str, Any] = {"mib": 0.0}
        self.inputs = 0

    def add(self, lane: int, result: Result) -> None:
        """Count one result; print and keep a failure."""
        self.inputs += 1
        format = self.format or FORMATS[result.i % len(FORMATS)]
        self.outcomes[format][result.check.outcome] += 1
        if result.seconds > self.slowest["seconds"]:
            self.slowest = {"seconds": round(result.seconds, 3), "input": result.i, "format": format}
        if result.added > self.largest["mib"]:
            self.largest = {"mib": round(result.added, 1), "input": result.i}
        if result.memory is not None:
            self.memory[lane].append(result.memory)
        if problem := result.check.problem:
            self.problems[f"{format}: {problem}"].append(result.i)
            if len(self.problems[f"{format}: {problem}"]) <= EXAMPLES:
                self._show(format, result)

    def _show(self, format: str, result: Result) -> None:
        given = make_input(self.seed, result.i, format)
        print(f"FAILED input {result.i} ({', '.join(given.history)}): {format}: {result.check.problem}", flush=True)
        if self.keep is None:
            return
        self.keep.mkdir(parents=True, exist_ok=True)
        stem = self.keep / f"{format}-{self.seed}-{result.i}"
        stem.with_suffix(".bin").write_bytes(given.data)
        if result.small:
            stem.with_suffix(".small").write_bytes(result.small)
        stem.with_suffix(".txt").write_text(
            f"{result.check.problem}\n{', '.join(given.history)}\n{result.check.detail}\n", encoding="utf-8"
        )

    def slope(self) -> float | None:
        """MiB that a child grows per 10,000 inputs, by least squares over the second half of the longest series."""
        series = max(self.memory.values(), key=len, default=[])
        late = series[len(series) // 2 :]
        if len(late) < 3:
            return None
        return round(float(np.polyfit(np.arange(len(late)) * SAMPLE, late, 1)[0]) * 1e4, 3)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        seconds = time.monotonic() - self.begin
        return {
            "seed": self.seed,
            "inputs": self.inputs,
            "seconds": round(seconds, 1),
            "inputs_per_second": round(self.inputs / seconds, 1),
            "outcomes": {f: dict(sorted(counts.items())) for f, counts in sorted(self.outcomes.items())},
            "problems": {p: {"count": len(found), "inputs": found[:EXAMPLES]} for p, found in self.problems.items()},
            "slowest": self.slowest,
            "largest": self.largest,
            "memory_mib": [[round(value, 1) for value in series] for series in self.memory.values()],
            "memory_mib_per_10000_inputs": self.slope(),
        }


def main() -> int:
    """Exit status 1 when something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="inputs")
    parser.add_argument("--growth", type=int, metavar="COUNT", help="so many inputs aimed at growth, and no others")
    parser.add_argument("--start", type=int, default=0, help="first input, to repeat one or to go on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=FORMATS, help="of every input; in rotation by default")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after so long")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds of CPU time an input may take")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write failing inputs here, also cut down")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the metrics here, also while running")
    options = parser.parse_args()
    if options.growth is not None:
        options.format, options.count, options.timeout = GROWTH, options.growth, SLOWEST

    tally = Tally(options.seed, options.format, options.keep)
    found: queue.Queue[tuple[int, Result | None]] = queue.Queue(1000)
    end = options.start + options.count

    def feed(lane: int) -> None:
        job = Job(options.seed, options.format, options.start + lane, options.processes, end, options.timeout)
        for result in results(job):
            found.put((lane, result))
        found.put((lane, None))

    for lane in range(options.processes):
        threading.Thread(target=feed, args=(lane,), daemon=True).start()
    running, reported_at = options.processes, time.monotonic()
    while running and time.monotonic() - tally.begin < 60 * options.minutes:
        lane, result = found.get()
        if result is None:
            running -= 1
        else:
            tally.add(lane, result)
        if time.monotonic() - reported_at > REPORT or not running:
            reported_at = time.monotonic()
            _report(tally, options.json)
    _report(tally, options.json)
    return int(bool(tally.problems))


def _report(tally: Tally, file: Path | None) -> None:
    metrics = tally.to_dict()
    failed = sum(map(len, tally.problems.values()))
    most = f"; at most {metrics['slowest']['seconds']} s, {metrics['largest']['mib']} MiB"
    print(f"{metrics['inputs']} inputs, {metrics['inputs_per_second']} a second, {failed} failed{most}", flush=True)
    if file:
        file.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())

"""What the benchmarks share: a fresh process per measurement, its peak memory, the median of repeats, the machine."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from protein_enn.io.atomic import write_text

Measure = Callable[..., dict[str, Any]]
"""A measurement: plain arguments in, plain figures out."""


def fresh_process(measure: Measure, **arguments: Any) -> dict[str, Any]:
    """`measure(**arguments)` in a new interpreter that has done nothing else, by the script that defines it."""
    script = sys.modules[measure.__module__].__file__
    request = json.dumps({"measure": measure.__name__, **arguments})
    command = [sys.executable, "-W", "ignore", str(script), "--measure", request]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{measure.__name__}({arguments}) ended with status {done.returncode}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def this_process(measure: Measure, **arguments: Any) -> dict[str, Any]:
    """The same without a new process: its peak memory then includes all that went before."""
    return measure(**arguments)


def answered(arguments: list[str], *measures: Measure) -> bool:
    """Whether this is the child of `fresh_process`; if so the measurement is made and printed."""
    if arguments[:1] != ["--measure"]:
        return False
    request = json.loads(arguments[1])
    measure = {m.__name__: m for m in measures}[request.pop("measure")]
    print(json.dumps(measure(**request)))
    return True


def peak_megabytes() -> float:
    """Largest resident memory of this process so far, MB of 10^6 bytes.

    From VmHWM where there is /proc: Linux's ru_maxrss of a child starts at what its parent held before exec.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource  # not on every platform

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def seconds_of(work: Callable[[], Any], device: torch.device) -> float:
    """Wall-clock time of one call, the GPU's part of it included."""
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def median_seconds(works: Mapping[str, Callable[[], Any]], repeats: int, device: torch.device) -> dict[str, float]:
    """Median time of each, after one warm-up call of each; they take turns: a busy machine slows all alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(repeats):
        for name, work in works.items():
            times[name].append(seconds_of(work, device))
    return {name: statistics.median(t) for name, t in times.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def machine(device: str = "cpu") -> dict[str, Any]:
    """What the figures depend on besides the code: torch's version and the processor (or GPU)."""
    name = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.is_file():
        models = [
            line.split(":", 1)[1].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")
        ]
        name = models[0] if models else name
    if device == "cuda":
        name = f"{torch.cuda.get_device_name()}, {name}"
    return {"torch": torch.__version__, "machine": name}


def report(figures: Mapping[str, Any], path: Path | None) -> None:
    """The JSON file, where one is asked for."""
    if path is not None:
        write_text(path, json.dumps(figures, indent=1) + "\n")

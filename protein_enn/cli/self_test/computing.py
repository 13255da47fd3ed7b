"""What computes: devices, threads, and the compiled loops of the convolution."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from protein_enn.cli.self_test.finding import Finding
from protein_enn.nn import compiled

QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""CPU time that a container may use, as "microseconds period" (Linux, cgroup 2)."""


def computing() -> list[Finding]:
    """Devices, threads and compiled loops."""
    return [_device(), _threads(), _loops()]


def cpus() -> float:
    """CPUs that this process may use: those it is bound to, at most the quota of its container."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return min(float(bound), int(quota) / int(period))
    except (OSError, ValueError):  # no such file, or "max"
        return float(bound)


def _device() -> Finding:
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return Finding("device", "ok", f"GPU: {', '.join(names)}; taken unless --device cpu is given")
    if torch.version.cuda is not None and Path("/proc/driver/nvidia/version").exists():
        text = f"a driver for NVIDIA GPUs is there, but torch {torch.__version__} finds none"
        return Finding("device", "note", text, "see nvidia-smi; install the torch that fits its CUDA version")
    return Finding("device", "ok", "CPU; torch finds no GPU")


def _threads() -> Finding:
    have, used = cpus(), torch.get_num_threads()
    told = os.environ.get("OMP_NUM_THREADS")
    text = f"{used} threads on {have:g} CPUs (OMP_NUM_THREADS is {told or 'not set'})"
    if used > have:
        return Finding("threads", "note", f"{text}: they get in each other's way", f"--threads {max(1, int(have))}")
    return Finding("threads", "ok", text)


def _loops() -> Finding:
    if compiled.library() is not None:
        return Finding("loops", "ok", "the convolution's loops are compiled")
    built = [path for path in Path(compiled.__file__).parent.glob("_neighbor_products*") if path.suffix != ".c"]
    why = "are of another version or cannot be loaded" if built else "were not compiled when the package was installed"
    text = f"the convolution's loops {why}: everything works, several times slower on a CPU"
    return Finding("loops", "note", text, "install GCC (with OpenMP) and install protein-enn again with pip")

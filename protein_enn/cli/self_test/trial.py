"""A trial: read the structure that comes with the package, score a piece of it, refine it, and rotate it."""

from __future__ import annotations

import time
from importlib.resources import files

import torch

from protein_enn.cli.self_test.finding import Finding
from protein_enn.geometry.rotations import random_rotation
from protein_enn.io import read_structure
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.refinement import refine
from protein_enn.scoring import score
from protein_enn.structure import Structure

RESIDUES, NOISE = 60, 0.3
"""Size of the piece; Å of noise on every coordinate, which refinement must lessen."""
NATS, ANGSTROM = 1e-3, 1e-2
"""How far the scores and the refined atoms of a rotated structure may be off. Float32 gives 2e-5 and 1e-5."""
REPORT = "run protein-enn certify, and report what it says with the output of protein-enn doctor --json"


def trial(device: str = "auto") -> list[Finding]:
    """One finding for reading, scoring and refining; what goes wrong is `broken`, with the error."""
    steps = "reading the built-in structure"
    try:
        native = piece()
        steps = "loading the weights"
        design, refinement = load_predictor("design", device), load_predictor("refinement", device)
        steps = "scoring"
        found = [_scored(native, design)]
        steps = "refining"
        return [*found, _refined(native, refinement)]
    except Exception as error:  # a broken installation fails in ways that nobody foresaw, and saying so is the point
        reason = " ".join(str(error).split())
        return [Finding("trial", "broken", f"{steps} failed: {type(error).__name__}: {reason}", REPORT)]


def piece() -> Structure:
    """The first residues of 1BHL (HIV-1 integrase), which the symmetry certificate is made on."""
    data = (files("protein_enn.evaluation.equivariance") / "1bhl.pdb.gz").read_bytes()
    return read_structure(data, name="1bhl").take(torch.arange(RESIDUES))


def _scored(native: Structure, predictor: Predictor) -> Finding:
    start = time.perf_counter()
    here = score(native, predictor=predictor, orders=2).log_likelihood
    there = score(_moved(native), predictor=predictor, orders=2).log_likelihood
    off, mean = float((here - there).abs().max()), float(here.mean())
    text = f"score of {RESIDUES} residues: {mean:.3f} nats, the same to {off:.0e} when rotated"
    return _finding(text, off <= NATS, time.perf_counter() - start, predictor)


def _refined(native: Structure, predictor: Predictor) -> Finding:
    start = time.perf_counter()
    noise = NOISE * torch.randn(native.positions.shape, generator=torch.Generator().manual_seed(0))
    noisy = native.with_positions(native.positions + noise * native.present[..., None])
    here = refine(noisy, predictor=predictor, steps=2).structure
    there = refine(_moved(noisy), predictor=predictor, steps=2).structure
    off = float((_moved(here).positions - there.positions).norm(dim=-1)[native.present].max())
    before, after = (float((one.ca - native.ca).square().sum(-1).mean().sqrt()) for one in (noisy, here))
    text = f"refinement: {before:.2f} to {after:.2f} Å from the native, the same to {off:.0e} Å when rotated"
    return _finding(text, off <= ANGSTROM and after < before, time.perf_counter() - start, predictor)


def _finding(text: str, good: bool, seconds: float, predictor: Predictor) -> Finding:
    """Not good includes what is not a number: every comparison with that is false."""
    message = f"{text} ({predictor.device}, {seconds:.1f} s)"
    return Finding("trial", "ok" if good else "broken", message, "" if good else REPORT)


def _moved(structure: Structure) -> Structure:
    rotation = random_rotation(1).to(structure.positions.dtype)
    return structure.moved(rotation, torch.tensor([10.0, -20.0, 30.0]))

"""The measurement: every case of every structure, the worst error of each row."""

from __future__ import annotations

import copy
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from protein_enn import chemistry
from protein_enn.devices import choose_device
from protein_enn.encoders import encoder as build_encoder
from protein_enn.evaluation.equivariance.cases import LEVELS, Case, graph_of
from protein_enn.evaluation.equivariance.certificate import Certificate, Row
from protein_enn.evaluation.equivariance.compilation import RECOMPILATIONS, check_compiler, compile_encoder
from protein_enn.evaluation.equivariance.limits import limit
from protein_enn.evaluation.equivariance.structures import default_structures, in_dtype, on_grid
from protein_enn.evaluation.equivariance.subject import PRECISIONS, Subject
from protein_enn.evaluation.equivariance.subjects import WIDTHS, EncoderSubject, subject_of
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.structure import Structure
from protein_enn.version import __version__

NEIGHBORS = 16
"""k of the graphs that an encoder is certified on by itself."""
Progress = Callable[[int, int, str], None]
"""progress(done, total, what was done)."""


def certify(
    weights: str | Predictor = "design",
    *,
    encoder: str | None = None,
    precision: str = "float32",
    compile: bool = False,
    structures: Sequence[Structure] | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = lambda done, total, line: None,
) -> Certificate:
    """The equivariance error of every output under rotations, translations, permutations and more, on real structures.

    Parameters
    ----------
    weights
        Shipped weights by name, a .safetensors file, or a predictor, which is copied.
    encoder
        An encoder of `ENCODERS` with its default settings and random weights instead.
    precision
        float64, float32 or bf16 (float32 under bfloat16 autocast). Errors are computed in float64.
    compile
        Run the encoder through torch.compile; needs a C++ compiler.
    structures
        What to measure on; by default one chain and a complex of three chains that are in the package.
    device
        auto, cpu or cuda.
    seed
        Of the moves, and of an encoder's weights.
    progress
        Called after each structure with how many are done, their number, and which it was.

    Returns
    -------
    Certificate
        The worst error of each output under each move, with its limit.

    Raises
    ------
    ValueError
        An unknown name, precision or device, no C++ compiler, or a structure without a CA.

    Examples
    --------
    >>> import protein_enn as pe
    >>> structures = [pe.read_structure("examples/1bhl.pdb")]
    >>> certificate = pe.certify(encoder="egnn", precision="float64", structures=structures)
    >>> certificate.passed, certificate.worst("graph", "rotation") < 1e-12
    (True, True)
    """
    if precision not in PRECISIONS:
        raise ValueError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
    if compile:
        check_compiler()
    torch_device = choose_device(device)
    chosen = default_structures(seed) if structures is None else list(structures)
    for structure in chosen:
        if not structure.present[:, chemistry.CA].any():
            raise ValueError(f"{structure.name}: no residue has a CA atom; certify on a protein structure")
    if encoder is not None:
        name, sha256, subjects = encoder, None, _encoder_subjects(encoder, precision, torch_device, seed)
    else:
        predictor = weights if isinstance(weights, Predictor) else load_predictor(weights, device=torch_device.type)
        name, sha256 = predictor.name, predictor.sha256
        own = replace(predictor, model=copy.deepcopy(predictor.model))
        subjects = [(name, subject_of(own, precision, torch_device))]
    prepared = [on_grid(structure) for structure in chosen]
    rows: list[Row] = []
    compilation = None
    with torch._dynamo.config.patch(recompile_limit=RECOMPILATIONS):
        for number, (title, subject) in enumerate(subjects):
            if compile:
                compilation = compile_encoder(subject, _first_graph(subject, prepared[0], seed))
            for i, structure in enumerate(prepared, start=1):
                rows += _rows(title, subject, structure, precision, seed)
                done = number * len(prepared) + i
                progress(done, len(subjects) * len(prepared), f"{title}, {precision}: {structure.name}")
    return Certificate(
        subject=name,
        sha256=sha256,
        precision=precision,
        device=str(torch_device),
        seed=seed,
        structures={structure.name: len(structure) for structure in prepared},
        rows=_worst(rows),
        compilation=compilation,
        versions={"protein_enn": __version__, "torch": torch.__version__, "python": platform.python_version()},
    )


def _encoder_subjects(name: str, precision: str, device: torch.device, seed: int) -> list[tuple[str, Subject]]:
    """The encoder with random weights for each kind of graph."""
    subjects: list[tuple[str, Subject]] = []
    for kind, widths in WIDTHS.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module: Any = build_encoder(name, {}, widths)
        subjects.append((kind, EncoderSubject(module, kind, NEIGHBORS, precision, device)))
    return subjects


def _first_graph(subject: Subject, structure: Structure, seed: int) -> Any:
    return graph_of(subject, in_dtype(structure, subject.dtype), subject.residue_inputs(structure, seed))


def _rows(title: str, subject: Subject, structure: Structure, precision: str, seed: int) -> list[Row]:
    """A row for each output of each case of one structure."""
    return [
        row
        for level, cases in LEVELS.items()
        for case in cases(subject, structure, seed)
        for row in _measured(title, level, structure.name, precision, case)
    ]


def _worst(rows: list[Row]) -> tuple[Row, ...]:
    """The worst of the rows of each subject, level, move and output, with how many there were."""
    worst: dict[tuple[str, str, str, str], Row] = {}
    for row in rows:
        key = (row.subject, row.level, row.move, row.output)
        before = worst.get(key, row)
        count = before.cases + 1 if key in worst else 1
        worse = row if not row.error <= before.error else before  # nan is worse than any number
        note = "; ".join(dict.fromkeys(n for n in (before.note, row.note) if n))
        worst[key] = replace(worse, cases=count, note=note)
    return tuple(worst.values())


def _measured(title: str, level: str, structure: str, precision: str, case: Case) -> list[Row]:
    """A row for each output of one case."""
    rows = []
    for name, expected in case.expected.items():
        allowed = limit(precision, level, case.move, expected)
        note = f"{structure}, {case.move}: {case.note}" if case.note else ""
        error = expected.error(case.found[name])
        rows.append(Row(title, level, case.move, name, error, allowed, structure, 1, note))
    return rows

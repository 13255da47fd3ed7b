"""Metrics of one trained model of a study: how good it is, and how symmetric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.batches import seeded_generator
from protein_enn.data.chain import Chain
from protein_enn.evaluation.datasets import chain_cases
from protein_enn.evaluation.equivariance.error import relative_error
from protein_enn.evaluation.equivariance.study.probes import assembly, moved_outputs, outputs, rotations, vectors_of
from protein_enn.evaluation.equivariance.study.settings import Cell, Study
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.training.tasks import TASKS

LONGEST = 160
"""Residues; longer chains are cropped, as they are in training."""
ROTATIONS = 2


def measure_cell(study: Study, cell: Cell, weights: str | Path, data: str | Path) -> dict[str, Any]:
    """The measurement of a trained cell.

    Parameters
    ----------
    study, cell
        The plan, and which of its training runs.
    weights
        Of the run.
    data
        Directory with `chains.tsv`.

    Returns
    -------
    dict
        Ready for JSON: the cell, its metrics on `val` and `test`, and its symmetries.
    """
    predictor = load_predictor(weights, device="cpu")
    settings = study.tasks[cell.task].get("task_settings", {})
    test = chains_of(data, study.test, study.chains)
    return {
        **vars(cell),
        "where": study.ways[cell.way].where,
        "parameters": parameters(predictor),
        "weights_sha256": predictor.sha256,
        "val": evaluate_chains(predictor, settings, chains_of(data, study.val, study.chains)),
        "test": evaluate_chains(predictor, settings, test),
        "symmetry": symmetries(predictor, settings, test[: study.probes]),
    }


def chains_of(data: str | Path, split: str, count: int) -> list[Chain]:
    """Chains of a split of `chains.tsv`, spread evenly over the table.

    Parameters
    ----------
    data
        Directory with the table.
    split
        Of the table.
    count
        Chains to take; those that cannot be read are left out.

    Raises
    ------
    ValueError
        No chain can be read.
    """
    cases = chain_cases(Path(data), split)
    step = max(len(cases) / count, 1.0)
    chosen = [cases[int(i * step)] for i in range(min(count, len(cases)))]
    chains = []
    for case in chosen:
        try:
            chain = Chain.of(case.load())
        except (ValueError, OSError):
            continue
        chains.append(chain.cropped(LONGEST, seeded_generator("study", case.name)))
    if not chains:
        raise ValueError(f"{data}: no chain of split {split!r} can be read")
    return chains


@torch.no_grad()
def evaluate_chains(predictor: Predictor, settings: dict[str, Any], chains: Sequence[Chain]) -> dict[str, float]:
    """Means over chains of the task's loss and metrics, for the chains and for their mirror images.

    Parameters
    ----------
    predictor
        The trained model.
    settings
        Of its task.
    chains
        Of the evaluation.

    Returns
    -------
    dict
        By name; `mirror_...`: every vector of the graph reflected; `reflected_...`: all atoms reflected and the graph
        made of them, with the ideal CB of an L-amino acid, as when a file of such a protein is read.
    """
    model, task = predictor.model, _task(predictor, settings)
    rows: list[dict[str, float]] = []
    mirror = -torch.eye(3)
    for i, chain in enumerate(chains):
        graph, target = task.example(chain, seeded_generator("study example", i), False)
        row = {k: float(v) for k, v in task.loss(model, graph, target, seeded_generator("study", i), False).items()}
        image = graph.moved(mirror, torch.zeros(3))
        mirrored = task.loss(model, image, target.rotated(mirror), seeded_generator("study", i), False)
        row |= {f"mirror_{k}": float(v) for k, v in mirrored.items()}
        graph, target = task.example(replace(chain, atom14=-chain.atom14), seeded_generator("study example", i), False)
        reflected = task.loss(model, graph, target, seeded_generator("study", i), False)
        rows.append(row | {f"reflected_{k}": float(v) for k, v in reflected.items()})
    return {name: fmean(row[name] for row in rows) for name in rows[0]}


def symmetries(predictor: Predictor, settings: dict[str, Any], chains: Sequence[Chain]) -> dict[str, float]:
    """How far the model is from equivariance.

    Parameters
    ----------
    predictor
        The trained model.
    settings
        Of its task.
    chains
        Of the measurement.

    Returns
    -------
    dict
        Means over chains. `rotation_error` and `mirror_error`: the equivariance error, the largest of all chains.
        `rotation_change` and `mirror_change`: the root mean square of f(g x) - g f(x) over atoms, Å, or for design the
        fraction of residues whose most probable type changes. `assembly_change`: root mean square difference (Å, or of
        logits) between the predictions for the copies of a C3-symmetric assembly, each rotated onto the next;
        `assembly_size`: root mean square of these predictions.
    """
    task, model, name = _task(predictor, settings), predictor.model, predictor.task
    measured: dict[str, list[float]] = {}

    def note(**values: float) -> None:
        for key, value in values.items():
            measured.setdefault(key, []).append(value)

    for i, chain in enumerate(chains):
        graph, _ = task.example(chain, seeded_generator("study example", i), False)
        for kind, moves in (("rotation", rotations(ROTATIONS, seed=i)), ("mirror", [-torch.eye(3).double()])):
            for rotation in moves:
                expected, predicted = moved_outputs(name, model, graph, rotation)
                note(**{f"{kind}_error": relative_error(predicted, expected)})
                note(**{f"{kind}_change": _change(name, expected, predicted)})
        note(**_assembly(name, model, task, graph, chain))
    worst = {key: max(values) for key, values in measured.items() if key.endswith("_error")}
    return {key: fmean(values) for key, values in measured.items()} | worst


def _assembly(name: str, model: Any, task: Any, graph: Any, chain: Chain) -> dict[str, float]:
    """How much the predictions for the copies of an assembly differ, and their size."""
    side_chains = name == "refinement"
    chain = chain.alone()
    atom14, mask = (graph.atom14, graph.mask) if side_chains else (chain.atom14, chain.mask)
    if not side_chains:
        mask = mask.clone()
        mask[:, 4:] = False
    residues = torch.full_like(chain.residues, chemistry.UNKNOWN) if not side_chains else chain.residues
    whole, rotation = assembly(atom14, mask, replace(chain, residues=residues), task.model.k, side_chains)
    if name != "displacement":
        vectors, kinds = _no_context(graph, len(whole.pos))
        whole.update({"context_vectors": vectors, "context_kinds": kinds})
    predicted = outputs(name, model, whole).double()
    parts = predicted.split(len(atom14))
    expected = [part @ rotation.T if vectors_of(name) else part for part in parts]
    differences = [found - one for one, found in zip(expected, [*parts[1:], parts[0]], strict=True)]
    return {"assembly_change": _rms(torch.cat(differences), predicted), "assembly_size": _rms(predicted, predicted)}


def _no_context(graph: Any, n: int) -> tuple[Tensor, Tensor]:
    """Context of n residues without context atoms."""
    return graph.context_vectors.new_zeros(n, *graph.context_vectors.shape[1:]), graph.context_kinds.new_zeros(
        n, graph.context_kinds.shape[1]
    )


def _change(name: str, expected: Tensor, predicted: Tensor) -> float:
    if vectors_of(name):
        return _rms(predicted - expected, expected)
    return float((predicted.argmax(-1) != expected.argmax(-1)).double().mean())


def _rms(values: Tensor, predicted: Tensor) -> float:
    """Root mean square length over the atoms with a prediction; absent ones do not move."""
    present = (predicted != 0).any(-1)
    return float(values[present].square().sum(-1).mean().sqrt())


def _task(predictor: Predictor, settings: dict[str, Any]) -> Any:
    kind = TASKS[predictor.task]
    return kind(kind.Config.model_validate(settings), predictor.model.config)


def parameters(predictor: Predictor) -> int:
    """How many parameters the model has."""
    return sum(p.numel() for p in predictor.model.parameters())

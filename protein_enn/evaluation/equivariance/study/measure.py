"""Figures of one trained model of a study: how good it is, and how symmetric."""

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
from protein_enn.evaluation.equivariance.study.probes import assembly, moved_outputs, outputs, turns, vectors_of
from protein_enn.evaluation.equivariance.study.settings import Cell, Study
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.training.tasks import TASKS

LONGEST = 160
"""Residues; longer chains are cropped, as they are in training."""
ROTATIONS = 2


def measure_cell(study: Study, cell: Cell, weights: str | Path, data: str | Path) -> dict[str, Any]:
    """All that is known of a trained cell: what it is, its figures on `val` and `test`, and its symmetries."""
    predictor = load_predictor(weights, device="cpu")
    settings = study.tasks[cell.task].get("task_settings", {})
    test = chains_of(data, study.test, study.chains)
    return {
        **vars(cell),
        "where": study.ways[cell.way].where,
        "parameters": parameters(predictor),
        "weights_sha256": predictor.sha256,
        "val": figures(predictor, settings, chains_of(data, study.val, study.chains)),
        "test": figures(predictor, settings, test),
        "symmetry": symmetries(predictor, settings, test[: study.probes]),
    }


def chains_of(data: str | Path, split: str, count: int) -> list[Chain]:
    """Chains of a split of `chains.tsv`, spread evenly over the table, those that cannot be read left out."""
    cases = chain_cases(Path(data), split)
    step = max(len(cases) / count, 1.0)
    chosen = [cases[int(i * step)] for i in range(min(count, len(cases)))]
    found = []
    for case in chosen:
        try:
            chain = Chain.of(case.load())
        except (ValueError, OSError):
            continue
        found.append(chain.cropped(LONGEST, seeded_generator("study", case.name)))
    if not found:
        raise ValueError(f"{data}: no chain of split {split!r} can be read")
    return found


@torch.no_grad()
def figures(predictor: Predictor, settings: dict[str, Any], chains: Sequence[Chain]) -> dict[str, float]:
    """Means over chains of what the task's loss says of them and of their mirror images.

    `mirror_...`: every vector of the graph reflected. `reflected_...`: all atoms reflected and the graph made of them,
    with the ideal CB that a left-handed residue would have (`geometry`), as when a file of such a protein is read.
    """
    model, task = predictor.model, _task(predictor, settings)
    rows: list[dict[str, float]] = []
    mirror = -torch.eye(3)
    for i, chain in enumerate(chains):
        graph, target = task.example(chain, seeded_generator("study example", i), False)
        row = {k: float(v) for k, v in task.loss(model, graph, target, seeded_generator("study", i), False).items()}
        image = graph.moved(mirror, torch.zeros(3))
        found = task.loss(model, image, target.turned(mirror), seeded_generator("study", i), False)
        row |= {f"mirror_{k}": float(v) for k, v in found.items()}
        graph, target = task.example(
            replace(chain, compact=-chain.compact), seeded_generator("study example", i), False
        )
        found = task.loss(model, graph, target, seeded_generator("study", i), False)
        rows.append(row | {f"reflected_{k}": float(v) for k, v in found.items()})
    return {name: fmean(row[name] for row in rows) for name in rows[0]}


def symmetries(predictor: Predictor, settings: dict[str, Any], chains: Sequence[Chain]) -> dict[str, float]:
    """How far the model is from the laws, as means over chains.

    `rotation_error` and `mirror_error`: max |f(g x) - g f(x)| / max |f(x)|, largest over chains; `rotation_change` and
    `mirror_change`: the root mean square of that difference over atoms, Å, or for design the share of residues whose
    most probable type changes. `assembly_change`: root mean square difference (Å, or of logits) between what is said of
    the copies of a C3-symmetric assembly, each turned into the place of the next; `assembly_size`: of what is said.
    """
    task, model, name = _task(predictor, settings), predictor.model, predictor.task
    found: dict[str, list[float]] = {}

    def note(**values: float) -> None:
        for key, value in values.items():
            found.setdefault(key, []).append(value)

    for i, chain in enumerate(chains):
        graph, _ = task.example(chain, seeded_generator("study example", i), False)
        for kind, moves in (("rotation", turns(ROTATIONS, seed=i)), ("mirror", [-torch.eye(3).double()])):
            for turn in moves:
                law, said = moved_outputs(name, model, graph, turn)
                note(**{f"{kind}_error": relative_error(said, law)})
                note(**{f"{kind}_change": _change(name, law, said)})
        note(**_assembly(name, model, task, graph, chain))
    worst = {key: max(values) for key, values in found.items() if key.endswith("_error")}
    return {key: fmean(values) for key, values in found.items()} | worst


def _assembly(name: str, model: Any, task: Any, graph: Any, chain: Chain) -> dict[str, float]:
    side_chains = name == "refinement"
    chain = chain.alone()
    compact, mask = (graph.compact, graph.mask) if side_chains else (chain.compact, chain.mask)
    if not side_chains:
        mask = mask.clone()
        mask[:, 4:] = False
    residues = torch.full_like(chain.residues, chemistry.UNKNOWN) if not side_chains else chain.residues
    whole, turn = assembly(compact, mask, replace(chain, residues=residues), task.model.k, side_chains)
    if name != "displacement":
        whole.context_vectors, whole.context_kinds = _no_context(graph, len(whole.pos))
    said = outputs(name, model, whole).double()
    parts = said.split(len(compact))
    placed = [part @ turn.T if vectors_of(name) else part for part in parts]
    off = [following - before for before, following in zip(placed, [*parts[1:], parts[0]], strict=True)]
    return {"assembly_change": _rms(torch.cat(off), said), "assembly_size": _rms(said, said)}


def _no_context(graph: Any, n: int) -> tuple[Tensor, Tensor]:
    return graph.context_vectors.new_zeros(n, *graph.context_vectors.shape[1:]), graph.context_kinds.new_zeros(
        n, graph.context_kinds.shape[1]
    )


def _change(name: str, law: Tensor, said: Tensor) -> float:
    if vectors_of(name):
        return _rms(said - law, law)
    return float((said.argmax(-1) != law.argmax(-1)).double().mean())


def _rms(values: Tensor, said: Tensor) -> float:
    """Root mean square length over the atoms of which anything is said; absent ones do not move."""
    there = (said != 0).any(-1)
    return float(values[there].square().sum(-1).mean().sqrt())


def _task(predictor: Predictor, settings: dict[str, Any]) -> Any:
    kind = TASKS[predictor.task]
    return kind(kind.Config.model_validate(settings), predictor.model.config)


def parameters(predictor: Predictor) -> int:
    """Numbers that training could change."""
    return sum(p.numel() for p in predictor.model.parameters())

"""Examples of a task, made from a store, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from protein_enn.data.batches import ResidueBudget, seeded_generator
from protein_enn.data.chain import Chain
from protein_enn.data.embeddings import HIDDEN_FRACTIONS, Embeddings
from protein_enn.data.labels import VIEWS, LabelSet
from protein_enn.data.quality import Quality
from protein_enn.data.store import Store
from protein_enn.graph import batch
from protein_enn.training.experiment import Experiment
from protein_enn.training.frames import TrainingFrames


class Examples(Dataset[tuple[Any, Any]]):
    """(graph, target) of (epoch, record): all random numbers come from these two and the seed.

    Parameters
    ----------
    store, task
        Of the chains or frames, and of the examples.
    crop
        Residues of an example at most.
    seed
        Of all draws.
    training
        Rather than validation.
    embeddings
        Features of a language model, if the model takes them.
    labels
        Of teachers, in the order of the model's conditions.
    quality
        Of the residues, for a model of confidence.
    """

    def __init__(
        self,
        store: Store | TrainingFrames,
        task: Any,
        crop: int,
        seed: int,
        training: bool,
        embeddings: Embeddings | None = None,
        labels: Sequence[LabelSet] = (),
        quality: Quality | None = None,
    ) -> None:
        self.store, self.task, self.crop, self.seed, self.training = store, task, crop, seed, training
        self.embeddings, self.labels, self.quality = embeddings, labels, quality

    def __getitem__(self, key: tuple[int, int]) -> tuple[Any, Any]:
        generator = seeded_generator("example", self.seed, *key)
        item = self.store[key[1]]
        if isinstance(item, Chain):
            item = self._chain(item, key[1], generator).cropped(self.crop, generator)
        return self.task.example(item, generator, self.training)

    def _chain(self, chain: Chain, record: int, generator: torch.Generator) -> Chain:
        """The chain with all that the model takes or learns of it."""
        if self.embeddings is not None:  # in validation all residues are masked for the language model
            pattern = int(torch.randint(len(HIDDEN_FRACTIONS), (), generator=generator)) if self.training else 0
            chain = self.embeddings.with_features(chain, pattern)
        if self.labels:
            chain = self._with_labels(chain, record, generator)
        return chain if self.quality is None else self.quality.with_quality(chain, record)

    def _with_labels(self, chain: Chain, record: int, generator: torch.Generator) -> Chain:
        """The chain with labels of a random teacher and view; in validation of the first teacher and the native view.

        A chain without labels is trained on its native letters, under the first condition.
        """
        teachers = [i for i, labels in enumerate(self.labels) if record in labels]
        if not self.training:
            teachers = [i for i in teachers if i == 0]
        if not teachers:
            return chain
        teacher, view = teachers[0], VIEWS.index("native")
        if self.training:
            teacher = teachers[int(torch.randint(len(teachers), (), generator=generator))]
            view = int(torch.multinomial(torch.tensor(VIEW_FRACTIONS), 1, generator=generator))
        chain = self.labels[teacher].with_labels(chain, record, view)
        return replace(chain, condition=torch.full_like(chain.residues, teacher))


VIEW_FRACTIONS = (0.2, 0.4, 0.4)
"""How often each view of a teacher (`data.labels.VIEWS`) is drawn in training."""


def loaders(
    store: Store | TrainingFrames,
    task: Any,
    experiment: Experiment,
    start: int = 0,
    process: tuple[int, int] = (0, 1),
    embeddings: Embeddings | None = None,
    labels: Sequence[LabelSet] = (),
    quality: Quality | None = None,
) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Loaders for training and for validation, which always has the same examples.

    Parameters
    ----------
    store, task, experiment
        Of the chains or frames, of the examples, and how batches are drawn.
    start
        Step of the run from which training goes on.
    process
        (rank, number of processes): each takes its own batches of either. In validation all have equally many: where
        one is missing the first batch is repeated, which the module does not count.
    embeddings
        Features of a language model, if the model takes them.
    labels
        In the order of the model's conditions; training takes the labeled chains only.
    quality
        Of the residues, for a model of confidence.

    Returns
    -------
    tuple
        Loaders of training and of validation.
    """

    def collate(examples: list[tuple[Any, Any]]) -> tuple[Any, Any]:
        graphs, targets = zip(*examples, strict=True)
        return batch(graphs), task.collate(list(targets))

    drawn: dict[str, Any] = {
        "clusters": experiment.clusters,
        "start": start * experiment.accumulate,
        "process": process,
    }
    usable = {i for i in range(len(store)) if any(i in one for one in labels)} if labels else None
    sampler = ResidueBudget(store.records, "train", usable=usable, **drawn, **sampling(experiment))
    shared = (store, task, experiment.crop, experiment.seed)
    inputs: dict[str, Any] = {"embeddings": embeddings, "labels": labels, "quality": quality}
    training = Examples(*shared, training=True, **inputs)
    validation = Examples(*shared, training=False, **inputs)
    (rank, world), kept = process, validation_batches(store, experiment)
    own = [kept[i] if i < len(kept) else kept[0] for i in range(rank, len(kept) + -len(kept) % world, world)]
    return (
        DataLoader(training, batch_sampler=sampler, collate_fn=collate),
        DataLoader(validation, batch_sampler=own, collate_fn=collate),
    )


def validation_batches(store: Store | TrainingFrames, experiment: Experiment) -> list[list[tuple[int, int]]]:
    """The batches of validation, by (epoch, record): those of the first epoch, up to `validation_residues`."""
    split = "val" if any(record.split == "val" for record in store.records) else "train"
    sampler = ResidueBudget(store.records, split, **sampling(experiment))
    kept, residues = [], 0
    for items in sampler.batches(0):
        kept.append(items)
        residues += sum(min(store.records[i].length, experiment.crop) for _, i in items)
        if residues >= experiment.validation_residues:
            break
    return kept


def sampling(experiment: Experiment) -> dict[str, Any]:
    """How batches are drawn, in training and in validation."""
    names = ("pair_fraction", "template_fraction", "designed_fraction")
    fractions = {name: getattr(experiment, name) for name in names}
    return {"budget": experiment.budget, "crop": experiment.crop, "seed": experiment.seed, **fractions}

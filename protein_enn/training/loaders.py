"""Examples of a task, made from a store, in batches."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from protein_enn.data.batches import ResidueBudget, seeded
from protein_enn.data.embeddings import SHARES, Embeddings
from protein_enn.data.store import Store
from protein_enn.graph import batch
from protein_enn.training.experiment import Experiment


class Examples(Dataset[tuple[Any, Any]]):
    """(graph, target) of (epoch, record): all randomness comes from these two and the seed."""

    def __init__(
        self, store: Store, task: Any, crop: int, seed: int, training: bool, embeddings: Embeddings | None = None
    ) -> None:
        self.store, self.task, self.crop, self.seed, self.training = store, task, crop, seed, training
        self.embeddings = embeddings

    def __getitem__(self, key: tuple[int, int]) -> tuple[Any, Any]:
        generator = seeded("example", self.seed, *key)
        chain = self.store[key[1]]
        if self.embeddings is not None:  # in validation all residues are hidden from the language model
            pattern = int(torch.randint(len(SHARES), (), generator=generator)) if self.training else 0
            chain = self.embeddings.shown(chain, pattern)
        return self.task.example(chain.cropped(self.crop, generator), generator, self.training)


def loaders(
    store: Store,
    task: Any,
    experiment: Experiment,
    start: int = 0,
    place: tuple[int, int] = (0, 1),
    embeddings: Embeddings | None = None,
) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Loaders for training, from step `start` on, and validation, which always sees the same examples.

    `place` is which process of how many this is: each takes its own batches of either. In validation each has as many
    as every other: where one is missing the first batch stands in, which the module does not count (`held_out`).
    `embeddings` hold the features of a language model that the examples show.
    """

    def collate(examples: list[tuple[Any, Any]]) -> tuple[Any, Any]:
        graphs, targets = zip(*examples, strict=True)
        return batch(graphs), task.collate(list(targets))

    drawn: dict[str, Any] = {"clusters": experiment.clusters, "start": start * experiment.accumulate, "place": place}
    sampler = ResidueBudget(store.records, "train", **drawn, **sampling(experiment))
    training = Examples(store, task, experiment.crop, experiment.seed, training=True, embeddings=embeddings)
    validation = Examples(store, task, experiment.crop, experiment.seed, training=False, embeddings=embeddings)
    (rank, world), kept = place, held_out(store, experiment)
    shares = [kept[i] if i < len(kept) else kept[0] for i in range(rank, len(kept) + -len(kept) % world, world)]
    return (
        DataLoader(training, batch_sampler=sampler, collate_fn=collate),
        DataLoader(validation, batch_sampler=shares, collate_fn=collate),
    )


def held_out(store: Store, experiment: Experiment) -> list[list[tuple[int, int]]]:
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
    shares = {"pair_share": experiment.pair_share, "template_share": experiment.template_share}
    return {"budget": experiment.budget, "crop": experiment.crop, "seed": experiment.seed, **shares}

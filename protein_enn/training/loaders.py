"""Examples of a task, made from a store, in batches."""

from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader, Dataset

from protein_enn.data.batches import ResidueBudget, seeded
from protein_enn.data.store import Store
from protein_enn.graph import batch
from protein_enn.training.experiment import Experiment


class Examples(Dataset[tuple[Any, Any]]):
    """(graph, target) of (epoch, record): all randomness comes from these two and the seed."""

    def __init__(self, store: Store, task: Any, crop: int, seed: int, training: bool) -> None:
        self.store, self.task, self.crop, self.seed, self.training = store, task, crop, seed, training

    def __getitem__(self, key: tuple[int, int]) -> tuple[Any, Any]:
        generator = seeded("example", self.seed, *key)
        chain = self.store[key[1]].cropped(self.crop, generator)
        return self.task.example(chain, generator, self.training)


def loaders(
    store: Store, task: Any, experiment: Experiment, start: int = 0, place: tuple[int, int] = (0, 1)
) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Loaders for training, from step `start` on, and validation, which always sees the same examples.

    `place` is which process of how many this is: each takes its own batches of training, and all of validation.
    """

    def collate(examples: list[tuple[Any, Any]]) -> tuple[Any, Any]:
        graphs, targets = zip(*examples, strict=True)
        return batch(graphs), task.collate(list(targets))

    common: dict[str, Any] = {"budget": experiment.budget, "crop": experiment.crop, "seed": experiment.seed}
    common |= {"pair_share": experiment.pair_share, "template_share": experiment.template_share}
    sampler = ResidueBudget(store.records, "train", clusters=experiment.clusters, start=start, place=place, **common)
    training = Examples(store, task, experiment.crop, experiment.seed, training=True)
    validation = Examples(store, task, experiment.crop, experiment.seed, training=False)
    splits = {record.split for record in store.records}
    held_out = ResidueBudget(store.records, "val" if "val" in splits else "train", **common).batches(0)
    kept, residues = [], 0
    for items in held_out:
        kept.append(items)
        residues += sum(min(store.records[i].length, experiment.crop) for _, i in items)
        if residues >= experiment.validation_residues:
            break
    return (
        DataLoader(training, batch_sampler=sampler, collate_fn=collate),
        DataLoader(validation, batch_sampler=kept, collate_fn=collate),
    )

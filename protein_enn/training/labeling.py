"""Labels of a store's chains by a teacher: a network of `models.mpnn`, in three views of each chain."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.batches import seeded_generator
from protein_enn.data.chain import Chain
from protein_enn.data.jobs import in_order
from protein_enn.data.labels import EncodedLabels, Labels, View, encode_labels, write_labels
from protein_enn.data.store import Record, Store
from protein_enn.graph.coloring import coloring
from protein_enn.models.mpnn.graph import BackboneGraph, graph_of_backbone
from protein_enn.models.mpnn.ligand import LigandMPNN
from protein_enn.models.mpnn.network import MPNN, Encoding
from protein_enn.models.mpnn.published import read_published
from protein_enn.training.memory import reuse_freed_memory

PARTS = ("val", "native", "designed")
"""The order in which a store is labeled."""
REPLACED = 0.3
"""Fraction of the own residues that the teacher's draws replace in the view `mixed`."""
DESIGN_TEMPERATURE = 0.1
"""Of the teacher when it draws a sequence for a backbone that has none."""
CONDITIONS = {"v_48_002": "clean", "v_48_020": "robust"}
"""By the names of ProteinMPNN's published files."""


def known_condition(teacher: str | Path) -> str | None:
    """The condition of published weights, by the names of their file and folder; None for others.

    Examples
    --------
    >>> known_condition("vanilla_model_weights/v_48_020.pt"), known_condition("mine.pt")
    ('robust', None)
    """
    path = Path(teacher)
    if path.parent.name == "soluble_model_weights" or path.stem.startswith("solublempnn_"):
        return "soluble"
    return CONDITIONS.get(path.stem)


def read_teacher(teacher: str | Path) -> MPNN:
    """The network of published weights; ValueError for other files, and for networks that take other molecules."""
    network = read_published(Path(teacher))
    if isinstance(network, LigandMPNN):
        raise ValueError(f"{teacher}: weights of LigandMPNN do not label; give those of ProteinMPNN or SolubleMPNN")
    return network


def label_store(
    store: str | Path,
    teacher: str | Path,
    out: str | Path,
    *,
    condition: str,
    alone: float = 0.5,
    fraction: float = 1.0,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Labels the chains of training and validation, and designed backbones, by published weights.

    Chains come in rounds of one chain from each cluster. Labels that exist are kept, so a stopped run can be resumed.
    A chain that cannot be labeled is skipped, and the labels tell why.

    Parameters
    ----------
    store
        Folder of the chains.
    teacher
        File of published weights.
    out
        Folder of the labels.
    condition
        Name of the teacher's condition.
    alone
        Fraction of the chains with partners that is labeled without them.
    fraction
        Of the training chains that is labeled, one of each cluster at least.
    seed
        Of all draws.
    workers
        Processes of one thread each; one for each CPU by default.
    progress
        Called with how many of the missing records are done, and their number.

    Returns
    -------
    int
        How many records were labeled.

    Raises
    ------
    ValueError
        A bad store or teacher, or labels of others in `out`.
    """
    opened, network = Store(store), read_teacher(teacher)
    records = rounds(opened.records, fraction, seed)
    described = description(Path(teacher), network)
    setup = (str(store), str(teacher), alone, f"{described['sha256']} {seed}")
    with ProcessPoolExecutor(workers, initializer=_prepare, initargs=setup) as pool:

        def label(numbers: list[int]) -> Iterator[EncodedLabels | str]:
            return in_order(pool, _label, numbers)

        return write_labels(out, opened, described, condition, records, label, progress)


def description(path: Path, network: MPNN) -> dict[str, Any]:
    """The teacher, as labels record it."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"name": path.stem, "sha256": digest, "architecture": "proteinmpnn", "k": network.config.k}


def rounds(records: Sequence[Record], fraction: float, seed: int) -> list[int]:
    """Numbers of records in rounds, one of each cluster in each: validation, then training, then designed backbones."""
    members: dict[tuple[str, str], list[int]] = {}
    for number, record in enumerate(records):
        if record.split in ("train", "val") and record.kind in ("native", "designed"):
            part = "val" if record.split == "val" else record.kind
            members.setdefault((part, record.cluster), []).append(number)
    ordered = []
    for (part, cluster), numbers in members.items():
        order = torch.randperm(len(numbers), generator=seeded_generator("rounds", seed, cluster)).tolist()
        kept = len(numbers) if part == "val" else math.ceil(fraction * len(numbers))
        ordered += [(PARTS.index(part), round_number, numbers[i]) for round_number, i in enumerate(order[:kept])]
    return [number for *_, number in sorted(ordered, key=lambda item: item[:2])]


@dataclass
class _Worker:
    """The state of a process that labels."""

    store: Store
    network: MPNN
    alone: float
    seed: str


_worker: list[_Worker] = []


def _prepare(store: str, teacher: str, alone: float, seed: str) -> None:
    torch.set_num_threads(1)
    reuse_freed_memory()
    network = read_teacher(teacher).eval().requires_grad_(False)
    _worker[:] = [_Worker(Store(store, verify=False), network, alone, seed)]


def _label(number: int) -> EncodedLabels | str:
    """Labels of a record, or why there are none; runs in a worker process."""
    (worker,) = _worker
    record, chain = worker.store.records[number], worker.store[number]
    generator = seeded_generator("labels", worker.seed, record.name, number)
    alone = bool(record.partners) and float(torch.rand((), generator=generator)) < worker.alone
    if alone or record.split == "val":  # validation is of chains alone
        chain, alone = chain.take(chain.own), True
    try:
        with torch.autocast("cpu", torch.bfloat16):  # a KL divergence of some 0.0002 from float32, and faster
            return encode_labels(chain, Labels(tuple(views(worker.network, chain, generator)), alone))
    except (ValueError, RuntimeError, IndexError) as error:  # one bad chain does not stop a run of hours
        return str(error) or type(error).__name__


@torch.inference_mode()
def views(network: MPNN, chain: Chain, generator: torch.Generator) -> Iterator[View]:
    """The three views of a chain, in the order of `data.labels.VIEWS`."""
    graph = graph_of_backbone(chain.atom14[:, :4], chain.mask[:, :4], chain.chains, chain.numbers, network.config.k)
    if not len(graph.rows):
        raise ValueError(f"{chain.name}: no residue with N, CA, C and O")
    encoding = network.encode(graph)
    native = chain.residues
    if bool((native == chemistry.UNKNOWN).all()):
        native = sample_sequence(network, graph, encoding, len(chain), DESIGN_TEMPERATURE, generator)
    ranks = [torch.randperm(len(chain), generator=generator) for _ in range(2)]
    equal_ranks = torch.zeros(len(chain), dtype=torch.long)
    first = _log_probs(network, graph, encoding, [native, native], [equal_ranks, ranks[0]])
    replaced = torch.zeros(len(chain), dtype=torch.bool)
    replaced[graph.rows] = torch.rand(len(graph.rows), generator=generator) < REPLACED
    draws = torch.multinomial(first[1].exp(), 1, generator=generator)[:, 0]
    mixed = native.clone()
    mixed[graph.rows] = draws
    mixed = torch.where(replaced & chain.own, mixed, native)
    second = _log_probs(network, graph, encoding, [mixed], [ranks[1]])
    predictions = ((first[0], equal_ranks, native), (first[1], ranks[0], native), (second[0], ranks[1], mixed))
    for log_probs, rank, sequence in predictions:
        whole = torch.zeros(len(chain), 20)
        labeled = torch.zeros(len(chain), dtype=torch.bool)
        whole[graph.rows], labeled[graph.rows] = log_probs, True
        yield View(whole, labeled & chain.own, rank, sequence)


def _log_probs(
    network: MPNN, graph: BackboneGraph, encoding: Encoding, sequences: Sequence[Tensor], ranks: Sequence[Tensor]
) -> Float[Tensor, "o g 20"]:
    """Log-probabilities of the nodes of the graph, for sequences and ranks of all residues of the chain."""
    rank = torch.stack([r[graph.rows] for r in ranks])
    visible = graph.neighbor_mask & (rank[:, graph.neighbors] < rank[..., None])
    return (
        network.logits_by_order(encoding, torch.stack([s[graph.rows] for s in sequences]), visible)
        .float()
        .log_softmax(-1)
    )


def sample_sequence(
    network: MPNN, graph: BackboneGraph, encoding: Encoding, n: int, temperature: float, generator: torch.Generator
) -> Int[Tensor, "n"]:
    """A sequence drawn by the network for a backbone.

    Residues that are not neighbors are drawn together, which is the same as one by one.

    Parameters
    ----------
    network, graph, encoding
        Of the backbone.
    n
        Residues of the chain.
    temperature
        Divides the logits.
    generator
        Of the draws.

    Returns
    -------
    Tensor
        Residue types, X where a residue has no node.
    """
    nodes = len(graph.rows)
    color = coloring(_linked(graph), torch.randperm(nodes, generator=generator))
    rank = torch.randperm(int(color.max()) + 1, generator=generator)[color]
    sequence = torch.full((nodes,), chemistry.UNKNOWN)
    none = torch.zeros(nodes, dtype=torch.bool)
    decoding = network.start(encoding, sequence, none, graph.neighbor_mask, rank, 1)
    for step in range(int(rank.max()) + 1):
        rows = (rank == step).nonzero()[:, 0]
        logits = decoding.logits(torch.zeros_like(rows), rows).float()
        drawn = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
        decoding.place(drawn)
        sequence[rows] = drawn
    whole = torch.full((n,), chemistry.UNKNOWN)
    whole[graph.rows] = sequence
    return whole


def _linked(graph: BackboneGraph) -> list[set[int]]:
    """For each node its neighbors, and the nodes that it is a neighbor of."""
    linked: list[set[int]] = [set() for _ in range(len(graph.rows))]
    row, slot = graph.neighbor_mask.nonzero(as_tuple=True)
    for i, j in zip(row.tolist(), graph.neighbors[row, slot].tolist(), strict=True):
        linked[i].add(j)
        linked[j].add(i)
    return linked

"""New sequences for the backbone of a structure, and what is known of each."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.deprecated import warn
from protein_enn.packing.rebuild import with_oxygen
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone, design_predictor, usable
from protein_enn.scoring.composition import COMPOSITION, composition
from protein_enn.scoring.constraints import Constraints
from protein_enn.scoring.result import Column, Provenance, Result, number
from protein_enn.scoring.rewriting import rewrite
from protein_enn.scoring.sampling import Draw, Problem, sample
from protein_enn.structure import Structure
from protein_enn.structure.given import check_structure
from protein_enn.structure.new_sequence import with_sequence

_STREAM = 7919
"""Between the seeds of the rewriting of one sample and the next: what is drawn does not depend on how many follow."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Design(Result):
    """One sampled sequence. Likelihoods are natural logs at temperature 1 without bias, nats; higher is better.

    `structure` is the input, `seconds` the time for all samples of the call.
    """

    kind = "design"
    layout = (
        "sample", "temperature", "sequence", "designed", "log_likelihood", "recovery", "duplicate_of", *COMPOSITION,
        "linked",
    )  # fmt: skip
    columns: ClassVar = {
        "sample": Column(None, None, "number of the sample, from 1"),
        "temperature": Column(
            None, None, "divides the logits before an amino acid is drawn; 0 takes the most probable"
        ),
        "sequence": Column(None, None, "one-letter sequence of all residues, chains separated by /"),
        "duplicate_of": Column(None, None, "the first sample with this sequence, if it is an earlier one"),
        **COMPOSITION,
        "linked": Column(
            None, None, "residues kept because a covalent link or a metal needs their side chain, joined by spaces"
        ),
    }

    residues: Int[Tensor, "n"]  # index into chemistry.RESIDUES; as in the input where nothing was designed
    log_probs: Float[Tensor, "n"]  # of each sampled residue given what was decoded before it; nan where none was
    order: Int[Tensor, "n"]  # the step at which a residue was sampled, tied ones together; -1: known from the start
    sample: int  # from 1, over all temperatures
    temperature: float
    seed: int
    duplicate_of: int | None  # the first sample with this sequence, if it is an earlier one
    linked: tuple[str, ...] = ()  # ids of residues kept only because a link or a metal needs their side chain

    @property
    def designed(self) -> Bool[Tensor, "n"]:
        """Which residues were sampled."""
        return self.order >= 0

    @property
    def sequence(self) -> str:
        """One-letter sequence of all residues in file order."""
        return "".join(chemistry.LETTERS[i] for i in self.residues.tolist())

    @property
    def chains(self) -> dict[str, str]:
        """The sequence of each chain, by author id."""
        return chain_sequences(self.structure, self.residues)

    @property
    def log_likelihood(self) -> float:
        """Mean over the sampled residues; their sum is the exact joint log-likelihood under `order` (chain rule)."""
        return float(self.log_probs[self.designed].double().mean())

    @property
    def recovery(self) -> float:
        """Fraction of the sampled residues that came out as in the input; nan where the input knows none of them."""
        known = self.designed & (self.structure.residues != chemistry.UNKNOWN)
        return float((self.residues == self.structure.residues)[known].double().mean())

    @property
    def probabilities(self) -> Float[Tensor, "n"]:
        """The model's probability of each sampled residue; 1 where none was sampled."""
        return torch.where(self.designed, self.log_probs.exp(), 1.0)

    def with_sequence(self) -> Structure:
        """The input with this sequence: its backbone, and CB alone of residues that changed."""
        return with_sequence(self.structure, self.residues)

    def threaded(self) -> Structure:
        """The name of `with_sequence` in version 1."""
        warn("scoring.Design.threaded", "scoring.Design.with_sequence")
        return self.with_sequence()

    def metrics(self) -> dict[str, Any]:
        """The sample; the composition is that of the chains in which something was designed."""
        designed = {self.structure.chain_ids[i] for i in self.structure.chains[self.designed].tolist()}
        before = chain_sequences(self.structure, self.structure.residues)
        chosen = [chain for chain in before if chain in designed]
        return {
            "sample": self.sample,
            "temperature": self.temperature,
            "sequence": "/".join(self.chains.values()),
            "designed": int(self.designed.sum()),
            "log_likelihood": self.log_likelihood,
            "recovery": self.recovery,
            "duplicate_of": self.duplicate_of,
            **composition([self.chains[chain] for chain in chosen], [before[chain] for chain in chosen]),
            "linked": " ".join(self.linked),
        }

    def details(self) -> dict[str, Any]:
        """The seed, the sequence of each chain, and the log-probability of each residue; None where none was drawn."""
        return {"seed": self.seed, "chains": self.chains, "log_probs": [number(v) for v in self.log_probs.tolist()]}


def chain_sequences(structure: Structure, residues: Int[Tensor, "n"]) -> dict[str, str]:
    """One-letter sequences by author chain, in file order, for chains with protein residues."""
    letters: dict[str, str] = {}
    for chain, residue in zip(structure.chains.tolist(), residues.tolist(), strict=True):
        name = structure.chain_ids[chain]
        letters[name] = letters.get(name, "") + chemistry.LETTERS[residue]
    return letters


def design(
    structure: Structure,
    *,
    predictor: Predictor | str | Path | None = None,
    temperature: float | Sequence[float] = 0.1,
    seed: int = 0,
    samples: int = 1,
    rewrites: int = 0,
    fixed: str | Collection[str] = (),
    only: str | Collection[str] = (),
    chains: str | Collection[str] = (),
    ties: str | Collection[str] = (),
    tie_chains: str | Collection[str] = (),
    bias: str | Mapping[str, float] = "",
    bias_at: Mapping[str, Mapping[str, float]] | None = None,
    omit: str = "",
    omit_at: Mapping[str, str] | None = None,
    free_links: bool = False,
    profile: Float[Tensor, "n 20"] | None = None,
    device: str = "auto",
) -> list[Design]:
    """Sample sequences for the backbone of a structure, each decoded in a random order of its own.

    Backbones of N, CA and C are enough: a missing O is placed in the peptide plane for the network. Residues without N,
    CA and C keep their identity. These and all others that are kept are visible to every residue from the start.
    Residues whose side chain is in a covalent link (a disulfide, a glycan) or binds a metal are kept too, unless
    `free_links` lets them go. Of tied residues the logits are averaged, biases too; what is omitted at one is omitted
    at all.

    Parameters
    ----------
    structure
        The backbone, and the sequence of residues that are kept.
    predictor
        A design predictor; the shipped one by default.
    temperature
        Divides the logits; 0 takes the most probable amino acid at each step. Of several, each gives `samples`.
    seed
        Of all draws, on the CPU, the same at each temperature: the first samples are the same however many follow.
    samples
        Sequences at each temperature.
    rewrites
        Rounds in which the tenth of the residues that is least certain is drawn anew.
    fixed
        Residues to keep: ids, or a selection as `select` reads it, such as ["A:52B", "A:1-9"].
    only
        Design nothing else: "within 6 of ligand".
    chains
        Design these chains, "A,B", in the context of the others.
    ties
        Residues of one identity, side by side: ["A:5=B:5", "A:1-9=A:21-29"]. A side may have a weight of its logits in
        the average, 1 by default, below 0 to design against a state: ["A:5 = B:5 * -0.5"].
    tie_chains
        Copies of a chain, matched by author number: ["A,B,C"].
    bias
        Nats added to the logits before division by the temperature: "W:-2,K:0.5".
    bias_at
        The same for some residues, {"A:5": {"W": -2}}; it adds up.
    omit
        Amino acids that never come: "C".
    omit_at
        The same for some residues: {"A:5": "CW"}.
    free_links
        Design residues too whose side chain is in a covalent link or binds a metal.
    profile
        Probabilities of amino acids at each residue times their weight (0 to 1), as of a PSSM, to be mixed into those
        of the network.
    device
        Where the shipped weights are loaded; a given predictor stays where it is.

    Returns
    -------
    list of Design
        `samples` for each temperature, in the order of the temperatures.

    Raises
    ------
    ValueError
        It names what does not exist (a residue, a chain, an amino acid), chains that cannot be tied, ties of kept with
        designed residues, a negative temperature, samples < 1, or says that nothing is left to design.

    Examples
    --------
    >>> import protein_enn as pe
    >>> designs = pe.design(pe.read_structure("examples/1bhl.pdb"), samples=2, omit="C")
    >>> [design.sample for design in designs]
    [1, 2]
    """
    start = time.perf_counter()
    check_structure(structure)
    temperatures = [float(t) for t in (temperature if isinstance(temperature, Sequence) else [temperature])]
    if not temperatures or not all(math.isfinite(t) and t >= 0 for t in temperatures) or samples < 1:
        raise ValueError(f"temperature {temperature} must be 0 or more and samples {samples} must be at least 1")
    if rewrites < 0:
        raise ValueError(f"rewrites {rewrites} must be 0 or more")
    predictor = design_predictor(predictor, device, "design")
    constraints = Constraints.of(
        structure, usable(structure, predictor), fixed=fixed, only=only, chains=chains, ties=ties,
        tie_chains=tie_chains, bias=bias, bias_at=bias_at, omit=omit, omit_at=omit_at, free_links=free_links,
        profile=profile,
    )  # fmt: skip
    backbone = Backbone(with_oxygen(structure), predictor, constraints.free)
    problem, decoder = problem_of(backbone, constraints), backbone.decoder()
    draws = [
        (t, rewrite(backbone, decoder, problem, draw, t, seed + _STREAM * i, rewrites))
        for t in temperatures
        for i, draw in enumerate(sample(decoder, problem, t, seed, samples), 1)
    ]
    seconds = time.perf_counter() - start
    first: dict[tuple[int, ...], int] = {}
    designs = []
    for i, (t, draw) in enumerate(draws, 1):
        residues, log_probs, order = _of_residues(structure, backbone.rows, draw)
        same = first.setdefault(tuple(residues.tolist()), i)
        designs.append(
            Design(
                structure=structure,
                provenance=Provenance.of(predictor),
                seconds=seconds,
                residues=residues,
                log_probs=log_probs,
                order=order,
                sample=i,
                temperature=t,
                seed=seed,
                duplicate_of=same if same < i else None,
                linked=tuple(structure.residue_id(k) for k in constraints.linked.nonzero()[:, 0].tolist()),
            )
        )
    return designs


def problem_of(backbone: Backbone, constraints: Constraints) -> Problem:
    """The constraints on the nodes of the graph: residues without node, which have no CA, are kept and not tied."""
    rows = backbone.rows
    node = torch.full((len(constraints.free),), -1)
    node[rows] = torch.arange(len(rows))
    free, groups = constraints.free[rows], node[constraints.groups[rows]]
    return Problem(
        backbone.neighbors,
        backbone.mask,
        backbone.sequence,
        free,
        constraints.bias[rows],
        torch.where(free, groups, torch.arange(len(rows))),
        constraints.weights[rows],
        None if constraints.profile is None else constraints.profile[rows],
    )


def _of_residues(structure: Structure, rows: Int[Tensor, "g"], draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """What was drawn, for all n residues."""
    residues = structure.residues.clone()
    log_probs, order = torch.full((len(structure),), torch.nan), torch.full((len(structure),), -1)
    residues[rows], log_probs[rows], order[rows] = draw.sequence, draw.log_probs, draw.order
    return residues, log_probs, order

"""ProteinMPNN from a clone of dauparas/ProteinMPNN, as it is: built with random weights, called, trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stand_ins import one_file
from torch import Tensor, nn

from protein_enn import chemistry
from protein_enn.structure import Structure
from protein_enn.testing import random_rotation, random_structure

LETTERS = "ACDEFGHIKLMNPQRSTVWYX"
BACKBONE = [chemistry.ATOM_INDEX[atom] for atom in ("N", "CA", "C", "O")]
TEMPERATURE = 0.1  # as pe.design's
PUBLISHED = 48  # neighbors


def built(file: Path, k: int, **settings: Any) -> nn.Module:
    """The published shape: 128 wide, 3 + 3 layers; seeded random weights, no noise on the coordinates."""
    code = one_file(f"peer_{file.stem}", file)
    torch.manual_seed(0)
    shape = {"num_letters": 21, "node_features": 128, "edge_features": 128, "hidden_dim": 128}
    settings = {"augment_eps": 0.0, **settings}
    model: nn.Module = code.ProteinMPNN(**shape, num_encoder_layers=3, num_decoder_layers=3, k_neighbors=k, **settings)
    return model


@dataclass(frozen=True, eq=False)
class Inputs:
    """What ProteinMPNN takes for b proteins of n residues, every residue to be decoded."""

    positions: Tensor  # (b, n, 4, 3): N, CA, C, O; 0 where missing
    sequence: Tensor  # (b, n)
    mask: Tensor  # (b, n) float: residues whose four atoms are there
    numbers: Tensor  # (b, n): place in the sequence, with jumps of 100 between chains
    chains: Tensor  # (b, n): 1, 2, ...

    @classmethod
    def of(cls, structures: list[Structure]) -> Inputs:
        letters = torch.tensor([LETTERS.index(letter) for letter in chemistry.LETTERS])
        positions, present = (
            torch.stack([getattr(s, field)[:, BACKBONE] for s in structures]) for field in ("positions", "present")
        )
        chains = torch.stack([s.chains for s in structures])
        return cls(
            torch.where(present[..., None], positions, 0.0).float(),
            torch.stack([letters[s.residues] for s in structures]),
            present.all(-1).float(),
            torch.arange(chains.shape[1]) + 100 * chains,
            chains + 1,
        )

    def log_probs(self, model: nn.Module) -> Tensor:
        """Log-probabilities (b, n, 21) of the own sequence under a random order, always the same."""
        order = torch.randn(self.mask.shape, generator=torch.Generator().manual_seed(0))
        given = (self.positions, self.sequence, self.mask, self.mask, self.numbers, self.chains, order)
        with torch.no_grad():
            result: Tensor = model(*given)
        return result

    def unconditional(self, model: Any) -> Tensor:
        """Log-probabilities (b, n, 21) given the backbone alone."""
        with torch.no_grad():
            result: Tensor = model.unconditional_probs(self.positions, self.mask, self.numbers, self.chains)
        return result

    def conditional(self, model: Any, count: int) -> Tensor:
        """Log-probabilities (b, n, 21) of the first `count` residues given all others, each in a pass of its own."""
        asked = self.mask * (torch.arange(self.mask.shape[1]) < count)
        order = torch.randn(self.mask.shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            result: Tensor = model.conditional_probs(
                self.positions, self.sequence, self.mask, asked, self.numbers, self.chains, order
            )
        return result

    def sampled(self, model: Any) -> Tensor:
        """A sequence for each backbone, residue by residue: nothing left out, no bias."""
        none = np.zeros(len(LETTERS))
        with torch.no_grad():
            result = model.sample(
                self.positions, torch.randn(self.mask.shape), self.sequence, self.mask, self.chains, self.numbers,
                mask=self.mask, temperature=TEMPERATURE, omit_AAs_np=none, bias_AAs_np=none, chain_M_pos=self.mask,
                pssm_log_odds_flag=False, pssm_bias_flag=False,
                bias_by_res=torch.zeros(*self.mask.shape, len(LETTERS)),
            )  # fmt: skip
        sequence: Tensor = result["S"]
        return sequence


def kept(model: nn.Module, inputs: Inputs) -> dict[str, float]:
    """How much log-probabilities change at a second call, and when the protein is turned; SystemExit if not finite."""
    first, again = inputs.log_probs(model), inputs.log_probs(model)
    rotated = inputs.positions @ random_rotation(0).float().T
    other = Inputs(rotated, inputs.sequence, inputs.mask, inputs.numbers, inputs.chains).log_probs(model)
    if not (first.isfinite().all() and first.std() > 0):
        raise SystemExit("ProteinMPNN's log-probabilities are not finite, or all the same")
    return {
        "again_difference": float((first - again).abs().max()),
        "turned_difference": float((first - other).abs().max()),
    }


def trained(folder: Path, k: int, plain: bool, length: int, count: int) -> tuple[Callable[[], None], int]:
    """Its training step on `count` random chains, in float32, and its number of weights.

    Dropout 0.1, noise of 0.2 Å, smoothed loss, Adam with Noam's rate: as its training.py, without mixed precision.
    """
    code = one_file("peer_training_utils", folder / "training" / "model_utils.py")
    file = folder / "protein_mpnn_utils.py" if plain else folder / "training" / "model_utils.py"
    model = built(file, k, augment_eps=0.2, dropout=0.1).train()
    optimizer = code.get_std_opt(model.parameters(), 128, 0)
    inputs = Inputs.of([random_structure((length,), seed=seed) for seed in range(count)])
    given = (inputs.positions, inputs.sequence, inputs.mask, inputs.mask, inputs.numbers, inputs.chains)

    def learn() -> None:
        optimizer.zero_grad()
        log_probs = model(*given, torch.randn(inputs.mask.shape)) if plain else model(*given)
        loss = code.loss_smoothed(inputs.sequence, log_probs, inputs.mask)[1]
        loss.backward()
        optimizer.step()
        if not loss.isfinite():
            raise SystemExit("ProteinMPNN's loss is not finite")

    return learn, sum(p.numel() for p in model.parameters())

"""`pack`: a sequence on a backbone, its side chains given everything that is around them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import linked_side_chains
from protein_enn.geometry.frames import ca_volume
from protein_enn.packing.packer import Packer, Sample
from protein_enn.packing.rebuild import rebuild
from protein_enn.predictor import Predictor, predictor_given
from protein_enn.structure import Structure
from protein_enn.structure.audit import EXAMPLES, Finding
from protein_enn.structure.given import check_structure
from protein_enn.structure.new_sequence import with_sequence
from protein_enn.structure.selection import select
from protein_enn.structure.sequence_text import residues_of_text
from protein_enn.version import __version__


@dataclass(frozen=True, eq=False)
class Packing:
    """Structures with packed side chains, the likeliest first, and what the model says of them."""

    structures: tuple[Structure, ...]
    input: Structure
    packed: Int[Tensor, "m"]  # residues that were packed
    samples: tuple[Sample, ...]  # of each structure; none where no residue needed packing
    skipped: tuple[str, ...]  # residues that were asked for and left, with the reason
    settings: dict[str, Any]

    @property
    def structure(self) -> Structure:
        """The likeliest one."""
        return self.structures[0]

    def rows(self, sample: int = 0) -> list[dict[str, Any]]:
        """A row for each packed residue, ready for a table.

        Returns
        -------
        list of dict
            ``residue``, ``amino_acid``, ``chi1`` to ``chi4`` (degrees, None where there is none), ``probability`` (of
            all angles within 20 degrees of these, given all other residues), ``entropy`` (nats) and ``error`` (Å,
            expected RMSD beyond CB; None where it was not asked for).
        """
        if not self.samples:
            return []
        one, found = self.samples[sample], []
        for i, row in enumerate(one.rows.tolist()):
            kind = int(self.structure.residues[row])
            angles = len(chemistry.CHI_ATOMS.get(chemistry.RESIDUES[kind], ()))
            degrees = torch.rad2deg(one.chi[i]).tolist()
            found.append(
                {
                    "residue": self.structure.residue_id(row),
                    "amino_acid": chemistry.LETTERS[kind],
                    **{f"chi{k + 1}": round(degrees[k], 1) if k < angles else None for k in range(4)},
                    "probability": round(float(one.conditional.probability[i]), 4),
                    "entropy": round(float(one.conditional.entropy[i]), 3),
                    "error": None if one.error is None else round(float(one.error[i]), 2),
                }
            )
        return found

    def record(self) -> dict[str, Any]:
        """What was done, ready for JSON."""
        return {
            "name": self.input.name,
            "residues": len(self.input),
            "packed": len(self.packed),
            "skipped": list(self.skipped),
            "log_densities": [round(one.log_density, 3) for one in self.samples],
            **self.settings,
        }


def pack(
    structure: Structure,
    sequence: str | None = None,
    *,
    region: str | Bool[Tensor, "n"] | None = None,
    samples: int = 1,
    temperature: float | None = None,
    seed: int = 0,
    errors: bool = False,
    predictor: Predictor | str | Path | None = None,
) -> Packing:
    """Side chains for a sequence on a backbone.

    Side chains that are there stay unless `region` names them. Ligands, nucleic acids, metals and side chains that stay
    are taken into account. Side chains in a link (disulfides, glycans, metals) stay as they are; cysteines that can be
    bonded are packed as bonded.

    Parameters
    ----------
    structure
        With N, CA and C where a side chain is to be packed.
    sequence
        One letter for each residue, chains joined or separated by "/" or ":". By default that of the structure.
    region
        Residues whose side chains are packed anew: a selection such as ``"A:45-60"``, a mask, or ``"all"``. Residues
        that change or lack side-chain atoms are packed in any case.
    samples
        Number of structures.
    temperature
        0 for the most likely side chains (the default for one sample), 1 for draws from the model's distribution (the
        default for several).
    seed
        Of all draws.
    errors
        Whether the error of each side chain is predicted, and written as its B factors.
    predictor
        One for packing; by default the shipped weights. Packing runs on the CPU.

    Returns
    -------
    Packing
        The structures.

    Raises
    ------
    ValueError
        The sequence does not fit the structure, a changed residue is in a link or lacks N, CA or C, the selection is
        wrong, or the predictor is for another task.

    Examples
    --------
    >>> import protein_enn as pe
    >>> packing = pe.pack(pe.read_structure("examples/1bhl.pdb"), region="A:60-70")
    >>> len(packing.packed)
    10
    """
    check_structure(structure)
    if samples < 1:
        raise ValueError(f"samples={samples}: at least one is needed")
    heat = (0.0 if samples == 1 else 1.0) if temperature is None else temperature
    if not 0 <= heat < float("inf"):
        raise ValueError(f"temperature={temperature}: 0 or a positive number is needed")
    predictor = predictor_given(predictor, "packing", "cpu")
    packer = Packer(predictor, heat, torch.Generator().manual_seed(seed), errors)
    target, skipped = _stripped(_with_sequence(structure, sequence), structure, region)
    done: list[tuple[Structure, Sample | None]] = []
    for _ in range(samples if heat else 1):
        packer.sample = None  # stays None where nothing is to be packed
        packed, _ = rebuild(target, packer)
        done.append((_described(packed, packer.sample, skipped), packer.sample))
    done.sort(key=lambda one: 0.0 if one[1] is None else -one[1].log_density)
    kept = tuple(sample for _, sample in done if sample is not None)
    rows = kept[0].rows if kept else torch.zeros(0, dtype=torch.long)
    settings = {
        "temperature": heat,
        "samples": samples,
        "seed": seed,
        "weights": predictor.name,
        "weights_sha256": predictor.sha256,
        "package": __version__,
    }
    return Packing(tuple(one for one, _ in done), structure, rows, kept, tuple(skipped), settings)


def _with_sequence(structure: Structure, sequence: str | None) -> Structure:
    """The structure with this sequence; ValueError where it does not fit."""
    if sequence is None:
        return structure
    residues = residues_of_text(structure, sequence)
    changed = residues != structure.residues
    linked, whole = linked_side_chains(structure), structure.has_backbone
    for i in changed.nonzero()[:, 0].tolist():
        if linked[i]:
            raise ValueError(
                f"{structure.name}: residue {structure.residue_id(i)} is in a link, which its replacement would break; "
                "keep its amino acid"
            )
        if not whole[i]:
            raise ValueError(f"{structure.name}: residue {structure.residue_id(i)} lacks N, CA or C; it cannot change")
    return with_sequence(structure, residues) if changed.any() else structure


def _stripped(
    target: Structure, structure: Structure, region: str | Bool[Tensor, "n"] | None
) -> tuple[Structure, list[str]]:
    """The structure without the side chains that are to be packed, and the residues of the region that stay."""
    if region is None:
        return target, []
    if isinstance(region, str):
        chosen = torch.ones(len(target), dtype=torch.bool) if region == "all" else select(structure, region)
    elif region.shape != (len(target),):
        raise ValueError(f"{target.name}: a region of {len(region)} for a structure of {len(target)} residues")
    else:
        chosen = region
    linked = linked_side_chains(target)
    known = torch.tensor([name in chemistry.RESIDUE_INDEX for name in target.residue_names])
    standard = known & (target.residues != chemistry.UNKNOWN)
    reasons = (
        (~standard, "it is modified or unknown"),
        (linked, "its side chain is in a link"),
        (~target.has_backbone, "N, CA or C is missing"),
    )
    skipped = [
        f"{target.residue_id(i)}: {next(reason for mask, reason in reasons if mask[i])}"
        for i in (chosen & (~standard | linked | ~target.has_backbone)).nonzero()[:, 0].tolist()
    ]
    chosen = chosen & standard & ~linked & target.has_backbone
    side = torch.ones(len(chemistry.ATOMS), dtype=torch.bool)
    side[[*chemistry.BACKBONE, chemistry.OXT]] = False
    removed = chosen[:, None] & side
    removed[:, chemistry.CB] &= ca_volume(target.positions, target.present) >= 0  # CB alone tells a D-amino acid
    present = target.present & ~removed
    return replace(target, present=present, positions=torch.where(present[..., None], target.positions, 0.0)), skipped


def _described(packed: Structure, sample: Sample | None, skipped: list[str]) -> Structure:
    """The structure with predicted errors as B factors, and with what was skipped in its audit."""
    if sample is not None and sample.error is not None:
        b_factors = packed.b_factors.clone()
        side = ~torch.isin(torch.arange(len(chemistry.ATOMS)), torch.tensor([*chemistry.BACKBONE, chemistry.OXT]))
        b_factors[sample.rows] = torch.where(side, sample.error[:, None], b_factors[sample.rows])
        packed = replace(packed, b_factors=b_factors)
    if skipped:
        text = f"{len(skipped)} side chains were not packed ({'; '.join(skipped[:EXAMPLES])})"
        places = tuple(one.split(": ")[0] for one in skipped[:EXAMPLES])
        finding = Finding("side-chains-not-packed", "warning", text, len(skipped), places)
        packed = replace(packed, audit=replace(packed.audit, findings=(*packed.audit.findings, finding)))
    return packed

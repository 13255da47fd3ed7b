"""Everything we can say about a model in one flat table row."""

from __future__ import annotations

from protein_enn import chemistry
from protein_enn.geometry.superposition import rmsd
from protein_enn.metrics.alignment import match_residues
from protein_enn.metrics.dockq import dockq
from protein_enn.metrics.lddt import lddt
from protein_enn.metrics.side_chains import chi_accuracy, chi_errors, side_chain_rmsd
from protein_enn.metrics.similarity import gdt, tm_score
from protein_enn.metrics.stereochemistry import stereochemistry
from protein_enn.structure import Structure


def validate(
    model: Structure,
    native: Structure | None = None,
    *,
    model_chain: str | None = None,
    native_chain: str | None = None,
) -> dict[str, str | int | float | None]:
    """Stereochemistry of a model and, given a native, how near the model comes to it; ready for JSON.

    Residues are matched by sequence (`match_residues`), copies of a chain as they fit best. Lengths are Å; the other
    metrics are fractions from 0 to 1, None where nothing can be compared. TM-score and GDT are normalized by the
    residues of the native that have a CA; `dockq` is the mean over the native's interfaces that the model has;
    `side_chain_rmsd` the mean over residues. A model chain limits the stereochemistry too. ValueError for a chain that
    is not there.
    """
    assessed = model if model_chain is None else model.chain(model_chain)
    record: dict[str, str | int | float | None] = {"name": model.name, "residues": len(assessed)}
    record |= stereochemistry(assessed).summary()
    if native is None:
        return record
    i, j = match_residues(model, native, model_chain, native_chain, copies=True)
    target = native if native_chain is None else native.chain(native_chain)
    record |= compare(model.take(i), native.take(j), length=int(target.present[:, chemistry.CA].sum()))
    found = dockq(model, native, (i, j))
    mean = sum(interface.dockq for interface in found) / len(found) if found else None
    return record | {"interfaces": len(found), "dockq": mean}


def compare(model: Structure, native: Structure, *, length: int | None = None) -> dict[str, int | float | None]:
    """Agreement of two structures whose residues correspond row by row."""
    present = model.present & native.present
    both = present[:, chemistry.CA]
    x, y = model.ca[both], native.ca[both]
    length = len(x) if length is None else length
    enough = len(x) >= 3
    ts, ha = gdt(x, y, length) if enough else (None, None)
    heavy = lddt(model.positions, native.positions, present, residues=native.residues)
    trace = lddt(model.positions, native.positions, present, ca_only=True)
    return {
        "matched_residues": len(x),
        "native_residues": length,
        "rmsd": rmsd(x, y) if enough else None,
        "tm_score": tm_score(x, y, length) if enough else None,
        "gdt_ts": ts,
        "gdt_ha": ha,
        "lddt": _number(heavy.mean),
        "ca_lddt": _number(trace.mean),
        **chi_accuracy(chi_errors(model, native)),
        "side_chain_rmsd": _number(float(side_chain_rmsd(model, native).nanmean())),
    }


def _number(value: float) -> float | None:
    return None if value != value else value  # JSON has no nan

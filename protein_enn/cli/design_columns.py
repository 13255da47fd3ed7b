"""What `rank` tells of a design apart from its score, and `score` with --properties and --backbones."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.batch import Row
from protein_enn.io.batch import explain

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor
    from protein_enn.structure import Structure

    Groups = tuple[tuple[str, ...], ...]

ALL = "all"
BACKBONES = 4
"""Noised backbones of a ranking, where nothing else is asked for."""
Backbones = Annotated[
    int,
    typer.Option(
        min=0, help="Score so many backbones noised by 0.1 Å as well, for the error of a difference. 0: none."
    ),
]
InterfaceOption = Annotated[
    str | None,
    typer.Option(
        "--interface",
        metavar="SIDES",
        help="Score of the complex minus the scores of its sides alone, in nats: 'A|B', 'A,B|C', or all (each "
        "chain is a side). It is positive if the complex makes the sequence more likely.",
    ),
]


def check_backbones(backbones: int) -> None:
    """typer.BadParameter for a number of noised backbones that gives no standard deviation."""
    if backbones == 1:
        raise typer.BadParameter("--backbones 1 gives no standard deviation: take 2 or more, or 0 for none")


def sides_of(structure: Structure, interface: str | None) -> Groups | None:
    """Author chains of the sides that --interface names; None without it."""
    from protein_enn.scoring.interface import chain_groups

    return None if interface is None else chain_groups(structure, None if interface == ALL else interface)


def noise_columns(structure: Structure, backbones: int, predictor: Predictor, **options: Any) -> Row:
    """Scores on noised backbones and their standard deviation; None where there are none."""
    from protein_enn.scoring.noise import noised_scores

    if not backbones:
        return {"noised": None, "noise_error": None}
    noised = noised_scores(structure, backbones=backbones, predictor=predictor, **options)
    return {"noised": noised, "noise_error": stdev(noised)}


def property_columns(path: str, structure: Structure, groups: Groups | None) -> Row:
    """Surface, patches, charge, clashes, contacts across the interface, and what predicted the model says of it."""
    from protein_enn.scoring.properties import properties

    return {**properties(structure, groups), **_confidence(path, structure, groups)}


def with_columns(columns: Sequence[str], *, properties: bool, noise: bool, interface: bool) -> tuple[str, ...]:
    """The columns of a table of scores with those of properties and noise, before its seed."""
    from protein_enn.scoring.composition import COMPOSITION
    from protein_enn.scoring.property_columns import CONFIDENCE, INTERFACE, SEQUENCE, SHAPE

    composed = [
        name for name in COMPOSITION if name != "new_glycosylation_motifs"
    ]  # which is of a design and its input
    more = ["noise_error"] if noise else []
    if properties:
        more += [*(INTERFACE if interface else ()), *SHAPE, *SEQUENCE, *composed, *CONFIDENCE]
    at = columns.index("seed")
    return (*columns[:at], *more, *columns[at:])


def _confidence(path: str, structure: Structure, groups: Groups | None) -> Row:
    """The columns of what the program that predicted a model says of it; of a file that cannot be read, a note."""
    from protein_enn.io.confidence import Confidence, confidence_of

    try:
        found = confidence_of(path)
    except ValueError as error:
        typer.echo(f"note: {explain(error)}", err=True)
        found = Confidence()
    plddt = found.plddt
    if plddt is None and structure.predicted and bool(structure.present.any()):
        plddt = float(structure.b_factors[structure.present].double().mean())
    row: Row = {"plddt": plddt, "ptm": found.ptm, "iptm": found.iptm, "pae": None, "interface_pae": None}
    if found.pae is not None:
        row["pae"] = float(found.pae.double().mean())
        if groups is not None and len(found.pae) == len(structure):
            side_of = {chain: k for k, group in enumerate(groups) for chain in group}
            sides = [side_of.get(structure.chain_ids[k], -1) for k in structure.chains.tolist()]
            row["interface_pae"] = found.across(sides)
    return {**row, "confidence_files": " ".join(found.files) or None}

"""The controls of `refine`: what each option is, what cannot be meant, and how they are written down."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor
    from protein_enn.refinement import Refinement
    from protein_enn.structure import Structure

_WHAT, _HOW = "What may move", "How it is refined"
HOLD_WORDS = ("plddt", "b_factor")
SYMMETRY_WORDS = ("detect", "assembly")
RELAX_NEEDS = ("openmm", "pdbfixer")

Steps = Annotated[int, typer.Option(min=0, help="Iterations of the network; 0 keeps the coordinates.")]
Region = Annotated[
    str | None,
    typer.Option(
        "--residues",
        metavar="SELECTION",
        rich_help_panel=_WHAT,
        help="Residues that may move, others stay: 'A:45-60', 'within 8 of ligand', 'chain B and plddt < 70'.",
    ),
]
Fixed = Annotated[
    str | None, typer.Option(rich_help_panel=_WHAT, help="Residues that stay, in the same words: 'chain B, A:52B'.")
]
Hold = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_WHAT,
        metavar="plddt|b_factor|FILE",
        help="Hold well-determined residues the more firmly: by the B-factor column, or a CSV file (residue,hold; 0 is "
        "free, 1 stays).",
    ),
]
SideChainsOnly = Annotated[
    bool, typer.Option("--side-chains-only", rich_help_panel=_WHAT, help="The backbone (N, CA, C, O) stays.")
]
SymmetryOption = Annotated[
    str | None,
    typer.Option(
        "--symmetry",
        rich_help_panel=_HOW,
        metavar="detect|assembly|C2|D3|...",
        help="Keep copies exactly alike: the group that is found, the copies that --assembly made, or this one.",
    ),
]
Copies = Annotated[
    Path | None,
    typer.Option(
        rich_help_panel=_HOW,
        exists=True,
        dir_okay=False,
        help="The file is an asymmetric unit: make its copies by these operators (3 x 4 matrices, BIOMT or MTRIX "
        "lines), refine all of them alike, write them all as mmCIF.",
    ),
]
Rebuild = Annotated[
    bool, typer.Option("--rebuild", rich_help_panel=_HOW, help="First add side-chain atoms that are missing.")
]
Candidates = Annotated[
    int,
    typer.Option(min=1, rich_help_panel=_HOW, help="Try so many, with a little noise from --seed on; keep the best."),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(rich_help_panel=_HOW, help="Begin no step and no candidate after so many seconds for one structure."),
]
Relax = Annotated[
    bool,
    typer.Option(
        "--relax", rich_help_panel=_HOW, help="End with a restrained minimisation in OpenMM (pip install .[relax])."
    ),
]


@dataclass(frozen=True)
class Controls:
    """What was asked of a refinement; written down, it can be repeated. Fields are options by name."""

    steps: int = 3
    seed: int = 0
    region: str | None = None
    fixed: str | None = None
    hold: str | None = None
    side_chains_only: bool = False
    symmetry: str | None = None
    copies: str | None = None
    rebuild: bool = False
    candidates: int = 1
    max_seconds: float | None = None
    relax: bool = False

    def check(self) -> None:
        """typer.BadParameter for what no structure could make meaningful."""
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise typer.BadParameter(f"--max-seconds {self.max_seconds:g}: give a time above 0")
        if self.hold is not None and self.hold not in HOLD_WORDS and not Path(self.hold).is_file():
            raise typer.BadParameter(
                f"--hold {self.hold}: neither {' nor '.join(HOLD_WORDS)} nor a file with the columns residue,hold"
            )
        self._check_symmetry()
        if self.steps == 0 and (self.relax or self.candidates > 1):
            raise typer.BadParameter("--steps 0 keeps the coordinates: leave out --relax and --candidates")
        missing = [name for name in RELAX_NEEDS if self.relax and find_spec(name) is None]
        if missing:
            raise typer.BadParameter(f"--relax needs {' and '.join(missing)}: pip install 'protein-enn[relax]'")

    def _check_symmetry(self) -> None:
        from protein_enn.geometry.symmetry.point_groups import parse_group

        if self.symmetry is not None and self.copies is not None:
            raise typer.BadParameter("--copies brings its own symmetry: leave out --symmetry")
        if self.symmetry is not None and self.symmetry.strip().lower() not in SYMMETRY_WORDS:
            try:
                parse_group(self.symmetry)
            except ValueError as error:
                raise typer.BadParameter(f"--symmetry: {error}; or {', '.join(SYMMETRY_WORDS)}") from error

    @property
    def files(self) -> dict[str, Path]:
        """The files that controls were given in, by control."""
        held = None if self.hold in (None, *HOLD_WORDS) else self.hold
        given = {"hold": held, "copies": self.copies}
        return {name: Path(path) for name, path in given.items() if path is not None}

    def to_dict(self) -> dict[str, Any]:
        """For the record: every control, and the sha256 of the files among them."""
        digests = {f"{name}_sha256": hashlib.sha256(path.read_bytes()).hexdigest() for name, path in self.files.items()}
        return {**{field.name: getattr(self, field.name) for field in fields(self)}, **digests}

    def words(self) -> str:
        """For the table: steps, seed and what differs from the default, `steps=3 seed=0 region='A:1-20'`."""
        return " ".join(self._words())

    def _words(self) -> Iterator[str]:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is True:
                yield field.name
            elif field.name in ("steps", "seed") or value != field.default:
                yield f"{field.name}={shlex.quote(str(value))}"

    def refine(self, structure: Structure, predictor: Predictor) -> Refinement:
        """The structure refined with these controls, after its copies were made if there are to be any.

        ValueError for a control that does not fit this structure; it says which where there is more than one like it.
        """
        from protein_enn.refinement import refine
        from protein_enn.refinement.symmetry.copies import read_operators, with_copies
        from protein_enn.structure.selection import SelectionError, select

        wishes = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "copies"}
        if self.copies is not None:
            structure, wishes["symmetry"] = with_copies(structure, read_operators(self.copies))
        for name in ("region", "fixed"):
            try:
                select(structure, "none" if wishes[name] is None else wishes[name])
            except SelectionError as error:
                raise SelectionError(f"--{'residues' if name == 'region' else name}: {error}") from error
        return refine(structure, predictor=predictor, **wishes)

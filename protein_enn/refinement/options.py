"""Everything that `refine` can be asked, each option once: its default, its range, its help text and its checks.

The Python function, the command, scripts/refine.py and the table of the documentation take their options from here.
A field's metadata holds its `help`, and where it has them its `panel`, `metavar`, `min` and further arguments of
`typer.Option`; `type` is the type on the command line where the default does not tell it. Nothing here loads torch
before it is needed: the help of the command must be immediate.
"""

from __future__ import annotations

import difflib
import hashlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    from protein_enn.geometry.symmetry.operators import Operators
    from protein_enn.geometry.symmetry.symmetry import Symmetry

WHAT_MOVES, HOW = "What may move", "How it is refined"
HOLD_COLUMNS = ("plddt", "b_factor")
SYMMETRY_NAMES = ("detect", "assembly")
RELAX_NEEDS = ("openmm", "pdbfixer")


@dataclass(frozen=True, eq=False)
class RefineOptions:
    """What is asked of a refinement; written down, it can be repeated.

    `region` and `fixed` are selections, or masks of the residues. `hold` is "plddt", "b_factor", a CSV file, or weights
    from 0 (free) to 1 (stays), one a residue. `symmetry` is "detect", "assembly", a point group such as "C3", or a
    `Symmetry` that was made.

    Examples
    --------
    >>> options = RefineOptions(steps=5, region="A:60-100")
    >>> options.check()
    >>> options.summary()
    'steps=5 seed=0 region=A:60-100'
    """

    steps: int = field(
        default=3,
        metadata={"min": 0, "help": "Iterations of the network; 0 keeps the coordinates."},
    )
    seed: int = field(
        default=0,
        metadata={"min": 0, "help": "Seed of every random choice. It is recorded in the output."},
    )
    region: str | Bool[Tensor, "n"] | None = field(
        default=None,
        metadata={
            "option": "--residues",
            "type": str,
            "metavar": "SELECTION",
            "panel": WHAT_MOVES,
            "help": "Residues that may move, others stay: 'A:45-60', 'within 8 of ligand', 'chain B and plddt < 70'.",
        },
    )
    fixed: str | Bool[Tensor, "n"] | None = field(
        default=None,
        metadata={
            "type": str,
            "panel": WHAT_MOVES,
            "help": "Residues that stay, in the same grammar: 'chain B, A:52B'.",
        },
    )
    hold: str | Path | Float[Tensor, "n"] | None = field(
        default=None,
        metadata={
            "type": str,
            "panel": WHAT_MOVES,
            "metavar": "plddt|b_factor|FILE",
            "help": "Hold well-determined residues the more firmly: by the B-factor column, or a CSV file "
            "(residue,hold; 0 is free, 1 stays).",
        },
    )
    side_chains_only: bool = field(
        default=False,
        metadata={"panel": WHAT_MOVES, "help": "The backbone (N, CA, C, O) stays."},
    )
    symmetry: str | Operators | Symmetry | None = field(
        default=None,
        metadata={
            "type": str,
            "panel": HOW,
            "metavar": "detect|assembly|C2|D3|...",
            "help": "Keep copies exactly alike: the group that is found, the copies that --assembly made, or this one.",
        },
    )
    copies: str | Path | None = field(
        default=None,
        metadata={
            "type": Path,
            "exists": True,
            "dir_okay": False,
            "panel": HOW,
            "help": "The file is an asymmetric unit: make its copies by these operators (3 x 4 matrices, BIOMT or "
            "MTRIX lines), refine all of them alike, write them all as mmCIF.",
        },
    )
    rebuild: bool = field(
        default=False,
        metadata={
            "panel": HOW,
            "help": "First add side-chain atoms that are missing, by the packing model.",
        },
    )
    candidates: int = field(
        default=1,
        metadata={
            "min": 1,
            "panel": HOW,
            "help": "Try so many, with a little noise from --seed on; keep the best.",
        },
    )
    max_seconds: float | None = field(
        default=None,
        metadata={
            "type": float,
            "panel": HOW,
            "help": "Begin no step and no candidate after so many seconds for one structure.",
        },
    )
    relax: bool = field(
        default=False,
        metadata={"panel": HOW, "help": "End with a restrained minimization in OpenMM (pip install .[relax])."},
    )

    def changed(self, changes: Mapping[str, Any]) -> RefineOptions:
        """The options with those of `changes` in place of their own.

        Raises
        ------
        TypeError
            A change names no option.
        """
        names = [option.name for option in fields(self)]
        for name in changes:
            if name not in names:
                close = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
                raise TypeError(f"refine has no option {name!r}: {hint}")
        return replace(self, **changes)

    def check(self) -> None:
        """Refuse what no structure could make meaningful.

        Raises
        ------
        ValueError
            An option is out of its range or contradicts another. The message has the names of options in backquotes.
        """
        for option in fields(self):
            least, value = option.metadata.get("min"), getattr(self, option.name)
            if least is not None and value < least:
                raise ValueError(f"`{option.name}` is {value}: give {least} or more")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ValueError(f"`max_seconds` {self.max_seconds:g}: give a time above 0")
        if "hold" in self.files and not self.files["hold"].is_file():
            raise ValueError(
                f"`hold` {self.hold}: neither {' nor '.join(HOLD_COLUMNS)} nor a file with the columns residue,hold"
            )
        self._check_symmetry()
        if self.steps == 0 and (self.relax or self.candidates > 1):
            raise ValueError("`steps` 0 keeps the coordinates: leave out `relax` and `candidates`")
        missing = [name for name in RELAX_NEEDS if self.relax and find_spec(name) is None]
        if missing:
            raise ValueError(f"`relax` needs {' and '.join(missing)}: pip install 'protein-enn[relax]'")

    def _check_symmetry(self) -> None:
        from protein_enn.geometry.symmetry.point_groups import parse_group

        if self.symmetry is not None and self.copies is not None:
            raise ValueError("`copies` brings its own symmetry: leave out `symmetry`")
        if isinstance(self.symmetry, str) and self.symmetry.strip().lower() not in SYMMETRY_NAMES:
            try:
                parse_group(self.symmetry)
            except ValueError as error:
                raise ValueError(f"`symmetry`: {error}; or {', '.join(SYMMETRY_NAMES)}") from error

    @property
    def files(self) -> dict[str, Path]:
        """The files in which options are given, by option."""
        hold = self.hold if isinstance(self.hold, str | Path) and str(self.hold) not in HOLD_COLUMNS else None
        given = {"hold": hold, "copies": self.copies}
        return {name: Path(path) for name, path in given.items() if path is not None}

    def to_dict(self) -> dict[str, Any]:
        """For a record in JSON: every option, and the sha256 of the files among them."""
        digests = {f"{name}_sha256": hashlib.sha256(path.read_bytes()).hexdigest() for name, path in self.files.items()}
        return {**{option.name: _plain(getattr(self, option.name)) for option in fields(self)}, **digests}

    def summary(self) -> str:
        """For a table: steps, seed and what differs from the default, `steps=3 seed=0 region='A:1-20, A:40'`."""
        return " ".join(self._summary())

    def _summary(self) -> Iterator[str]:
        for option in fields(self):
            value = _plain(getattr(self, option.name))
            if value is True:
                yield option.name
            elif option.name in ("steps", "seed") or value != option.default:
                text = f"tensor({len(value)})" if isinstance(value, list) else str(value)
                yield f"{option.name}={shlex.quote(text)}"


def _plain(value: Any) -> Any:
    """As JSON can hold it: a mask or weights as a list, a symmetry or operators by name."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    return value.tolist() if hasattr(value, "tolist") else value.name

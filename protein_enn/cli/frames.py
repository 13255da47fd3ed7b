"""`frames`: energies and forces of GFN2-xTB for capped amino acids and dipeptides, to train a potential on."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.options import Json, Processes, Seed
from protein_enn.cli.output import Progress, check_writable, explained, show_json, show_rows, stop, writing

COLUMNS = ("molecule", "set", "atoms", "frames", "largest_force", "dropped")


def frames(
    output: Annotated[
        Path,
        typer.Option("-o", "--output", file_okay=False, help="Folder of the store. Shards that it holds are kept."),
    ],
    count: Annotated[
        int,
        typer.Option("--frames", min=1, help="Make so many frames, rounded up to ten for each start conformation."),
    ] = 30_000,
    seed: Seed = 0,
    processes: Processes = 1,
    as_json: Json = False,
) -> None:
    """Make a store of energies and forces of GFN2-xTB for capped amino acids and dipeptides (experimental).

    A run that was stopped goes on. The result depends on the seed and the number of frames alone. Needs tblite and
    OpenMM, which the extra `quantum` installs.
    """
    from protein_enn.data.frame_format import SPLITS
    from protein_enn.quantum import make_frames

    check_writable(output / "manifest.json")
    rate = _Rate()
    try:
        with explained(), writing(output), Progress() as progress:
            summary = make_frames(
                output,
                count,
                seed=seed,
                processes=processes,
                progress=lambda done, total: progress.show(done, total, f"frames{rate.of(done)}"),
            )
    except ModuleNotFoundError as error:
        stop(str(error))
    if as_json:
        show_json(
            {
                "store": str(output),
                "frames": len(summary.store),
                "new_shards": summary.new,
                "dropped": summary.dropped,
                "splits": {name: len(summary.store.split(name)) for name in SPLITS},
                "molecules": [asdict(row) for row in summary.molecules],
            }
        )
        return
    show_rows([asdict(row) for row in summary.molecules], COLUMNS)
    reasons = "".join(f", {number} by {reason}" for reason, number in summary.dropped.items())
    typer.echo(
        f"{output}: {len(summary.store)} frames of {len(summary.molecules)} molecules, forces in eV/Å; "
        f"{sum(summary.dropped.values())} dropped{reasons}"
    )
    typer.echo(", ".join(f"{name}: {len(summary.store.split(name))}" for name in SPLITS))


class _Rate:
    """Frames a second since the first report, which is of what was there."""

    def __init__(self) -> None:
        self.first: tuple[float, int] | None = None

    def of(self, done: int) -> str:
        """The rate for a progress line; nothing at first."""
        now = time.monotonic()
        if self.first is None:
            self.first = (now, done)
            return ""
        began, before = self.first
        return f", {(done - before) / max(now - began, 1e-9):.1f}/s"

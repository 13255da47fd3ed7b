"""Folders with results of an earlier run, which are not written over unless that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.batch import in_shard
from protein_enn.cli.options import Reading, Sharding
from protein_enn.io.batch import STDIN, Item, stem
from protein_enn.io.formats.table import is_structure_name

Force = Annotated[
    bool, typer.Option("--force", help="Write over structures that an earlier run left in the folder, if any.")
]


def check_free(
    option: str,
    folder: Path,
    batch: Sequence[Item],
    reading: Reading,
    sharding: Sharding,
    force: bool,
    *,
    endings: Sequence[str] = ("",),
    any_ending: bool = False,
) -> None:
    """typer.BadParameter where structures of an earlier run would be overwritten.

    Parameters
    ----------
    option
        The one that names the folder.
    folder
        Where structures are written.
    batch
        The inputs. That none of them is overwritten is not seen to here.
    reading
        How they are read: with all models the names are those of models too.
    sharding
        With `--skip-existing` a run goes on, and what it does again is overwritten.
    force
        Whether all may be overwritten.
    endings
        What comes after the name of an input: `_sample1`.
    any_ending
        Whether `_` and anything else may come too.
    """
    if force or sharding.skip_existing or not folder.is_dir():
        return
    names = [item.name for item in in_shard(batch, sharding)]
    names += [f"{name}_model1" for name in names] if reading.all_models else []
    wanted, begun = {f"{name}{ending}" for name in names for ending in endings}, set(names if any_ending else [])
    inputs = {Path(item.path).resolve() for item in batch if item.path != STDIN}
    for path in sorted(folder.iterdir()):
        if is_structure_name(path.name) and _is_one_of(stem(path), wanted, begun) and path.resolve() not in inputs:
            raise typer.BadParameter(
                f"{option} {folder}: {path} is there from an earlier run; choose another folder, go on with that run "
                "(--skip-existing) or write over it (--force)"
            )


def _is_one_of(name: str, wanted: set[str], begun: set[str]) -> bool:
    """Whether a name is wanted, or one of `begun` with more after a `_`."""
    parts = name.split("_")
    return name in wanted or any("_".join(parts[:i]) in begun for i in range(1, len(parts)))

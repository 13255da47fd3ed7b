"""A command over many files: which files, under which names, and one row for each, come what may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protein_enn.cli.output import Progress

Row = dict[str, Any]
SUFFIXES = (".gz", ".pdb", ".ent", ".cif", ".mmcif", ".bcif", ".pdbx")


@dataclass(frozen=True)
class Item:
    """A file to work on and its name, unique in the batch; or an input that led to no file, and why."""

    path: Path
    name: str
    error: str | None = None


def items(inputs: Sequence[str]) -> list[Item]:
    """Files behind the inputs, each once, in the order of the inputs; an input that leads to none keeps its error."""
    from protein_enn.io import StructureError, find_structures

    paths: dict[Path, Path] = {}
    errors: dict[Path, str] = {}
    for given in inputs:
        try:
            for path in find_structures([given]):
                paths.setdefault(path.resolve(), path)
        except (StructureError, OSError) as error:
            errors.setdefault(Path(given), str(error))
    found = list(paths.values())
    good = [Item(path, name) for path, name in zip(found, unique_names(found), strict=True)]
    return good + [Item(path, path.name or str(path), error) for path, error in errors.items()]


def stem(path: Path) -> str:
    """File name without the suffixes of structure formats: `1abc.cif.gz` -> `1abc`."""
    name = path.name
    while (cut := Path(name)).suffix.lower() in SUFFIXES and cut.stem:
        name = cut.stem
    return name


def unique_names(paths: Sequence[Path]) -> list[str]:
    """A name for each file: its stem, and where stems agree (in any case) `-2`, `-3`, ... for the later ones."""
    stems = [stem(path) for path in paths]
    taken = {name.casefold() for name in stems}
    seen: set[str] = set()
    names = []
    for base in stems:
        name, count = base, 1
        if base.casefold() in seen:
            while name.casefold() in taken:
                count += 1
                name = f"{base}-{count}"
        seen.add(base.casefold())
        taken.add(name.casefold())
        names.append(name)
    return names


def run(batch: Sequence[Item], work: Callable[[Item], list[Row]], failed: Callable[[Item, str], Row]) -> list[Row]:
    """Rows of all items in order; whatever goes wrong with one becomes its row, and the rest go on."""
    rows: list[Row] = []
    with Progress(len(batch)) as progress:
        for item in batch:
            try:
                if item.error is not None:
                    raise ValueError(item.error)
                new = work(item)
            except Exception as error:  # the promise to the caller: one bad file never stops a batch
                new = [failed(item, explain(error))]
            rows += new
            problem = next((row["error"] for row in new if row.get("error")), None)
            progress.advance(f"{item.name}: {problem}" if problem else item.name)
    return rows


def explain(error: Exception) -> str:
    """One line; errors that do not speak to users are named by their type."""
    text = " ".join(str(error).split())
    return text if text and isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {text}"


def overwrites(batch: Sequence[Item], targets: Sequence[Path]) -> Path | None:
    """An input file that one of the targets would replace, if there is one."""
    inputs = {item.path.resolve() for item in batch}
    return next((target for target in targets if target.resolve() in inputs), None)

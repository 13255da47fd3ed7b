"""Work on many files: which they are, under which names, and what is said of one that fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from protein_enn.io.csv_text import printable
from protein_enn.io.formats.table import suffixes
from protein_enn.io.inputs import find_structures

if TYPE_CHECKING:
    from protein_enn.structure import Structure

SUFFIXES = (".gz", ".pdbx", *suffixes())
STDIN = "-"


@dataclass(frozen=True)
class Item:
    """A file to work on and its name, unique in the batch; or an input that led to no file, and why."""

    path: str  # "-" is standard input
    name: str  # fit to be the name of a file
    error: str | None = None


def find_items(inputs: Sequence[str], *, stdin: bool = False) -> list[Item]:
    """Files behind the inputs, each once, in the order of the inputs; an input that leads to none keeps its error.

    Parameters
    ----------
    inputs
        What `find_structures` takes.
    stdin
        Whether "-" is standard input, as which it keeps its name.
    """
    found: dict[object, tuple[str, str | None]] = {}
    for given in inputs:
        if stdin and given == STDIN:
            found[given] = (STDIN, None)
            continue
        try:
            for path in find_structures([given]):
                # A file that is really called "-" must not be mistaken for standard input.
                found.setdefault(path.resolve(), (str(path) if str(path) != STDIN else str(path.absolute()), None))
        except (ValueError, OSError, RuntimeError) as error:  # RuntimeError: a circle of symbolic links
            found.setdefault(("nothing at", given), (given, explain(error)))
    names = unique_names([Path("stdin" if path == STDIN else path) for path, _ in found.values()])
    return [Item(path, name, error) for (path, error), name in zip(found.values(), names, strict=True)]


def stem(path: Path) -> str:
    """File name without the suffixes of structure formats: `1abc.cif.gz` -> `1abc`."""
    name = path.name
    while (cut := Path(name)).suffix.lower() in SUFFIXES and cut.stem:
        name = cut.stem
    return name


def safe_name(text: str) -> str:
    """The text as the start of a file name that stays in its folder: no separator, control character, leading dot."""
    name = printable(text).replace("\\", "_").replace("/", "_")
    return name if name and not name.startswith(".") else f"_{name}"


def unique_names(paths: Sequence[Path]) -> list[str]:
    """A name for each file: its stem, and where stems agree (in any case) `-2`, `-3`, ... for the later ones.

    `x_model2` counts as agreeing with `x`, whose second model has that name.
    """
    stems = [safe_name(stem(path)) for path in paths]
    given = {name.casefold() for name in stems}
    taken = set(given)
    seen: set[str] = set()
    names = []
    for base in stems:
        name, count = base, 1
        if base.casefold() in seen or re.sub(r"_model\d+$", "", base.casefold()) in given - {base.casefold()}:
            while name.casefold() in taken:
                count += 1
                name = f"{base}-{count}"
        seen.add(base.casefold())
        taken.add(name.casefold())
        names.append(name)
    return names


def models(item: Item, structures: Sequence[Structure]) -> list[tuple[Item, Structure]]:
    """Each structure of a file with an item of its own: several are `NAME_model1`, `NAME_model2`, ..."""
    if not structures:
        raise ValueError(f"{item.path}: no model in this file")
    if len(structures) == 1:
        return [(item, structures[0])]
    return [(replace(item, name=f"{item.name}_model{i}"), structure) for i, structure in enumerate(structures, 1)]


def explain(error: Exception) -> str:
    """One line; errors that do not speak to users are named by their type."""
    text = " ".join(str(error).split())
    return text if text and isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {text}"

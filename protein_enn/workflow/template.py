"""The files of the workflow, which `protein-enn workflow init` writes into a folder of the user's own.

A wheel has a copy of them in the package: setup.py makes it, and runs this file before anything is installed. So it
imports nothing of the package.
"""

from __future__ import annotations

import shutil
from pathlib import Path

PARTS = ("Snakefile", "workflow", "configs", "profiles", "examples")
"""Files and folders of the repository."""
FOLDER = "repository"
"""Folder of the copy, beside this file."""


def template_files(root: str | Path | None = None) -> dict[str, Path]:
    """The files of the workflow.

    Parameters
    ----------
    root
        Folder with `PARTS`. By default that of the installed package, else the repository of an editable install.

    Returns
    -------
    dict
        Each file by its path in the folder, sorted.

    Raises
    ------
    FileNotFoundError
        Where there is no Snakefile.
    """
    packaged = Path(__file__).with_name(FOLDER)
    folder = Path(root) if root is not None else packaged if packaged.is_dir() else Path(__file__).parents[2]
    if not (folder / "Snakefile").is_file():
        raise FileNotFoundError(f"{folder}: no Snakefile; install the package again")
    found = [file for part in PARTS for file in (folder / part, *(folder / part).rglob("*")) if file.is_file()]
    names = {file.relative_to(folder).as_posix(): file for file in found if file.suffix != ".pyc"}
    return dict(sorted(names.items()))


def write_template(folder: str | Path, *, force: bool = False, root: str | Path | None = None) -> list[str]:
    """Write the files of the workflow into a folder.

    Parameters
    ----------
    folder
        It is made where it does not exist.
    force
        Write into a folder that is not empty. Files of the same names are replaced, others stay.
    root
        As for `template_files`.

    Returns
    -------
    list of str
        The files that were written, relative to the folder.

    Raises
    ------
    FileExistsError
        If the folder is not empty.
    FileNotFoundError
        As for `template_files`.
    """
    target = Path(folder)
    if not force and target.is_dir() and any(target.iterdir()):
        raise FileExistsError(f"{target}: is not empty; name another folder, or replace its files with --force")
    files = template_files(root)
    for name, file in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target / name)
    return list(files)

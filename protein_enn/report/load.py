"""From the files and folders that a user names to `Results`: each file is read by the panel that recognizes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from protein_enn.report import panels
from protein_enn.report.files import File, expand
from protein_enn.report.results import Results


def load_results(folder_or_files: str | Path | Sequence[str | Path]) -> Results:
    """Read what other commands left in a folder (with its subfolders) or in the files given.

    In a folder files of other kinds are passed over. Where a table and a record hold the same score, the record is
    kept, for it has the residues too.

    Parameters
    ----------
    folder_or_files
        One folder or file, or several; docs/how-to/report.md lists the names of files.

    Returns
    -------
    Results
        What `write_report` takes.

    Raises
    ------
    ValueError
        Naming the file, for one that cannot be read or does not hold what its name says, and for a file that was
        named itself and is no result.
    """
    named = [folder_or_files] if isinstance(folder_or_files, str | Path) else list(folder_or_files)
    sources = sorted((source for panel in panels.PANELS for source in panel.sources), key=lambda source: source.rank)
    results = Results()
    for path, chosen in expand([Path(item) for item in named]):
        file = File(path)
        explains = path.name.endswith(".columns.json")
        source = None if explains else next((source for source in sources if source.recognizes(file)), None)
        if source is not None:
            source.read(path, results)
            results.files += 1
        elif chosen and explains:
            raise ValueError(f"{path}: explains a table's columns; give the table")
        elif chosen:
            raise ValueError(f"{path}: not a kind of result that a report shows; these are: {known_files()}")
    for panel in panels.PANELS:
        panel.finish(results)
    return results


def known_files() -> str:
    """What a page can be made of, as an error names it."""
    return ", ".join(panel.files for panel in panels.PANELS if panel.files)

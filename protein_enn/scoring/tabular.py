"""Results of scoring as tables: CSV files and pandas data frames."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from protein_enn.io import atomic
from protein_enn.io.csv_text import csv_text

if TYPE_CHECKING:
    from pandas import DataFrame


@runtime_checkable
class Tabular(Protocol):
    """What a table is made of: `scoring.result.Result`."""

    @property
    def kind(self) -> str:
        """Results of one kind have the same columns."""

    def row(self) -> dict[str, Any]:
        """The result as a whole."""

    def rows(self) -> list[dict[str, Any]]:
        """Its rows of a table."""


def to_csv(results: Tabular | Iterable[Tabular], path: str | Path) -> None:
    """Write the rows of results to a CSV file, whole or not at all.

    Parameters
    ----------
    results
        One, or several of one kind.
    path
        The file, which is replaced.

    Raises
    ------
    ValueError
        There is none, or they are of several kinds.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import protein_enn as pe
    >>> from protein_enn.testing import random_structure
    >>> scores = [pe.score(random_structure((20,), seed=seed)) for seed in range(3)]
    >>> with TemporaryDirectory() as folder:
    ...     to_csv(scores, f"{folder}/scores.csv")
    ...     print(Path(folder, "scores.csv").read_text().count("\\n"))
    4
    """
    rows = rows_of(results)
    atomic.write_text(Path(path), csv_text(rows, list(rows[0])))


def to_dataframe(results: Tabular | Iterable[Tabular]) -> DataFrame:
    """The rows of results as a data frame of pandas (`pip install pandas`).

    Parameters
    ----------
    results
        One, or several of one kind.

    Returns
    -------
    pandas.DataFrame
        The columns of the command's table; `scoring.columns` says what each means.

    Raises
    ------
    ValueError
        There is none, or they are of several kinds.
    ImportError
        pandas is not installed.

    Examples
    --------
    >>> import protein_enn as pe
    >>> from protein_enn.testing import random_structure
    >>> scan = pe.scan(random_structure((20,)))
    >>> to_dataframe(scan).nlargest(5, "score").shape[0]
    5
    """
    try:
        from pandas import DataFrame
    except ImportError as error:
        raise ImportError("a data frame needs pandas: pip install pandas, or use to_csv") from error
    return DataFrame(rows_of(results))


def rows_of(results: Tabular | Iterable[Tabular]) -> list[dict[str, Any]]:
    """The rows of results, each with the name and the file of its structure."""
    given = [results] if isinstance(results, Tabular) else list(results)
    kinds = {result.kind for result in given}
    if len(kinds) != 1:
        found = ", ".join(sorted(kinds)) or "nothing"
        raise ValueError(f"one table needs results of one kind; these are {found}")
    rows = []
    for result in given:
        whole = result.row()
        where = {key: whole[key] for key in ("name", "file") if key in whole}
        rows += [{**where, **row} for row in result.rows()]
    if not rows:
        raise ValueError("the results have no rows")
    return rows

"""What a page is made of, in the forms in which commands write it."""

from __future__ import annotations

from typing import Any

from protein_enn.report import panels
from protein_enn.report.contents import Contents, Kind


class Results(Contents):
    """Everything that was read, by its kind; what was not is empty.

    The kinds are those of the panels: `refinements`, `designs`, `scores`, `scans`, `mutants`, `audits`, `failures`,
    `training`, `metrics`, `calibrations`, `provenance`, `benchmarks`.

    Parameters
    ----------
    files
        How many files all this is from.
    **content
        Content by the name of its kind.

    Raises
    ------
    TypeError
        For a name that is no kind of content.

    Examples
    --------
    >>> results = Results(metrics={"test": {"perplexity": 7.5}})
    >>> results.metrics, results.scores
    ({'test': {'perplexity': 7.5}}, [])
    """

    __slots__ = ("files",)

    def __init__(self, *, files: int = 0, **content: Any) -> None:
        super().__init__()
        self.files = files
        by_name = kinds()
        for name, value in content.items():
            if name not in by_name:
                raise TypeError(f"results have no {name!r}; they have {', '.join(by_name)}")
            self[by_name[name]] = value

    def __getattr__(self, name: str) -> Any:
        by_name = kinds()
        if name not in by_name:
            raise AttributeError(f"results have no {name!r}; they have {', '.join(by_name)}")
        return self[by_name[name]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Results):
            return NotImplemented
        return self.files == other.files and all(self[kind] == other[kind] for kind in kinds().values())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        sizes = {name: len(self[kind]) for name, kind in kinds().items()}
        return f"Results({', '.join(f'{n} {name}' for name, n in sizes.items() if n) or 'nothing'}, {self.files} files)"

    def replaced(self, **content: Any) -> Results:
        """These results with other content of the kinds named."""
        return Results(files=self.files, **{**{name: self[kind] for name, kind in kinds().items()}, **content})


def kinds() -> dict[str, Kind[Any]]:
    """All kinds of content by their names."""
    return {kind.name: kind for panel in panels.PANELS for kind in panel.kinds}

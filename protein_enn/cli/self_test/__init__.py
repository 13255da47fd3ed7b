"""Whether an installation is sound: each finding in plain language, with the fix."""

from __future__ import annotations

from collections.abc import Callable

from protein_enn.cli.self_test import computing, installed, places, trial, weights
from protein_enn.cli.self_test.finding import Finding

__all__ = ["Finding", "examine"]


def examine(device: str = "auto", progress: Callable[[str], None] = lambda line: None) -> list[Finding]:
    """Everything that is looked at, in order; the trial comes last and takes some ten seconds.

    Where the weights or a library are broken, the trial is left out: it would report the same less clearly.
    """
    found: list[Finding] = []
    for what, look in (
        ("libraries", installed.requirements),
        ("extras", installed.extras),
        ("devices and threads", computing.computing),
        ("weights", weights.weights),
        ("places", places.places),
    ):
        progress(what)
        found += look()
    if any(one.status == "broken" and one.about in ("library", "weights") for one in found):
        return [*found, Finding("trial", "note", "left out: fix what is broken first")]
    progress("a refinement and a score")
    return [*found, *trial.trial(device)]

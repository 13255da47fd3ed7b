"""What stands before the shell command of each job."""

from __future__ import annotations

import shlex
import sys


def job_prefix(results: str, *, deployed: bool) -> str:
    """Shell code before the command of a job.

    A job holds `.jobs` in the folder of results for sharing while it works, also where the Snakemake that started it
    was killed. Without software deployment `protein-enn` is run by the interpreter that runs Snakemake.

    Parameters
    ----------
    results
        The folder of all results.
    deployed
        Whether jobs run in an environment or container that has a `protein-enn` of its own.

    Returns
    -------
    str
        As Snakemake's `shell.prefix` takes it, which formats it: braces are doubled.
    """
    held = f"exec 9>>'{results}/.jobs'; if command -v flock > /dev/null; then flock -s 9; fi; "
    python = shlex.quote(sys.executable).replace("{", "{{").replace("}", "}}")
    return held if deployed else f'{held}protein-enn() ( exec {python} -P -m protein_enn "$@" ); '

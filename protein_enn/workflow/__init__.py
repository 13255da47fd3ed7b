"""What the Snakefile uses: settings, their faults, and which job works on which files.

Snakemake imports this each time it reads the Snakefile, so it imports no large library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protein_enn.lazy import lazy

if TYPE_CHECKING:
    from protein_enn.workflow.jobs import Plan, plan
    from protein_enn.workflow.lock import one_run
    from protein_enn.workflow.prefix import job_prefix
    from protein_enn.workflow.settings import Workflow, WorkflowSettingsError, schema

__all__ = ["Plan", "Workflow", "WorkflowSettingsError", "job_prefix", "one_run", "plan", "schema"]

__getattr__ = lazy(
    __name__,
    {
        "lock": ("one_run",),
        "jobs": ("Plan", "plan"),
        "prefix": ("job_prefix",),
        "settings": ("Workflow", "WorkflowSettingsError", "schema"),
    },
)

"""The configuration, checked, and what all rules share."""

import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

try:
    from protein_enn.workflow import WorkflowSettingsError, job_prefix, one_run, plan
except ImportError as error:
    raise WorkflowError(f"{error}; Snakemake and protein_enn must be in one environment: "
                        "pip install 'protein-enn[workflow]'") from None  # fmt: skip

try:
    PLAN = plan(config)
except WorkflowSettingsError as error:
    raise WorkflowError(f"the configuration cannot be used\n{error}") from None
validate(config, "../../configs/workflow.schema.json", set_default=False)  # PLAN has the defaults

SETTINGS = PLAN.settings
RESULTS = SETTINGS.results
GPU = int(SETTINGS.device == "cuda")

shell.prefix(job_prefix(RESULTS, deployed=bool(workflow.deployment_settings.deployment_method)))


wildcard_constraints:
    task="design|refinement|packing",
    measured="design|refinement|mutations",
    kind="inputs|structures|targets|ids",
    shard=r"(/\d+-of-\d+)?",


def megabytes(most):
    """Memory of a job in MB; a job that is tried again gets more."""
    return lambda wildcards, attempt: most * attempt


def given(wildcards, input):
    """The structures a job works on, as an argument."""
    return input.get("folder") or f"@{input.list}"


onstart:
    try:
        workflow.one_run = one_run(RESULTS, lambda line: print(line, file=sys.stderr))
    except WorkflowSettingsError as error:
        raise WorkflowError(str(error)) from None

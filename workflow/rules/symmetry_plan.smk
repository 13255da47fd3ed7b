"""What the plan of a study says of each of its cells. Targets other than the study load nothing of it."""

import functools

STUDY = f"{RESULTS}/symmetry_study"


@functools.cache
def study():
    from protein_enn.evaluation.equivariance.study.settings import read_study

    try:
        found = read_study(SETTINGS.symmetry_study)
    except ValueError as error:
        raise WorkflowError(f"symmetry_study: {error}") from None
    for split in (found.val, found.test):
        if not SETTINGS.prepare.data and split not in ("train", "val", "all"):
            raise WorkflowError(f"symmetry_study: {SETTINGS.symmetry_study} measures on {split!r}, which only a data "
                                "folder has: give prepare.data, or a plan that measures on 'val' or 'all'")  # fmt: skip
    return found


def study_cell(wildcards):
    from protein_enn.evaluation.equivariance.study.settings import Cell

    return Cell.of(wildcards.cell)


def study_cells(wildcards):
    from protein_enn.evaluation.equivariance.study.settings import cells

    return [f"{STUDY}/{cell.path}/measured.json" for cell in cells(study())]


def cell_experiment(wildcards):
    """What the plan says of this cell alone, so that another plan trains anew only what differs."""
    from protein_enn.evaluation.equivariance.study.settings import experiment_of

    return experiment_of(study(), study_cell(wildcards))


def cell_measures(wildcards):
    plan = study()
    return {"settings": plan.tasks[study_cell(wildcards).task].get("task_settings", {}),
            **{key: getattr(plan, key) for key in ("val", "test", "chains", "probes")}}  # fmt: skip

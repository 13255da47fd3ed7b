"""What the plan of a study of potentials says of each of its cells. Targets other than the study load nothing of it."""

import functools

POTENTIALS = f"{RESULTS}/potential_study"


@functools.cache
def potentials():
    from protein_enn.evaluation.potential_study import read_study

    try:
        return read_study(SETTINGS.potential_study)
    except ValueError as error:
        raise WorkflowError(f"potential_study: {error}") from None


def potential_cells(wildcards):
    from protein_enn.evaluation.potential_study import cells

    return [f"{POTENTIALS}/{cell.path}/measured.json" for cell in cells(potentials())]


def potential_experiment_of(wildcards):
    """What the plan says of this cell alone, so that another plan trains anew only what differs."""
    from protein_enn.evaluation.potential_study import Cell, experiment_of

    return experiment_of(potentials(), Cell.of(wildcards.potential))

"""What symmetry buys, docs/symmetry.md: `snakemake symmetry_study -c2`. Other targets load nothing of this."""

import functools

STUDY = f"{RESULTS}/symmetry_study"


@functools.cache
def study():
    from protein_enn.evaluation.symmetry.study import read_study

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
    from protein_enn.evaluation.symmetry.study import Cell

    return Cell.of(wildcards.cell)


def study_cells(wildcards):
    from protein_enn.evaluation.symmetry.study import cells

    return [f"{STUDY}/{cell.path}/measured.json" for cell in cells(study())]


def cell_experiment(wildcards):
    """What the plan says of this cell alone, so that another plan trains anew only what differs."""
    from protein_enn.evaluation.symmetry.study import experiment_of

    return experiment_of(study(), study_cell(wildcards))


def cell_measures(wildcards):
    plan = study()
    return {"settings": plan.tasks[study_cell(wildcards).task].get("task_settings", {}),
            **{key: getattr(plan, key) for key in ("val", "test", "chains", "probes")}}  # fmt: skip


wildcard_constraints:
    cell=r"\w+/\w+/[\d.e-]+_\d+",


rule study_experiment:
    output:
        f"{STUDY}/{{cell}}/experiment.yaml",
    log:
        f"{STUDY}/{{cell}}/experiment.log",
    params:
        experiment=cell_experiment,
    resources:
        mem_mb=megabytes(500),
        runtime=10,
    conda:
        "../../configs/environment.yaml"
    localrule: True
    script:
        "../../scripts/study_experiment.py"


rule study_train:
    input:
        store=rules.prepare.output.store,
        experiment=rules.study_experiment.output,
    output:
        weights=f"{STUDY}/{{cell}}/best.safetensors",
        info=f"{STUDY}/{{cell}}/best.json",
    log:
        f"{STUDY}/{{cell}}/train.log",
    benchmark:
        f"{STUDY}/{{cell}}/train.tsv"
    params:
        run=f"{STUDY}/{{cell}}",
        device=SETTINGS.device,
    resources:
        mem_mb=megabytes(4000),
        runtime=240,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        # Hundreds of runs: what only a run that goes on would need is not kept.
        "protein-enn train {input.experiment:q} --data {input.store:q} -o {params.run:q} --device {params.device} "
        "--threads {threads} > {log:q} 2>&1 && rm -f {params.run:q}/last.ckpt"


rule study_measure:
    input:
        weights=rules.study_train.output.weights,
        info=rules.study_train.output.info,
        data=SETTINGS.prepare.data or rules.prepare.output.store,
    output:
        f"{STUDY}/{{cell}}/measured.json",
    log:
        f"{STUDY}/{{cell}}/measure.log",
    benchmark:
        f"{STUDY}/{{cell}}/measure.tsv"
    params:
        plan=SETTINGS.symmetry_study,
        measures=cell_measures,
    resources:
        mem_mb=megabytes(4000),
        runtime=60,
    conda:
        "../../configs/environment.yaml"
    script:
        "../../scripts/study_measure.py"


rule symmetry_study:
    input:
        study_cells,
    output:
        table=f"{STUDY}/table.md",
        figure=f"{STUDY}/curves.svg",
        cells=f"{STUDY}/cells.csv",
    log:
        f"{STUDY}/figure.log",
    params:
        plan=SETTINGS.symmetry_study,
    resources:
        mem_mb=megabytes(2000),
        runtime=10,
    conda:
        "../../configs/environment.yaml"
    localrule: True
    script:
        "../../scripts/study_figure.py"

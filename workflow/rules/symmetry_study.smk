"""What symmetry buys, docs/concepts/symmetry.md: `snakemake symmetry_study -c2`."""


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
        "../scripts/study_experiment.py"


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
        run=lambda wildcards, output: os.path.dirname(output.weights),
        device=SETTINGS.device,
    resources:
        mem_mb=megabytes(4000),
        runtime=240,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        # Hundreds of runs: what only a run that goes on would need is not kept.
        "protein-enn train {input.experiment:q} --store {input.store:q} -o {params.run:q} --device {params.device} "
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
        "../scripts/study_measure.py"


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
        "../scripts/study_figure.py"

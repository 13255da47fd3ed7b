"""Degrees of a potential against the number of its training frames: `snakemake potential_study -c2`."""


wildcard_constraints:
    potential=r"\w+/[\d.e-]+_\d+",


rule potential_experiment:
    output:
        f"{POTENTIALS}/{{potential}}/experiment.yaml",
    log:
        f"{POTENTIALS}/{{potential}}/experiment.log",
    params:
        experiment=potential_experiment_of,
    resources:
        mem_mb=megabytes(500),
        runtime=10,
    conda:
        "../../configs/environment.yaml"
    localrule: True
    script:
        "../scripts/study_experiment.py"


rule potential_train:
    input:
        frames=f"{SETTINGS.frames}/manifest.json",
        experiment=rules.potential_experiment.output,
    output:
        weights=f"{POTENTIALS}/{{potential}}/best.safetensors",
        info=f"{POTENTIALS}/{{potential}}/best.json",
    log:
        f"{POTENTIALS}/{{potential}}/train.log",
    benchmark:
        f"{POTENTIALS}/{{potential}}/train.tsv"
    params:
        run=lambda wildcards, output: os.path.dirname(output.weights),
        frames=lambda wildcards, input: os.path.dirname(input.frames),
        device=SETTINGS.device,
    resources:
        mem_mb=megabytes(4000),
        runtime=480,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn train {input.experiment:q} --store {params.frames:q} -o {params.run:q} --device {params.device} "
        "--resume-if-any --threads {threads} > {log:q} 2>&1 && rm -f {params.run:q}/last.ckpt"


rule potential_measure:
    input:
        frames=rules.potential_train.input.frames,
        weights=rules.potential_train.output.weights,
        info=rules.potential_train.output.info,
    output:
        f"{POTENTIALS}/{{potential}}/measured.json",
    log:
        f"{POTENTIALS}/{{potential}}/measure.log",
    benchmark:
        f"{POTENTIALS}/{{potential}}/measure.tsv"
    params:
        frames=lambda wildcards, input: os.path.dirname(input.frames),
        limit=lambda wildcards: f"--limit {potentials().limit}" if potentials().limit else "",
        device=SETTINGS.device,
    resources:
        mem_mb=megabytes(4000),
        runtime=60,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn evaluate potential --data {params.frames:q} --weights {input.weights:q} {params.limit} "
        "--device {params.device} --threads {threads} -o {output:q} > {log:q} 2>&1"


rule potential_study:
    input:
        potential_cells,
    output:
        table=f"{POTENTIALS}/table.md",
        figure=f"{POTENTIALS}/curves.svg",
        cells=f"{POTENTIALS}/cells.csv",
    log:
        f"{POTENTIALS}/figure.log",
    params:
        plan=SETTINGS.potential_study,
    resources:
        mem_mb=megabytes(2000),
        runtime=10,
    conda:
        "../../configs/environment.yaml"
    localrule: True
    script:
        "../scripts/potential_figure.py"

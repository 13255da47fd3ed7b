"""From raw structure files to trained weights, figures, refined models, scores and one report.

    snakemake -c2                              the embedded example
    snakemake -c2 --configfile mine.yaml       your own structures: mine.yaml holds what differs from configs/workflow.yaml
"""

from glob import glob

from snakemake.exceptions import WorkflowError


configfile: "configs/workflow.yaml"


RESULTS = config["results"]
STRUCTURES = sorted({path for pattern in config["structures"] for path in glob(pattern, recursive=True)})
if not STRUCTURES:
    raise WorkflowError(f"`structures` in the configuration matches no file: {config['structures']}")


wildcard_constraints:
    task="design|refinement",


rule all:
    default_target: True
    input:
        f"{RESULTS}/report.html",


rule prepare:
    input:
        STRUCTURES,
    output:
        store=directory(f"{RESULTS}/store"),
    log:
        f"{RESULTS}/logs/prepare.log",
    params:
        valid_fraction=config["prepare"]["valid_fraction"],
        templates=config["prepare"]["templates"],
    conda:
        "configs/environment.yaml"
    shell:
        "protein-enn prepare {input} -o {output.store} --valid-fraction {params.valid_fraction} --templates {params.templates} > {log} 2>&1"


rule train:
    input:
        experiment=lambda wildcards: config["train"][wildcards.task]["experiment"],
        store=rules.prepare.output.store,
    output:
        weights=f"{RESULTS}/train/{{task}}/best.safetensors",
        info=f"{RESULTS}/train/{{task}}/best.json",
        metrics=f"{RESULTS}/train/{{task}}/metrics.csv",
    log:
        f"{RESULTS}/logs/train_{{task}}.log",
    params:
        run=subpath(output.weights, parent=True),
        options=lambda wildcards: config["train"][wildcards.task]["options"],
    threads: 2
    conda:
        "configs/environment.yaml"
    shell:
        "protein-enn train {input.experiment} -o {params.run} --data {input.store} --threads {threads} {params.options} > {log} 2>&1"


rule evaluate:
    input:
        data=lambda wildcards: config["evaluate"][wildcards.task]["data"],
        weights=rules.train.output.weights,
        info=rules.train.output.info,
    output:
        metrics=f"{RESULTS}/metrics/{{task}}.metrics.json",
    log:
        f"{RESULTS}/logs/evaluate_{{task}}.log",
    params:
        split=lambda wildcards: config["evaluate"][wildcards.task]["split"],
    threads: 2
    conda:
        "configs/environment.yaml"
    shell:
        "protein-enn evaluate {wildcards.task} --data {input.data} --split {params.split} --weights {input.weights} -o {output.metrics} > {log} 2>&1"


rule refine:
    input:
        structures=STRUCTURES,
        weights=f"{RESULTS}/train/refinement/best.safetensors",
        info=f"{RESULTS}/train/refinement/best.json",
    output:
        refined=directory(f"{RESULTS}/refined"),
    log:
        f"{RESULTS}/logs/refine.log",
    params:
        options=config["refine"]["options"],
    threads: 2
    conda:
        "configs/environment.yaml"
    shell:
        "protein-enn refine {input.structures} -o {output.refined} --weights {input.weights} {params.options} > {log} 2>&1"


rule score:
    input:
        refined=rules.refine.output.refined,
        weights=f"{RESULTS}/train/design/best.safetensors",
        info=f"{RESULTS}/train/design/best.json",
    output:
        scores=f"{RESULTS}/scores.csv",
        records=f"{RESULTS}/designs.scores.json",
    log:
        f"{RESULTS}/logs/score.log",
    params:
        options=config["score"]["options"],
    threads: 2
    conda:
        "configs/environment.yaml"
    shell:
        "protein-enn score {input.refined} -o {output.scores} --records {output.records} --weights {input.weights} {params.options} > {log} 2>&1"


rule report:
    input:
        refined=rules.refine.output.refined,
        scores=rules.score.output.scores,
        records=rules.score.output.records,
        metrics=expand(rules.evaluate.output.metrics, task=config["evaluate"]),
    output:
        report=f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "configs/environment.yaml"
    shell:
        "protein-enn report {input.refined} {input.scores} {input.records} {input.metrics} -o {output.report} > {log} 2>&1"

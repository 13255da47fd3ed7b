"""From structures to the weights that refine and score, and to what they are worth."""

# Which task's weights an evaluation measures.
MEASURED = {"design": "design", "refinement": "refinement", "mutations": "design"}

rule prepare:
    input:
        list=[] if SETTINGS.prepare.data else f"{RESULTS}/lists/structures.txt",
        structures=[] if SETTINGS.prepare.data else PLAN.files("structures"),
        table=f"{SETTINGS.prepare.data}/chains.tsv" if SETTINGS.prepare.data else [],
    output:
        store=directory(f"{RESULTS}/store"),
        failed=f"{RESULTS}/failed/prepare.tsv",
    log:
        f"{RESULTS}/logs/prepare.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare.tsv"
    params:
        source=SETTINGS.prepare.data or f"@{RESULTS}/lists/structures.txt",
        valid_fraction=SETTINGS.prepare.valid_fraction,
        templates=SETTINGS.prepare.templates,
        cluster=SETTINGS.prepare.cluster,
        options=SETTINGS.prepare.options,
    threads: SETTINGS.threads
    resources:
        mem_mb=megabytes(8000),
        runtime=480,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn prepare {params.source:q} -o {output.store:q} --valid-fraction {params.valid_fraction} "
        "--templates {params.templates} --cluster {params.cluster} --failed {output.failed:q} {params.options} "
        "> {log:q} 2>&1"


rule embed:
    input:
        store=rules.prepare.output.store,
    output:
        # The cache is no output of its own: what is in it when a run is killed is not worked out again.
        touch(f"{RESULTS}/embeddings.finished"),
    log:
        f"{RESULTS}/logs/embed.log",
    benchmark:
        f"{RESULTS}/benchmarks/embed.tsv"
    params:
        cache=lambda wildcards, output: str(output).removesuffix(".finished"),
        weights=SETTINGS.embed.weights,
        device=SETTINGS.device,
        options=SETTINGS.embed.options,
    threads: SETTINGS.threads
    resources:
        mem_mb=megabytes(16000),
        runtime=1440,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn embed {input.store:q} --language-weights {params.weights:q} -o {params.cache:q} "
        "--device {params.device} --threads {threads} {params.options} > {log:q} 2>&1"


rule label:
    input:
        store=lambda wildcards: PLAN.training_inputs("design")["store"],
        teacher=lambda wildcards: SETTINGS.label.teachers[wildcards.condition],
    output:
        # As with embeddings, labels that are there when a run is killed are not made again.
        touch(f"{RESULTS}/labels/{{condition}}.finished"),
    log:
        f"{RESULTS}/logs/label_{{condition}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/label_{{condition}}.tsv"
    params:
        labels=lambda wildcards, output: str(output).removesuffix(".finished"),
        options=SETTINGS.label.options,
    wildcard_constraints:
        condition="[A-Za-z0-9_-]+",
    threads: SETTINGS.threads
    resources:
        mem_mb=megabytes(8000),
        runtime=2880,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn label {input.store:q} --teacher {input.teacher:q} -o {params.labels:q} "
        "--condition {wildcards.condition} --processes {threads} {params.options} > {log:q} 2>&1"


rule train:
    input:
        unpack(lambda wildcards: PLAN.training_inputs(wildcards.task)),
    output:
        # best.safetensors and last.ckpt in the folder are no outputs of their own, for Snakemake would remove
        # them before a killed run goes on.
        touch(f"{RESULTS}/train/{{task}}.finished"),
    log:
        f"{RESULTS}/logs/train_{{task}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_{{task}}.tsv"
    params:
        command=lambda wildcards, input: PLAN.training_command(wildcards.task),
        run=f"{RESULTS}/train/{{task}}",
        device=SETTINGS.device,
    threads: SETTINGS.threads
    resources:
        mem_mb=megabytes(8000),
        runtime=2880,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn {params.command} -o {params.run:q} --device {params.device} --threads {threads} "
        "> {log:q} 2>&1"


rule curves:
    input:
        rules.train.output,
    output:
        f"{RESULTS}/curves/{{task}}/metrics.csv",
    log:
        f"{RESULTS}/logs/curves_{{task}}.log",
    params:
        metrics=f"{RESULTS}/train/{{task}}/metrics.csv",
    resources:
        mem_mb=megabytes(500),
        runtime=10,
    conda:
        "../../configs/environment.yaml"
    localrule: True
    script:
        "../scripts/copy_curves.py"


rule weights:
    input:
        lambda wildcards: PLAN.weights_input(wildcards.task),
    output:
        weights=f"{RESULTS}/weights/{{step}}{{task}}.safetensors",
        info=f"{RESULTS}/weights/{{step}}{{task}}.json",
    log:
        f"{RESULTS}/logs/weights_{{step}}{{task}}.log",
    params:
        weights=lambda wildcards: PLAN.weights(wildcards.task),
        # So that other weights of the same name, after an upgrade of the package, are taken anew.
        sha256=lambda wildcards: PLAN.weights_sha256(wildcards.task),
    wildcard_constraints:
        step="(uncalibrated/)?",
    resources:
        mem_mb=megabytes(500),
        runtime=10,
    conda:
        "../../configs/environment.yaml"
    localrule: True
    script:
        "../scripts/copy_weights.py"


if SETTINGS.calibrate.data:

    ruleorder: calibrate > weights

    rule calibrate:
        input:
            weights=f"{RESULTS}/weights/uncalibrated/design.safetensors",
            info=f"{RESULTS}/weights/uncalibrated/design.json",
            measured=f"{SETTINGS.calibrate.data}/mutations/{SETTINGS.calibrate.split}.csv",
        output:
            weights=f"{RESULTS}/weights/design.safetensors",
            info=f"{RESULTS}/weights/design.json",
            metrics=f"{RESULTS}/metrics/calibration.metrics.json",
        log:
            f"{RESULTS}/logs/calibrate.log",
        benchmark:
            f"{RESULTS}/benchmarks/calibrate.tsv"
        params:
            data=SETTINGS.calibrate.data,
            split=SETTINGS.calibrate.split,
            device=SETTINGS.device,
        threads: SETTINGS.threads
        resources:
            mem_mb=megabytes(4000),
            runtime=240,
            gpu=GPU,
        conda:
            "../../configs/environment.yaml"
        shell:
            # The command writes into the JSON beside the weights.
            "cp {input.weights:q} {output.weights:q} && cp {input.info:q} {output.info:q} && "
            "protein-enn calibrate --weights {output.weights:q} --data {params.data:q} --split {params.split} "
            "--device {params.device} --threads {threads} --json > {output.metrics:q} 2> {log:q}"


rule evaluate:
    input:
        data=lambda wildcards: PLAN.evaluations[wildcards.measured].data or f"{RESULTS}/store",
        weights=lambda wildcards: f"{RESULTS}/weights/{MEASURED[wildcards.measured]}.safetensors",
        info=lambda wildcards: f"{RESULTS}/weights/{MEASURED[wildcards.measured]}.json",
    output:
        metrics=f"{RESULTS}/metrics/{{measured}}.metrics.json",
    log:
        f"{RESULTS}/logs/evaluate_{{measured}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate_{{measured}}.tsv"
    params:
        split=lambda wildcards: PLAN.evaluations[wildcards.measured].split,
        options=lambda wildcards: PLAN.evaluations[wildcards.measured].options,
        device=SETTINGS.device,
    threads: SETTINGS.threads
    resources:
        mem_mb=megabytes(8000),
        runtime=720,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn evaluate {wildcards.measured} --data {input.data:q} --split {params.split:q} "
        "--weights {input.weights:q} -o {output.metrics:q} --device {params.device} --threads {threads} --no-seconds "
        "{params.options} > {log:q} 2>&1"

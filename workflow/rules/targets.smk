"""What the targets become. A job of a shard depends on the files of its shard alone."""


rule refine:
    input:
        list=f"{RESULTS}/lists/targets{{shard}}.txt",
        structures=lambda wildcards: PLAN.files("targets", wildcards.shard),
        weights=f"{RESULTS}/weights/refinement.safetensors",
        info=f"{RESULTS}/weights/refinement.json",
    output:
        refined=directory(f"{RESULTS}/refined{{shard}}"),
        failed=f"{RESULTS}/failed/refine{{shard}}.tsv",
    log:
        f"{RESULTS}/logs/refine{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/refine{{shard}}.tsv"
    params:
        device=SETTINGS.device,
        options=SETTINGS.refine.options,
    threads: SETTINGS.threads
    resources:
        mem_mb=megabytes(4000),
        runtime=1440,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn refine @{input.list:q} -o {output.refined:q} --weights {input.weights:q} "
        "--failed {output.failed:q} --device {params.device} --threads {threads} --no-seconds {params.options} "
        "> {log:q} 2>&1"


rule score:
    input:
        refined=rules.refine.output.refined,
        weights=f"{RESULTS}/weights/design.safetensors",
        info=f"{RESULTS}/weights/design.json",
    output:
        table=f"{RESULTS}/parts/score{{shard}}.csv",
        columns=f"{RESULTS}/parts/score{{shard}}.columns.json",
        records=f"{RESULTS}/parts/score{{shard}}.scores.json",
        failed=f"{RESULTS}/failed/score{{shard}}.tsv",
    log:
        f"{RESULTS}/logs/score{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/score{{shard}}.tsv"
    params:
        device=SETTINGS.device,
        options=SETTINGS.score.options,
    threads: SETTINGS.threads
    resources:
        mem_mb=megabytes(4000),
        runtime=720,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn score {input.refined:q} -o {output.table:q} --records {output.records:q} "
        "--weights {input.weights:q} --failed {output.failed:q} --device {params.device} --threads {threads} "
        "--no-seconds {params.options} > {log:q} 2>&1"

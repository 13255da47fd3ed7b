"""What the targets become. A job of a shard depends on the files of its shard alone."""


rule design:
    input:
        unpack(lambda wildcards: PLAN.work("design", wildcards.shard)),
        weights=f"{RESULTS}/weights/design.safetensors",
        packing=f"{RESULTS}/weights/packing.safetensors",
        info=expand(f"{RESULTS}/weights/{{task}}.json", task=["design", "packing"]),
    output:
        designed=directory(f"{RESULTS}/designed{{shard}}"),
        table=f"{RESULTS}/parts/design{{shard}}.csv",
        columns=f"{RESULTS}/parts/design{{shard}}.columns.json",
        failed=f"{RESULTS}/failed/design{{shard}}.tsv",
    log:
        f"{RESULTS}/logs/design{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/design{{shard}}.tsv"
    params:
        given=given,
        samples=SETTINGS.design.samples,
        device=SETTINGS.device,
        options=SETTINGS.design.options,
    threads: SETTINGS.threads
    resources:
        mem_mb=megabytes(4000),
        runtime=720,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn design {params.given:q} -o {output.table:q} --structures {output.designed:q} "
        "--samples {params.samples} --weights {input.weights:q} --packing-weights {input.packing:q} "
        "--failed {output.failed:q} --device {params.device} --threads {threads} {params.options} > {log:q} 2>&1"


rule pack:
    input:
        unpack(lambda wildcards: PLAN.work("pack", wildcards.shard)),
        weights=f"{RESULTS}/weights/packing.safetensors",
        info=f"{RESULTS}/weights/packing.json",
    output:
        packed=directory(f"{RESULTS}/packed{{shard}}"),
        failed=f"{RESULTS}/failed/pack{{shard}}.tsv",
    log:
        f"{RESULTS}/logs/pack{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pack{{shard}}.tsv"
    params:
        given=given,
        device=SETTINGS.device,
        options=SETTINGS.pack.options,
    threads: SETTINGS.threads
    resources:
        mem_mb=megabytes(4000),
        runtime=1440,
        gpu=GPU,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn pack {params.given:q} -o {output.packed:q} --weights {input.weights:q} "
        "--failed {output.failed:q} --device {params.device} --threads {threads} --no-seconds {params.options} "
        "> {log:q} 2>&1"


rule refine:
    input:
        unpack(lambda wildcards: PLAN.work("refine", wildcards.shard)),
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
        given=given,
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
        "protein-enn refine {params.given:q} -o {output.refined:q} --weights {input.weights:q} "
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
        "--no-seconds --properties --backbones 4 {params.options} > {log:q} 2>&1"

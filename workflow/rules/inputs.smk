"""Which files there are, and what reading them finds. A job of a shard sees the files of its shard alone."""

import shlex


rule fetch:
    input:
        ids=f"{RESULTS}/lists/ids{{shard}}.txt",
    output:
        # What was fetched is no output of its own: it stays when a run is killed.
        finished=touch(f"{RESULTS}/fetched{{shard}}.finished"),
        failed=f"{RESULTS}/failed/fetch{{shard}}.tsv",
    log:
        f"{RESULTS}/logs/fetch{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fetch{{shard}}.tsv"
    params:
        folder=lambda wildcards, output: output.finished.removesuffix(".finished"),
        source=f"--source {shlex.quote(SETTINGS.fetch.source)}" if SETTINGS.fetch.source else "",
        format=SETTINGS.fetch.format,
        options=SETTINGS.fetch.options,
    resources:
        mem_mb=megabytes(1000),
        runtime=240,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn fetch @{input.ids:q} {params.source} -o {params.folder:q} --format {params.format} "
        "--failed {output.failed:q} {params.options} > {log:q} 2>&1"


rule list_files:
    input:
        fetched=lambda wildcards: [
            f"{RESULTS}/fetched{shard}.finished" for shard in PLAN.fetched(wildcards.kind, wildcards.shard)
        ],
    output:
        f"{RESULTS}/lists/{{kind}}{{shard}}.txt",
    log:
        f"{RESULTS}/logs/list_{{kind}}{{shard}}.log",
    params:
        lines=lambda wildcards: PLAN.files(wildcards.kind, wildcards.shard),
        ids=lambda wildcards: PLAN.files("ids", wildcards.shard) if wildcards.kind != "ids" else [],
    resources:
        mem_mb=megabytes(500),
        runtime=10,
    conda:
        "../../configs/environment.yaml"
    localrule: True
    script:
        "../scripts/list_structures.py"


rule audit:
    input:
        list=f"{RESULTS}/lists/inputs{{shard}}.txt",
        structures=lambda wildcards: PLAN.files("inputs", wildcards.shard),
    output:
        table=f"{RESULTS}/parts/audit{{shard}}.csv",
        failed=f"{RESULTS}/failed/audit{{shard}}.tsv",
    log:
        f"{RESULTS}/logs/audit{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/audit{{shard}}.tsv"
    params:
        options=SETTINGS.audit.options,
    resources:
        mem_mb=megabytes(2000),
        runtime=120,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn audit @{input.list:q} --table -o {output.table:q} --failed {output.failed:q} {params.options} "
        "> {log:q} 2>&1"

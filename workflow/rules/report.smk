"""The parts of the shards in one piece, what was run on what, and the page."""


rule gather:
    input:
        audit=expand(rules.audit.output.table, shard=PLAN.shards("inputs")),
        refined=expand(rules.refine.output.refined, shard=PLAN.shards("targets")),
        scores=expand(rules.score.output.table, shard=PLAN.shards("targets")),
        columns=expand(rules.score.output.columns, shard=PLAN.shards("targets")),
        designs=expand(rules.design.output.table, shard=PLAN.shards("targets")) if "design" in PLAN.preparations else [],
        packed=expand(rules.pack.output.packed, shard=PLAN.shards("targets")) if "pack" in PLAN.preparations else [],
        records=expand(rules.score.output.records, shard=PLAN.shards("targets")),
        failed=[f"{RESULTS}/failed/{stage}{shard}.tsv" for stage, shard in PLAN.stages],
    output:
        audit=f"{RESULTS}/audit.csv",
        refined=f"{RESULTS}/refine.csv",
        scores=f"{RESULTS}/scores.csv",
        columns=f"{RESULTS}/scores.columns.json",
        records=f"{RESULTS}/designs.scores.json",
        failed=f"{RESULTS}/failed.tsv",
        **{stage: f"{RESULTS}/{name}.csv" for stage, name in PLAN.tables.items()},
    log:
        f"{RESULTS}/logs/gather.log",
    benchmark:
        f"{RESULTS}/benchmarks/gather.tsv"
    params:
        stages=[stage for stage, shard in PLAN.stages],
    resources:
        mem_mb=megabytes(4000),
        runtime=60,
    conda:
        "../../configs/environment.yaml"
    script:
        "../scripts/gather_results.py"


rule rank:
    input:
        records=rules.gather.output.records,
        refined=rules.gather.output.refined,
        designs=f"{RESULTS}/designs.csv" if "design" in PLAN.preparations else [],
        failed=rules.gather.output.failed,
        columns=rules.gather.output.columns,
    output:
        table=f"{RESULTS}/ranking.csv",
        columns=f"{RESULTS}/ranking.columns.json",
    log:
        f"{RESULTS}/logs/rank.log",
    benchmark:
        f"{RESULTS}/benchmarks/rank.tsv"
    resources:
        mem_mb=megabytes(4000),
        runtime=60,
    conda:
        "../../configs/environment.yaml"
    script:
        "../scripts/rank_results.py"


rule provenance:
    input:
        structures=PLAN.files("inputs"),
        lists=[f"{RESULTS}/lists/inputs{shard}.txt" for shard in PLAN.shards("inputs")],
        weights=expand(rules.weights.output.weights, step="", task=PLAN.weights_used),
        info=expand(rules.weights.output.info, step="", task=PLAN.weights_used),
    output:
        record=f"{RESULTS}/provenance.json",
        inputs=f"{RESULTS}/inputs.tsv",
    log:
        f"{RESULTS}/logs/provenance.log",
    benchmark:
        f"{RESULTS}/benchmarks/provenance.tsv"
    params:
        settings=SETTINGS.model_dump(),
        files=[os.path.relpath(file) for file in workflow.overwrite_configfiles],
    resources:
        mem_mb=megabytes(1000),
        runtime=60,
    conda:
        "../../configs/environment.yaml"
    script:
        "../scripts/record_provenance.py"


rule report:
    input:
        refined=rules.gather.input.refined,
        scores=rules.rank.output.table,
        records=rules.gather.output.records,
        audit=rules.gather.output.audit,
        failed=rules.gather.output.failed,
        provenance=rules.provenance.output.record,
        metrics=expand(rules.evaluate.output.metrics, measured=PLAN.evaluations),
        calibration=f"{RESULTS}/metrics/calibration.metrics.json" if SETTINGS.calibrate.data else [],
        curves=[f"{RESULTS}/curves/{task}/metrics.csv" for task in ("design", "refinement") if PLAN.training(task)],
    output:
        report=f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    params:
        title=SETTINGS.report.title,
        benchmarks=f"{RESULTS}/benchmarks" if SETTINGS.report.benchmarks else "",
        options=SETTINGS.report.options,
    resources:
        mem_mb=megabytes(4000),
        runtime=60,
    conda:
        "../../configs/environment.yaml"
    shell:
        "protein-enn report {input:q} {params.benchmarks:q} -o {output.report:q} --title {params.title:q} --no-date "
        "{params.options} > {log:q} 2>&1"

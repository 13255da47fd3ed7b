"""From raw structure files to trained weights, figures, refined models, scores and one report: docs/how-to/pipeline.md.

    snakemake -c2                              the embedded example: configs/workflow.yaml
    snakemake -c2 --configfile mine.yaml       your own structures: mine.yaml holds what differs from the defaults
    snakemake symmetry_study -c2               what symmetry buys: docs/concepts/symmetry.md
    snakemake potential_study -c2              potentials by degree and number of frames
"""

# A configuration of your own replaces the example's; --config alone changes the example.
if not workflow.overwrite_configfiles:

    configfile: workflow.source_path("configs/workflow.yaml")


include: "workflow/rules/settings.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/learning.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/symmetry_plan.smk"
include: "workflow/rules/symmetry_study.smk"
include: "workflow/rules/potential_plan.smk"
include: "workflow/rules/potential_study.smk"


rule all:
    default_target: True
    input:
        f"{RESULTS}/report.html",

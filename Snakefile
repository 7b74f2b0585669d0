# From registry tables to report. Each rule calls one step of `prrt-outcomes`; everything scientific stands in
# the study file:  snakemake --cores all --config study=studies/example
include: "workflow/rules/common.smk"


workdir: f"results/{STUDY.study}"


include: "workflow/rules/cohort.smk"
include: "workflow/rules/treatment.smk"
include: "workflow/rules/response.smk"
include: "workflow/rules/radionuclides.smk"
include: "workflow/rules/endpoints.smk"
include: "workflow/rules/survival.smk"
include: "workflow/rules/responders.smk"
include: "workflow/rules/controls.smk"
include: "workflow/rules/safety.smk"
include: "workflow/rules/quality_of_life.smk"
include: "workflow/rules/appraisal.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/accounts.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/manuscript.smk"


rule all:
    default_target: True
    input:
        [getattr(rules, stage).output for stage in STAGES],
        [f"figures/{chapter}" for chapter in CHAPTERS],
        rules.accounts.output,
        rules.report.output,

# Cohort: the only rule whose inputs vary. All tables checked and typed, always all of them, and how complete they are.
COHORT_TABLES = [
    *list_tables("input"),
    *read_declaration("prrt_outcomes.cohort.stage", "RESULTS"),
]


rule cohort:
    input:
        study=ancient(STUDY_PATH),
        tables=ancient(DATA_FILES),
    output:
        **shown_tables(COHORT_TABLES, "cohort"),
        attrition="derived/attrition/cohort.csv",
        status="derived/stages/cohort.csv",
        warnings="cohort/warnings.csv",
    log:
        "logs/cohort.log",
    benchmark:
        "benchmarks/cohort.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("cohort"),
        data=data_checksums(),
        code=code("cohort.stage", tables=COHORT_TABLES),
    shell:
        "prrt-outcomes step cohort --study {input.study:q} > {log:q} 2>&1"

# Cohort: the only rule whose inputs vary. All tables checked and typed, always all of them.
rule cohort:
    input:
        study=ancient(STUDY_PATH),
        tables=DATA_FILES,
    output:
        patients="cohort/patients.parquet",
        cycles="cohort/cycles.parquet",
        therapies="cohort/therapies.parquet",
        assessments="cohort/assessments.parquet",
        lesions="cohort/lesions.parquet",
        labs="cohort/labs.parquet",
        follow_up="cohort/follow_up.parquet",
        adverse_events="cohort/adverse_events.parquet",
        reported_outcomes="cohort/reported_outcomes.parquet",
        control_patients="cohort/control_patients.parquet",
        control_outcomes="cohort/control_outcomes.parquet",
        control_curves="cohort/control_curves.parquet",
        control_at_risk="cohort/control_at_risk.parquet",
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
        code=code("cohort.stage", tables=list_tables("input")),
    shell:
        "prrt-outcomes step cohort --study {input.study:q} > {log:q} 2>&1"

# Endpoints: one row a patient and endpoint, and the analysis set.
rule endpoints:
    input:
        study=ancient(STUDY_PATH),
        patients="cohort/patients.parquet",
        cycles="cohort/cycles.parquet",
        therapies="cohort/therapies.parquet",
        assessments="cohort/assessments.parquet",
        labs="cohort/labs.parquet",
        adverse_events="cohort/adverse_events.parquet",
        follow_up="cohort/follow_up.parquet",
        reported_outcomes="cohort/reported_outcomes.parquet",
        treatment_periods="derived/treatment_periods.parquet",
        responses="derived/responses.parquet",
        best_responses="derived/best_responses.parquet",
    output:
        endpoints="derived/endpoints.parquet",
        endpoint_exclusions="derived/endpoint_exclusions.parquet",
        reported_differences="derived/reported_differences.parquet",
        analysis_set="derived/analysis_set.parquet",
        attrition="derived/attrition/endpoints.csv",
        status="derived/stages/endpoints.csv",
    log:
        "logs/endpoints.log",
    benchmark:
        "benchmarks/endpoints.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("endpoints"),
        code=stage_code("endpoints"),
    shell:
        "prrt-outcomes step endpoints --study {input.study:q} > {log:q} 2>&1"

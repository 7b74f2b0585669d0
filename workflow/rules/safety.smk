# Safety: laboratory grades by phase and baseline.
rule safety:
    input:
        study=ancient(STUDY_PATH),
        patients="cohort/patients.parquet",
        labs="cohort/labs.parquet",
        treatment_periods="derived/treatment_periods.parquet",
        analysis_set="derived/analysis_set.parquet",
    output:
        lab_grades="derived/lab_grades.parquet",
        safety_grades="tables/safety_grades.csv",
        safety_rates="tables/safety_rates.csv",
        attrition="derived/attrition/safety.csv",
        status="derived/stages/safety.csv",
    log:
        "logs/safety.log",
    benchmark:
        "benchmarks/safety.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("safety"),
        code=stage_code("safety"),
    shell:
        "prrt-outcomes step safety --study {input.study:q} > {log:q} 2>&1"

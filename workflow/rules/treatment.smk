# The regimen: periods, cycles, intervals, windows of somatostatin analogues, eligibility.
rule treatment:
    input:
        study=ancient(STUDY_PATH),
        patients="cohort/patients.parquet",
        cycles="cohort/cycles.parquet",
        therapies="cohort/therapies.parquet",
        labs="cohort/labs.parquet",
    output:
        treatment_periods="derived/treatment_periods.parquet",
        eligibility="derived/eligibility.parquet",
        treatment_delivery="tables/treatment_delivery.csv",
        attrition="derived/attrition/treatment.csv",
        status="derived/stages/treatment.csv",
    log:
        "logs/treatment.log",
    benchmark:
        "benchmarks/treatment.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("treatment"),
        code=stage_code("treatment"),
    shell:
        "prrt-outcomes step treatment --study {input.study:q} > {log:q} 2>&1"

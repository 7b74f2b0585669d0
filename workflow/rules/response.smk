# Response: each scan and the best response by every criterion of the study.
rule response:
    input:
        study=ancient(STUDY_PATH),
        patients="cohort/patients.parquet",
        therapies="cohort/therapies.parquet",
        assessments="cohort/assessments.parquet",
        lesions="cohort/lesions.parquet",
        labs="cohort/labs.parquet",
        follow_up="cohort/follow_up.parquet",
        treatment_periods="derived/treatment_periods.parquet",
    output:
        responses="derived/responses.parquet",
        best_responses="derived/best_responses.parquet",
        response_rates="tables/response_rates.csv",
        waterfall="tables/waterfall.csv",
        attrition="derived/attrition/response.csv",
        status="derived/stages/response.csv",
    log:
        "logs/response.log",
    benchmark:
        "benchmarks/response.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("response"),
        code=stage_code("response"),
    shell:
        "prrt-outcomes step response --study {input.study:q} > {log:q} 2>&1"

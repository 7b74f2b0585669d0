# Response: each scan and the best response by every criterion of the study.
rule response:
    input:
        study=ancient(STUDY_PATH),
        patients="cohort/patients.parquet",
        therapies="cohort/therapies.parquet",
        assessments="cohort/assessments.parquet",
        lesions="cohort/lesions.parquet",
        labs="cohort/labs.parquet",
        treatment_periods="derived/treatment_periods.parquet",
    output:
        responses="derived/responses.parquet",
        best_responses="derived/best_responses.parquet",
        response_depth="derived/response_depth.parquet",
        response_disagreements="derived/response_disagreements.parquet",
        response_warnings="derived/response_warnings.parquet",
        response_rates="tables/response_rates.csv",
        response_differences="tables/response_differences.csv",
        response_model="tables/response_model.csv",
        response_concordance="tables/response_concordance.csv",
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

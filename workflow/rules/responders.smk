# Responders: naive, landmark and time-dependent, always together.
rule responders:
    input:
        study=ancient(STUDY_PATH),
        endpoints="derived/endpoints.parquet",
        analysis_set="derived/analysis_set.parquet",
        responses="derived/responses.parquet",
        treatment_periods="derived/treatment_periods.parquet",
        therapies="cohort/therapies.parquet",
    output:
        responders="tables/responders.csv",
        responder_curves="tables/responder_curves.csv",
        responder_bias="tables/responder_bias.csv",
        responder_landmarks="tables/responder_landmarks.csv",
        responder_states="tables/responder_states.csv",
        responder_state_means="tables/responder_state_means.csv",
        responder_predictors="tables/responder_predictors.csv",
        responder_depth="tables/responder_depth.csv",
        responder_balance="tables/responder_balance.csv",
        attrition="derived/attrition/responders.csv",
        status="derived/stages/responders.csv",
    log:
        "logs/responders.log",
    benchmark:
        "benchmarks/responders.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("responders"),
        code=stage_code("responders"),
    shell:
        "prrt-outcomes step responders --study {input.study:q} > {log:q} 2>&1"

# Historical controls: as much as each control allows.
rule controls:
    input:
        study=ancient(STUDY_PATH),
        endpoints="derived/endpoints.parquet",
        analysis_set="derived/analysis_set.parquet",
        control_patients="cohort/control_patients.parquet",
        control_outcomes="cohort/control_outcomes.parquet",
        control_curves="cohort/control_curves.parquet",
        control_at_risk="cohort/control_at_risk.parquet",
    output:
        controls="tables/controls.csv",
        control_balance="tables/control_balance.csv",
        reconstruction_quality="tables/reconstruction_quality.csv",
        control_reconstruction="tables/control_reconstruction.csv",
        control_comparability="tables/control_comparability.csv",
        claims="tables/claims.csv",
        attrition="derived/attrition/controls.csv",
        status="derived/stages/controls.csv",
    log:
        "logs/controls.log",
    benchmark:
        "benchmarks/controls.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("controls"),
        code=stage_code("controls"),
    shell:
        "prrt-outcomes step controls --study {input.study:q} > {log:q} 2>&1"

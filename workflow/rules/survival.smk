# Survival: curves, tests and models of every endpoint.
rule survival:
    input:
        study=ancient(STUDY_PATH),
        endpoints="derived/endpoints.parquet",
        analysis_set="derived/analysis_set.parquet",
    output:
        km_curve="tables/km_curve.csv",
        km_summary="tables/km_summary.csv",
        km_at_risk="tables/km_at_risk.csv",
        milestones="tables/milestones.csv",
        logrank="tables/logrank.csv",
        rmst_difference="tables/rmst_difference.csv",
        cox="tables/cox.csv",
        cox_diagnostics="tables/cox_diagnostics.csv",
        cox_fit="tables/cox_fit.csv",
        hazard_ratio_periods="tables/hazard_ratio_periods.csv",
        subgroups="tables/subgroups.csv",
        competing_risks="tables/competing_risks.csv",
        competing_tests="tables/competing_tests.csv",
        fine_gray="tables/fine_gray.csv",
        attrition="derived/attrition/survival.csv",
        status="derived/stages/survival.csv",
    log:
        "logs/survival.log",
    benchmark:
        "benchmarks/survival.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("survival"),
        code=stage_code("survival"),
    shell:
        "prrt-outcomes step survival --study {input.study:q} > {log:q} 2>&1"

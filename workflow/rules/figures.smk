# Figures: one rule a chapter; each figure is drawn once and saved in all formats of the study.
rule figures_treatment:
    input:
        study=ancient(STUDY_PATH),
        treatment_delivery="tables/treatment_delivery.csv",
    output:
        figures=report(
            directory("figures/treatment"),
            patterns=["{name}.svg"],
            caption="../captions/treatment.rst",
            category="Treatment",
        ),
    log:
        "logs/figures_treatment.log",
    benchmark:
        "benchmarks/figures_treatment.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*FIGURE_SETTINGS),
        code=code("figures.chapters"),
    shell:
        "prrt-outcomes step figures --chapter treatment --study {input.study:q} > {log:q} 2>&1"


rule figures_response:
    input:
        study=ancient(STUDY_PATH),
        response_rates="tables/response_rates.csv",
        waterfall="tables/waterfall.csv",
        responses="derived/responses.parquet",
        best_responses="derived/best_responses.parquet",
        treatment_periods="derived/treatment_periods.parquet",
        endpoints="derived/endpoints.parquet",
        response_concordance="tables/response_concordance.csv",
        response_model="tables/response_model.csv",
    output:
        figures=report(
            directory("figures/response"),
            patterns=["{name}.svg"],
            caption="../captions/response.rst",
            category="Response",
        ),
    log:
        "logs/figures_response.log",
    benchmark:
        "benchmarks/figures_response.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*FIGURE_SETTINGS),
        code=code("figures.chapters"),
    shell:
        "prrt-outcomes step figures --chapter response --study {input.study:q} > {log:q} 2>&1"


rule figures_endpoints:
    input:
        study=ancient(STUDY_PATH),
        attrition="tables/attrition.csv",
        estimand_comparison="tables/estimand_comparison.csv",
        sensitivity="tables/sensitivity.csv",
        interval_censored_curve="tables/interval_censored_curve.csv",
        km_curve="tables/km_curve.csv",
        scan_intervals="tables/scan_intervals.csv",
        scan_interval_test="tables/scan_interval_test.csv",
    output:
        figures=report(
            directory("figures/endpoints"),
            patterns=["{name}.svg"],
            caption="../captions/endpoints.rst",
            category="Patients and endpoints",
        ),
    log:
        "logs/figures_endpoints.log",
    benchmark:
        "benchmarks/figures_endpoints.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*FIGURE_SETTINGS),
        code=code("figures.chapters"),
    shell:
        "prrt-outcomes step figures --chapter endpoints --study {input.study:q} > {log:q} 2>&1"


rule figures_survival:
    input:
        study=ancient(STUDY_PATH),
        km_curve="tables/km_curve.csv",
        km_at_risk="tables/km_at_risk.csv",
        km_summary="tables/km_summary.csv",
        logrank="tables/logrank.csv",
        cox="tables/cox.csv",
        competing_risks="tables/competing_risks.csv",
        competing_tests="tables/competing_tests.csv",
        subgroups="tables/subgroups.csv",
        hazard_ratio_periods="tables/hazard_ratio_periods.csv",
    output:
        figures=report(
            directory("figures/survival"),
            patterns=["{name}.svg"],
            caption="../captions/survival.rst",
            category="Survival",
        ),
    log:
        "logs/figures_survival.log",
    benchmark:
        "benchmarks/figures_survival.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*FIGURE_SETTINGS),
        code=code("figures.chapters"),
    shell:
        "prrt-outcomes step figures --chapter survival --study {input.study:q} > {log:q} 2>&1"


rule figures_responders:
    input:
        study=ancient(STUDY_PATH),
        responders="tables/responders.csv",
        responder_curves="tables/responder_curves.csv",
        responder_landmarks="tables/responder_landmarks.csv",
        responder_states="tables/responder_states.csv",
        responder_state_means="tables/responder_state_means.csv",
        responder_depth="tables/responder_depth.csv",
        responder_predictors="tables/responder_predictors.csv",
    output:
        figures=report(
            directory("figures/responders"),
            patterns=["{name}.svg"],
            caption="../captions/responders.rst",
            category="Responders",
        ),
    log:
        "logs/figures_responders.log",
    benchmark:
        "benchmarks/figures_responders.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*FIGURE_SETTINGS),
        code=code("figures.chapters"),
    shell:
        "prrt-outcomes step figures --chapter responders --study {input.study:q} > {log:q} 2>&1"


rule figures_controls:
    input:
        study=ancient(STUDY_PATH),
        controls="tables/controls.csv",
        control_balance="tables/control_balance.csv",
        km_curve="tables/km_curve.csv",
        control_reconstruction="tables/control_reconstruction.csv",
        control_sensitivity="tables/control_sensitivity.csv",
        control_verdicts="tables/control_verdicts.csv",
        control_overlap="tables/control_overlap.csv",
        control_curves_fitted="tables/control_curves_fitted.csv",
        control_fitted_at_risk="tables/control_fitted_at_risk.csv",
        control_medians="tables/control_medians.csv",
        control_meta="tables/control_meta.csv",
    output:
        figures=report(
            directory("figures/controls"),
            patterns=["{name}.svg"],
            caption="../captions/controls.rst",
            category="Historical controls",
        ),
    log:
        "logs/figures_controls.log",
    benchmark:
        "benchmarks/figures_controls.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*FIGURE_SETTINGS),
        code=code("figures.chapters"),
    shell:
        "prrt-outcomes step figures --chapter controls --study {input.study:q} > {log:q} 2>&1"


rule figures_safety:
    input:
        study=ancient(STUDY_PATH),
        safety_grades="tables/safety_grades.csv",
        safety_rates="tables/safety_rates.csv",
    output:
        figures=report(
            directory("figures/safety"),
            patterns=["{name}.svg"],
            caption="../captions/safety.rst",
            category="Safety",
        ),
    log:
        "logs/figures_safety.log",
    benchmark:
        "benchmarks/figures_safety.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*FIGURE_SETTINGS),
        code=code("figures.chapters"),
    shell:
        "prrt-outcomes step figures --chapter safety --study {input.study:q} > {log:q} 2>&1"

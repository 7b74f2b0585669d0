# Report: tables and figures as one page that a person reads.
rule report:
    input:
        study=ancient(STUDY_PATH),
        accounts=rules.accounts.output,
        treatment=rules.treatment.output,
        response=rules.response.output,
        radionuclides=rules.radionuclides.output,
        endpoints=rules.endpoints.output,
        survival=rules.survival.output,
        responders=rules.responders.output,
        controls=rules.controls.output,
        safety=rules.safety.output,
        figures_treatment="figures/treatment",
        figures_response="figures/response",
        figures_endpoints="figures/endpoints",
        figures_survival="figures/survival",
        figures_responders="figures/responders",
        figures_controls="figures/controls",
        figures_safety="figures/safety",
    output:
        page=report("report.html", caption="../captions/report.rst", category="Report"),
    log:
        "logs/report.log",
    benchmark:
        "benchmarks/report.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*ALL_SETTINGS),
        code=code("report.write"),
    shell:
        "prrt-outcomes step report --study {input.study:q} > {log:q} 2>&1"

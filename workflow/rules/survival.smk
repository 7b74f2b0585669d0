# Survival: curves, tests and models of every endpoint.
rule survival:
    input:
        **stage_inputs("survival"),
        study=ancient(STUDY_PATH),
    output:
        **stage_outputs("survival"),
    log:
        "logs/survival.log",
    benchmark:
        "benchmarks/survival.tsv"
    priority: rank("survival")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("survival"),
        code=stage_code("survival"),
    shell:
        "prrt-outcomes step survival --study {input.study:q} > {log:q} 2>&1"

# Safety: laboratory grades by phase and baseline.
rule safety:
    input:
        **stage_inputs("safety"),
        study=ancient(STUDY_PATH),
    output:
        **stage_outputs("safety"),
    log:
        "logs/safety.log",
    benchmark:
        "benchmarks/safety.tsv"
    priority: rank("safety")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("safety"),
        code=stage_code("safety"),
    shell:
        "prrt-outcomes step safety --study {input.study:q} > {log:q} 2>&1"

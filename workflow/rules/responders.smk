# Responders: naive, landmark and time-dependent, always together.
rule responders:
    input:
        **stage_inputs("responders"),
        study=ancient(STUDY_PATH),
    output:
        **stage_outputs("responders"),
    log:
        "logs/responders.log",
    benchmark:
        "benchmarks/responders.tsv"
    priority: rank("responders")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("responders"),
        code=stage_code("responders"),
    shell:
        "prrt-outcomes step responders --study {input.study:q} > {log:q} 2>&1"

# Response: each scan and the best response by every criterion of the study.
rule response:
    input:
        **stage_inputs("response"),
        study=ancient(STUDY_PATH),
    output:
        **stage_outputs("response"),
    log:
        "logs/response.log",
    benchmark:
        "benchmarks/response.tsv"
    priority: rank("response")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("response"),
        code=stage_code("response"),
    shell:
        "prrt-outcomes step response --study {input.study:q} > {log:q} 2>&1"

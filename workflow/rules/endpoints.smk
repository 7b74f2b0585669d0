# Endpoints: one row a patient and endpoint, and the analysis set.
rule endpoints:
    input:
        **stage_inputs("endpoints"),
        study=ancient(STUDY_PATH),
    output:
        **stage_outputs("endpoints"),
    log:
        "logs/endpoints.log",
    benchmark:
        "benchmarks/endpoints.tsv"
    priority: rank("endpoints")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("endpoints"),
        code=stage_code("endpoints"),
    shell:
        "prrt-outcomes step endpoints --study {input.study:q} > {log:q} 2>&1"

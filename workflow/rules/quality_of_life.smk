# Quality of life: questionnaires returned, changes of scores, time to deterioration.
rule quality_of_life:
    input:
        **stage_inputs("quality_of_life"),
        study=ancient(STUDY_PATH),
    output:
        **stage_outputs("quality_of_life"),
    log:
        "logs/quality_of_life.log",
    benchmark:
        "benchmarks/quality_of_life.tsv"
    priority: rank("quality_of_life")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("quality_of_life"),
        code=stage_code("quality_of_life"),
    shell:
        "prrt-outcomes step quality_of_life --study {input.study:q} > {log:q} 2>&1"

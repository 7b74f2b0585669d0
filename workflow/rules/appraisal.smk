# Appraisal: tests adjusted together, estimands of the comparisons, risk of bias, items of reporting.
rule appraisal:
    input:
        **stage_inputs("appraisal"),
        study=ancient(STUDY_PATH),
    output:
        **stage_outputs("appraisal"),
    log:
        "logs/appraisal.log",
    benchmark:
        "benchmarks/appraisal.tsv"
    priority: rank("appraisal")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("appraisal"),
        code=stage_code("appraisal"),
    shell:
        "prrt-outcomes step appraisal --study {input.study:q} > {log:q} 2>&1"

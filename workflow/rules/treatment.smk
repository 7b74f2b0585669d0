# The regimen: periods, cycles, intervals, windows of somatostatin analogues, eligibility.
rule treatment:
    input:
        **stage_inputs("treatment"),
        study=ancient(STUDY_PATH),
    output:
        **stage_outputs("treatment"),
    log:
        "logs/treatment.log",
    benchmark:
        "benchmarks/treatment.tsv"
    priority: rank("treatment")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("treatment"),
        code=stage_code("treatment"),
    shell:
        "prrt-outcomes step treatment --study {input.study:q} > {log:q} 2>&1"

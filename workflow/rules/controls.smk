# Historical controls: as much as each control allows.
rule controls:
    input:
        **stage_inputs("controls"),
        study=ancient(STUDY_PATH),
    output:
        **stage_outputs("controls"),
    log:
        "logs/controls.log",
    benchmark:
        "benchmarks/controls.tsv"
    priority: rank("controls")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("controls"),
        code=stage_code("controls"),
    shell:
        "prrt-outcomes step controls --study {input.study:q} > {log:q} 2>&1"

# Radionuclides: absorbed fraction, and shrinkage of lesions by radionuclide and size.
rule radionuclides:
    input:
        **stage_inputs("radionuclides"),
        study=ancient(STUDY_PATH),
    output:
        **stage_outputs("radionuclides"),
    log:
        "logs/radionuclides.log",
    benchmark:
        "benchmarks/radionuclides.tsv"
    priority: rank("radionuclides")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("radionuclides"),
        code=stage_code("radionuclides"),
    shell:
        "prrt-outcomes step radionuclides --study {input.study:q} > {log:q} 2>&1"

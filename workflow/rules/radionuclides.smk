# Radionuclides: absorbed fraction, and shrinkage of lesions by radionuclide and size.
rule radionuclides:
    input:
        study=ancient(STUDY_PATH),
        lesions="cohort/lesions.parquet",
        treatment_periods="derived/treatment_periods.parquet",
        responses="derived/responses.parquet",
    output:
        lesion_change="tables/lesion_change.csv",
        lesion_change_test="tables/lesion_change_test.csv",
        absorbed_fraction="tables/absorbed_fraction.csv",
        attrition="derived/attrition/radionuclides.csv",
        status="derived/stages/radionuclides.csv",
    log:
        "logs/radionuclides.log",
    benchmark:
        "benchmarks/radionuclides.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=stage_settings("radionuclides"),
        code=stage_code("radionuclides"),
    shell:
        "prrt-outcomes step radionuclides --study {input.study:q} > {log:q} 2>&1"

# Accounts: losses and statuses of all stages joined and held against in = out + lost; what went in and came out.
rule accounts:
    input:
        study=ancient(STUDY_PATH),
        data=DATA_FILES,
        cohort=rules.cohort.output,
        treatment=rules.treatment.output,
        response=rules.response.output,
        radionuclides=rules.radionuclides.output,
        endpoints=rules.endpoints.output,
        survival=rules.survival.output,
        responders=rules.responders.output,
        controls=rules.controls.output,
        safety=rules.safety.output,
    output:
        attrition="tables/attrition.csv",
        stages="tables/stages.csv",
        provenance="provenance.json",
    log:
        "logs/accounts.log",
    benchmark:
        "benchmarks/accounts.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*ALL_SETTINGS),
        code=ALL_CODE,
    shell:
        "prrt-outcomes step accounts --study {input.study:q} > {log:q} 2>&1"

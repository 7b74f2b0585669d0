# Accounts: losses and statuses of all stages joined and held against in = out + lost; what went in and came out.
rule accounts:
    input:
        study=ancient(STUDY_PATH),
        data=ancient(DATA_FILES),
        tables=[getattr(rules, stage).output for stage in STAGES],
    output:
        **shown_tables(["attrition", "stages"], "accounts"),
        provenance="provenance.json",
    log:
        "logs/accounts.log",
    benchmark:
        "benchmarks/accounts.tsv"
    priority: rank("accounts")
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*ALL_SETTINGS),
        data=data_checksums(),
        code=ALL_CODE,
    shell:
        "prrt-outcomes step accounts --study {input.study:q} > {log:q} 2>&1"

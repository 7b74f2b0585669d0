# Report: tables and figures as two pages, the short report and the supplement with all results; and the run described as
# an RO-Crate.
rule report:
    input:
        study=ancient(STUDY_PATH),
        accounts=rules.accounts.output,
        tables=[getattr(rules, stage).output for stage in STAGES[1:]],
        figures=[f"figures/{chapter}" for chapter in CHAPTERS],
    output:
        page=report(
            "report.html",
            caption="../captions/report.rst",
            category="Report",
            labels={"Page": "Report"},
        ),
        supplement=report(
            "supplement.html",
            caption="../captions/report.rst",
            category="Report",
            labels={"Page": "Supplement: all results"},
        ),
        crate="ro-crate-metadata.json",
    log:
        "logs/report.log",
    benchmark:
        "benchmarks/report.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*ALL_SETTINGS),
        code=code("report.write", "run_crate"),
    shell:
        "prrt-outcomes step report --study {input.study:q} > {log:q} 2>&1"

# Manuscript: Word and PDF, tables and figures for a journal; only when it is asked for:
#   snakemake manuscript --cores all --config study=studies/example
rule manuscript:
    input:
        study=ancient(STUDY_PATH),
        report=rules.report.output,
    output:
        word="manuscript.docx",
        pdf="manuscript.pdf",
        folder=directory("manuscript"),
    log:
        "logs/manuscript.log",
    benchmark:
        "benchmarks/manuscript.tsv"
    conda:
        "../envs/prrt-outcomes.yaml"
    params:
        settings=settings(*ALL_SETTINGS),
        code=code("manuscript.documents"),
    shell:
        "prrt-outcomes step manuscript --study {input.study:q} > {log:q} 2>&1"

# Figures: one rule a chapter; each figure is drawn once and saved in all formats of the study.
for chapter in CHAPTERS:

    rule:
        name:
            f"figures_{chapter}"
        input:
            **chapter_inputs(chapter),
            study=ancient(STUDY_PATH),
        output:
            figures=report(
                directory(f"figures/{chapter}"),
                patterns=["{name}.svg"],
                caption=f"../captions/{chapter}.rst",
                category=chapter_title(chapter),
                subcategory="Figures",
                labels=figure_labels,
            ),
        log:
            f"logs/figures_{chapter}.log",
        benchmark:
            f"benchmarks/figures_{chapter}.tsv"
        priority: rank(f"figures_{chapter}")
        conda:
            "../envs/prrt-outcomes.yaml"
        params:
            chapter=chapter,
            settings=settings(*FIGURE_SETTINGS),
            code=code("figures.chapters"),
        shell:
            "prrt-outcomes step figures --chapter {params.chapter} --study {input.study:q} > {log:q} 2>&1"

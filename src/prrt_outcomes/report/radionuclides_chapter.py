"""Chapter radionuclides: what a lesion absorbs, how lesions changed, and what the data can tell of it."""

from collections.abc import Iterator, Mapping

import pandas as pd

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report.columns import of_schema
from prrt_outcomes.report.content import PageTable, cite, join_words, page_table, say, trace
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import name_code

LIMITS = (
    "The radionuclide was chosen by physicians, not at random: where large lesions were given one of them (often 90Y), "
    "size and radionuclide are confounded by indication. A reason for the choice that changes lesions of all sizes "
    "alike does not bias the interaction of radionuclide and size; one that acts differently on large and small "
    "lesions does. Lesions without a scan near 12 months are not compared, and shrinkage is not survival."
)


def write_radionuclides(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    fractions, means, tests = (
        tables[n] for n in ("absorbed_fraction", "lesion_change", "lesion_change_test")
    )
    few = fractions[fractions["diameter_mm"].isin([1.0, 10.0, 100.0])]
    if few.empty:
        return [], []
    by_nuclide = {"radionuclide": lambda row: name_code("radionuclide", str(row["radionuclide"]))}
    shown = (
        ("Change of target lesions", "lesion_change", means, by_nuclide, 30),
        ("Radionuclide and size of lesions", "lesion_change_test", tests, by_nuclide, 30),
        ("Absorbed fraction in spheres of 1, 10 and 100 mm", "absorbed_fraction", few, {}, 0),
    )
    level = numbers.format_level(study.analysis.confidence.level)
    return [*_describe(few, means), *_describe_interaction(tests, level)], [
        page_table(title, name, frame, of_schema(name, words), most_open=most)
        for title, name, frame, words, most in shown
        if len(frame)
    ]


def _describe(fractions: pd.DataFrame, means: pd.DataFrame) -> Iterator:
    """Range and absorbed fraction at 1 cm, then median diameters and what the data can and cannot tell."""
    at_10 = fractions[fractions["diameter_mm"].eq(10.0) & fractions["radionuclide"].isin(["177Lu", "90Y"])]
    parts = [
        say(
            "{name} reaches at most {reach} mm and leaves {low} to {high} of its energy in it",
            name=name_code("radionuclide", str(row["radionuclide"])),
            reach=cite(row, "max_range_mm", "absorbed_fraction"),
            low=cite(row, "fraction", "absorbed_fraction", numbers.format_percent),
            high=cite(row, "fraction_tortuous", "absorbed_fraction", numbers.format_percent),
        )
        for row in at_10.to_dict("records")
    ]
    yield say(
        "In a lesion of 1 cm with uniform activity (straight to tortuous tracks), {p}.", p=join_words(parts)
    )
    parts = [
        say(
            "{d} mm with {name} ({n} lesions)",
            name=name_code("radionuclide", str(row["radionuclide"])),
            d=cite(row, "median_diameter_mm", "lesion_change", numbers.format_short),
            n=cite(row, "n_lesions", "lesion_change", numbers.format_count),
        )
        for row in pick_rows(means, size_class="all").to_dict("records")
    ]
    if len(parts) > 1:
        yield say("The median diameter at baseline was {p}. {limits}", p=join_words(parts), limits=LIMITS)


def _describe_interaction(tests: pd.DataFrame, level: str) -> Iterator:
    """How the difference between two radionuclides varies with the diameter, or why that is not known."""
    for row in pick_rows(tests, term="interaction", model="adjusted").to_dict("records"):
        name, other = (name_code("radionuclide", str(row[key])) for key in ("radionuclide", "reference"))
        if pd.isna(row["estimate"]):
            why = numbers.describe_status(row["status"])
            yield say("{name} and {other} are not compared by size: {why}.", name=name, other=other, why=why)
            continue
        ends = [numbers.format_number(100 * row[key]) for key in ("estimate", "low", "high")]
        inside = row["low"] <= 0 <= row["high"]
        yield say(
            "With each doubling of the diameter at baseline the change with {name} less that with {other} moves by {e} "
            "percentage points ({p}; negative: {name} shrinks large lesions more). {verdict}",
            name=name,
            other=other,
            e=trace(f"{ends[0]} ({level} CI {ends[1]} to {ends[2]})", "lesion_change_test", row),
            p=cite(row, "p_value", "lesion_change_test", lambda p: numbers.format_p_value(p, name="p")),
            verdict="No dependence on size is shown; one within the interval is not excluded."
            if inside
            else "The difference between them depends on size.",
        )

"""Chapter radionuclides: what a lesion absorbs, how lesions changed, and what the data can tell of it."""

from collections.abc import Iterator, Mapping

import pandas as pd

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.radionuclides.absorbed_fraction import ALPHA_RANGE_MM
from prrt_outcomes.report.columns import show_table
from prrt_outcomes.report.content import PageTable, join_words, say, tell, trace
from prrt_outcomes.report.methods import METHODS
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import name_code


def _show_change(row: dict) -> str:
    value, low, high = (row[key] for key in ("estimate", "low", "high"))
    is_test = pd.isna(value) and pd.notna(row["p_value"])  # of several coefficients together
    if is_test:
        return ""
    return numbers.format_interval(value, low, high, numbers.format_percent, status=row["status"])


SHOWS: dict = {
    "change": _show_change,
    "bootstrap": lambda row: numbers.format_range(
        row["bootstrap_low"], row["bootstrap_high"], numbers.format_percent
    ),
}


def write_radionuclides(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    shown = {name: tables[name] for name in ("lesion_change", "lesion_change_test", "absorbed_fraction")}
    few = shown["absorbed_fraction"]
    few = few[few["diameter_mm"].isin([1.0, 10.0, 100.0])]
    few = shown["absorbed_fraction"] = few[few["particle"].ne("alpha") | has_alpha(tables)]
    level = numbers.format_level(study.analysis.confidence.level)
    paragraphs = [*_describe(few, shown["lesion_change"]), *_compare(shown["lesion_change_test"], level)]
    return paragraphs, [
        show_table(name, frame, level, SHOWS, most_open=30 * (frame is not few))
        for name, frame in shown.items()
        if len(frame)
    ]


def has_alpha(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Whether a cycle of the cohort, or the treatment of a patient, was with an alpha emitter."""
    given = tables["treatment_delivery"]
    groups = given.loc[given["group_by"].eq("radionuclide"), "group"].astype(str)
    return bool(groups.str.contains("|".join(ALPHA_RANGE_MM)).any())


def _describe(fractions: pd.DataFrame, means: pd.DataFrame) -> Iterator:
    """Range and absorbed fraction at 1 cm, then median diameters and what the data can and cannot tell."""
    parts = [
        tell("absorbs", "absorbed_fraction", row, nuclide=_name(row))
        for row in fractions[fractions["diameter_mm"].eq(10.0)].to_dict("records")
        if row["radionuclide"] in ("177Lu", "90Y")
    ]
    if parts:
        lesion = "A lesion of 1 cm with uniform activity absorbs, with straight to tortuous tracks, {}."
        yield say(lesion, join_words(parts))
    parts = [
        tell("diameter", "lesion_change", row, nuclide=_name(row))
        for row in pick_rows(means, size_class="all").to_dict("records")
    ]
    if len(parts) > 1:
        yield say(
            "The median diameter at baseline was {}. {}",
            join_words(parts),
            METHODS["radionuclides_limits"][0],
        )


def _name(row: Mapping, key: str = "radionuclide") -> str:
    return name_code("radionuclide", str(row[key]))


def _compare(tests: pd.DataFrame, level: str) -> Iterator:
    """How the difference between two radionuclides varies with the diameter, or why that is not known."""
    for row in pick_rows(tests, term="interaction", model="adjusted").to_dict("records"):
        names = {"nuclide": _name(row), "against": _name(row, "reference")}
        if pd.isna(row["estimate"]):
            why = numbers.describe_status(row["status"])
            yield tell("not_by_size", "lesion_change_test", row, why=why, **names)
            continue
        ends = [numbers.format_number(100 * row[key]) for key in ("estimate", "low", "high")]
        names["shown"] = "no dependence on size is shown; one within the interval is not excluded"
        if not row["low"] <= 0 <= row["high"]:
            more = (
                "the larger the lesion, the more"
                if row["estimate"] < 0
                else "the larger the lesion, the less"
            )
            names["shown"] = f"{more} it shrank after {names['nuclide']} compared with {names['against']}"
        change = trace(f"{ends[0]} ({level} CI {ends[1]} to {ends[2]})", "lesion_change_test", row)
        yield tell("by_size", "lesion_change_test", row, e=change, **names)

"""Chapter safety: adverse events and laboratory toxicity."""

from collections.abc import Callable, Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import PageTable, join_words, say, tell, tell_suppressed
from prrt_outcomes.report.methods import CITATIONS
from prrt_outcomes.study.base import spell_name
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import name_code, name_column, phase_words

CRISIS = "carcinoid_crisis"
MYELOID = "a myeloid neoplasm (myelodysplastic syndrome or acute leukaemia)"
RATE = ("rate_per_100_years", "rate_low", "rate_high")
INCIDENCE = ("cumulative_incidence", "low", "high")
MONTHS = (24, 60, 76)
KIDNEY_MONTHS, FEWEST_AT_RISK = [12, 24, 36, 48, 60], 10
ORGANS = {
    "any_haematological_without_lymphocytes": "haematological toxicity without lymphocytes",
    "any_haematological": "haematological toxicity with lymphocytes",
    "any_renal": "renal toxicity",
    "any_hepatic": "hepatic toxicity",
}
CREATININE = {
    "creatinine_over_limit": "over the upper limit alone",
    "creatinine_over_baseline": "over the baseline alone",
    "creatinine": "by the higher of both, which is the CTCAE grade",
}


def write_safety(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter; rates by group stand in the file."""
    level = numbers.format_level(study.analysis.confidence.level)
    paragraphs, shown = _write_adverse_events(pick_rows(tables["adverse_event_rates"], group_by="all"), level)
    words, found = _write_neoplasms(tables["myeloid_neoplasms"], level)
    of_kidneys, tables_of_kidneys = _write_kidneys(tables, level)
    paragraphs = [*paragraphs, *words, *of_kidneys]
    shown = [*shown, *_split_adverse_events(tables["adverse_event_rates"], level), *found, *tables_of_kidneys]
    rates = pick_rows(tables["safety_rates"], group_by="all")
    if rates.empty:
        return paragraphs, shown
    has_lymphocytes = rates["analyte"].eq("lymphocytes").any()
    for analyte, what in {**ORGANS, "lymphocytes": "lymphopenia"}.items():
        if analyte == "any_haematological" and not has_lymphocytes:
            continue  # the same as without them
        for row in _pick_rates(rates, analyte, "3"):
            sentence = tell("grade_3", "safety_rates", row, level, w=what)
            if analyte == "lymphocytes":
                cited = {"seen": CITATIONS["lymphopenia"], "label": CITATIONS["lutathera"]}
                sentence = tell("lymphopenia", "safety_rates", row, s=sentence, **cited)
            paragraphs.append(sentence)
    paragraphs += _describe_creatinine(rates)
    shows: dict = {"analyte": _name_analyte, "phase": phase_words, "value": _show_value}
    course = {name: tables[name] for name in ("lab_course", "lab_shifts", "lab_nadirs")}
    course["lab_shifts"] = pick_rows(course["lab_shifts"], phase="any")
    course = {"safety_rates": rates} | {name: rows for name, rows in course.items() if len(rows)}
    shown += [col.show_table(name, rows, level, shows) for name, rows in course.items()]
    return paragraphs, shown


def _pick_rates(rates: pd.DataFrame, analyte: str, floor: str) -> list[dict]:
    return pick_rows(rates, analyte=analyte, phase="any", grade_at_least=floor).to_dict("records")


def _describe_creatinine(rates: pd.DataFrame) -> list:
    """How many reach grade 2 by each rule of CTCAE; over the baseline no lower grade begins."""
    parts = [
        tell("creatinine", "safety_rates", row, total=row["total"], w=words)
        for analyte, words in CREATININE.items()
        for row in _pick_rates(rates, analyte, "2")
    ]
    return [say("Patients with creatinine of grade 2 or worse: {p}.", p=join_words(parts))] if parts else []


def _show_value(row: dict) -> str:
    values = (row[key] for key in ("median", "lower_quartile", "upper_quartile"))
    return f"{numbers.format_interval(*values)} {numbers.format_unit(str(row['unit']))}"


def _write_adverse_events(rates: pd.DataFrame, level: str) -> tuple[list, list[PageTable]]:
    """Sentences on adverse events, and their table."""
    found, paragraphs = _find_rates(rates), []
    for term, words in (
        ("any", "an adverse event"),
        ("myeloid_neoplasm", MYELOID),
        (CRISIS, "a carcinoid crisis"),
    ):
        for grade, which in (("1", ""), ("3", " of grade 3 or worse")):
            row = found.get((term, term, "any", grade, "any"))
            if row is None or (term != "any" and grade != "1"):
                continue
            reach = numbers.format_range(row["rate_low"], row["rate_high"], numbers.format_rate)
            named = {"w": words, "which": which, "ci": reach}
            paragraphs.append(tell("adverse_event", "adverse_event_rates", row, level, **named))
    return paragraphs, tabulate_adverse_events(rates, level)


def _find_rates(rates: pd.DataFrame) -> dict[tuple[str, ...], dict]:
    keys = ["term_group", "term", "period", "grade_at_least", "related"]
    return {tuple(str(row[key]) for key in keys): row for row in rates.to_dict("records")}


def tabulate_adverse_events(rates: pd.DataFrame, level: str) -> list[PageTable]:
    """A row for each group of terms and term: any grade, grade 3 or worse, related, rate, late, of all patients."""
    rates = pick_rows(rates, group_by="all")
    if rates.empty:
        return []
    found = _find_rates(rates)

    def count(*place: str) -> Callable[[dict], str]:
        def show(row: dict) -> str:
            own = found[(str(row["term_group"]), str(row["term"]), *place)]
            shown = f"{numbers.format_count(own['n'])} ({numbers.format_percent(own['proportion'])})"
            return tell_suppressed(own) or shown

        return show

    shows: dict = {
        "event": _name_event, "any_grade": count("any", "1", "any"), "related": count("any", "1", "yes"),
        "severe": count("any", "3", "any"), "late": count("late", "1", "any"),
        "rate": col.interval("", RATE, numbers.format_rate).show,
    }  # fmt: skip
    rows = pick_rows(rates, period="any", grade_at_least="1", related="any")
    total = numbers.format_count(rates["total"].max())
    return [col.show_table("adverse_event_rates", rows, level, shows, total=total)]


def _split_adverse_events(rates: pd.DataFrame, level: str) -> list[PageTable]:
    """Events of grade 3 or worse and myeloid neoplasms by radionuclide, and in retreatment: a folded table."""
    own = pick_rows(rates, period="any", related="any")
    place = own["term"].astype(str) + own["grade_at_least"].astype(str)
    is_whole = own["term"].astype(str).eq(own["term_group"].astype(str))
    rows = own[
        place.isin(["any3", "myeloid_neoplasm1"]) & is_whole & own["group_by"].isin(["radionuclide", "kind"])
    ]
    shows: dict = {"rate": col.interval("", RATE, numbers.format_rate).show}
    shows["group"] = lambda row: name_code(row["group_by"], row["group"])
    shows["event"] = lambda row: _name_event(row) + (", grade 3 or worse" if row["term"] == "any" else "")
    return [col.show_table("adverse_events_by_group", rows, level, shows, most_open=0)] if len(rows) else []


def describe_neoplasms(table: pd.DataFrame, level: str) -> Markup | str:
    """`1.1% (95% CI 0.4-2.7%) at 60 months` of all myeloid neoplasms; empty where nobody was followed so long."""
    known = table[table["cumulative_incidence"].notna()]
    for row in pick_rows(known, neoplasm="tmn", group_by="all", time_months="60.0").to_dict("records"):
        return tell("neoplasms_at_60", "myeloid_neoplasms", row, level)
    return ""


def _write_neoplasms(table: pd.DataFrame, level: str) -> tuple[list, list[PageTable]]:
    """Cumulative incidence of myelodysplastic syndrome and acute leukaemia."""
    name, found = "myeloid_neoplasms", describe_neoplasms(table, level)
    sentence = (
        "The cumulative incidence of {w}, with death as a competing event, was {p} after the first cycle."
    )
    shows: dict = {key: lambda row, key=key: _format_rare(row[key]) for key in INCIDENCE}
    shows |= {"group": lambda row: name_code(row["group_by"], row["group"])}
    shows |= {"group_by": lambda row: "" if row["group_by"] == "all" else name_column(row["group_by"])}
    chosen = table["time_months"].isin(MONTHS) & (table["neoplasm"].eq("tmn") | table["group_by"].eq("all"))
    shown = col.show_table(name, table[chosen], words=shows)
    return [say(sentence, w=MYELOID, p=found)] if found else [], [shown] if shown.rows else []


def _write_kidneys(tables: Mapping[str, pd.DataFrame], level: str) -> tuple[list, list[PageTable]]:
    """A sentence on slopes and one on losses, each of all radionuclides, and tables without other groupings.

    Losses are those by the latest month with `FEWEST_AT_RISK` at risk in every group that had them at the first month.
    """
    told = {"analysis": "mixed", "phase": "all", "group_by": "radionuclide", "status": "ok"}
    slopes = pick_rows(tables["egfr_slope"], **told)
    events = tables["kidney_events"][tables["kidney_events"]["time_months"].isin(KIDNEY_MONTHS)]
    losses = pick_rows(events, event="either", confirmed="no", group_by="radionuclide")
    losses = losses[losses["n_at_risk"].ge(FEWEST_AT_RISK) & losses["status"].isin(["ok", "no_events"])]
    groups = losses.groupby("time_months")["group"].transform("nunique")
    month = losses.loc[groups.eq(groups.max()), "time_months"].max()
    paragraphs = []
    for name, rows in (("egfr_slope", slopes), ("kidney_events", losses[losses["time_months"].eq(month)])):
        words = [
            tell(f"{name}_of", name, row, level, w=name_code("radionuclide", str(row["group"]), inside=True))
            for row in rows.to_dict("records")
        ]
        paragraphs += [tell(name, name, {}, p=join_words(words), m=f"{month:g}")] if words else []
    parts = {name: tables[name] for name in ("egfr_slope", "kidney_events", "organ_doses")}
    parts["kidney_events"] = events
    own = {name: rows[rows["group_by"].isin(["all", "radionuclide"])] for name, rows in parts.items()}
    return paragraphs, [col.show_table(name, rows, level) for name, rows in own.items() if len(rows)]


def _format_rare(share: float) -> str:
    return numbers.format_percent(share, 1)


def _name_event(row: dict) -> str:
    """Our groups in words, terms as the registry writes them."""
    term = str(row["term"])
    if term == "any":
        return "Any adverse event"
    return spell_name(term) if term == row["term_group"] else term


def _name_analyte(code: str) -> str:
    if code.startswith("creatinine_"):
        return f"Creatinine, {CREATININE[code]}"
    return f"Any {ORGANS[code]}" if code in ORGANS else name_code("analyte", code)

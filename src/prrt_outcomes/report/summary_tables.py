"""Publication tables: one question each, for all patients and by the first grouping, as a study wants them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd

from prrt_outcomes.cohort.grouping import leave_out_few
from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.quality_of_life.scores import choose_scales
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import Column, PageTable, as_text
from prrt_outcomes.report.controls_chapter import describe_method, find_verdict, show_estimate
from prrt_outcomes.report.safety_chapter import tabulate_adverse_events
from prrt_outcomes.report.survival_chapter import list_arms
from prrt_outcomes.report.table_edits import edit_tables
from prrt_outcomes.report.treatment_chapter import show_delivery
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    control_titles,
    endpoint_titles,
    inside_sentence,
    name_code,
    name_column,
    name_endpoint,
)

SURVIVAL = ("survival", "survival_low", "survival_high")
OPPOSITE = {"false": "true", "male": "female"}  # a level that is not shown beside the other of the two
CATEGORIES = ("objective", "CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD", "NE", "disease_control")
Tables = Mapping[str, pd.DataFrame]


def _spread_groups(frame: pd.DataFrame, show: Callable[[dict], str]) -> tuple[pd.DataFrame, list[Column]]:
    """Rows with a column for each group, its number of patients in the heading, and those columns.

    `frame`: rows of a result table with group_by, group and total; those that differ in these alone are one row;
    `show` gives the words of a cell.
    """
    key = [name for name in frame if name in ("term", "level", "criterion", "category", "item")]
    totals: dict[str, tuple] = {}
    lines: dict[tuple, dict] = {}
    for row in frame.to_dict("records"):
        group = f"{row['group_by']}:{row['group']}"
        totals.setdefault(group, (row["group_by"], row["group"], row["total"]))
        line = {name: row[name] for name in row if name not in ("group_by", "group")}
        lines.setdefault(tuple(str(row[name]) for name in key), line)[group] = show(row)
    groups = [
        Column(
            f"{name_code(str(by), str(group))} (n\u00a0=\u00a0{numbers.format_count(total)})",
            lambda row, place=place: as_text(row.get(place)),  # type: ignore[misc]
            name=str(group),
        )
        for place, (by, group, total) in totals.items()
    ]
    return pd.DataFrame(list(lines.values())), groups


def _show_share(row: dict) -> str:
    """`102 (26%)`, with the interval where there is one."""
    if numbers.is_missing(row["n"]):
        return "[suppressed]"
    if not row["total"]:
        return ""
    reach = numbers.format_range(
        row.get("proportion_low"), row.get("proportion_high"), numbers.format_percent
    )
    share = numbers.format_percent(row["proportion"]) + (f"; {reach}" if reach else "")
    return f"{numbers.format_count(row['n'])} ({share})"


def _pick_groups(table: pd.DataFrame, first: str, **keys: str) -> pd.DataFrame:
    """Rows of all patients, then those of a grouping."""
    return pd.concat([pick_rows(table, group_by=name, **keys) for name in dict.fromkeys(("all", first))])


def _first_group(study) -> str:
    return next(iter(study.analysis.group_by), "all")


def _tabulate_baseline(tables: Tables, study) -> list[PageTable]:
    """Terms and levels by group, what is missing, and the difference of the two largest groups."""
    baseline, apart = tables["baseline"], tables["baseline_differences"].set_index("term")
    first = next(
        (g for g in (_first_group(study), "tumour_group") if baseline["group_by"].eq(g).any()), "all"
    )
    rows = _pick_groups(baseline, first)
    rows = rows[rows["term"].ne(first)].astype({"term": "string", "level": "string"})
    if rows.empty:
        return []
    others = rows["term"] + ":" + rows["level"].map(OPPOSITE).astype("string")
    rows = rows[~others.isin(rows["term"] + ":" + rows["level"])]
    frame, groups = _spread_groups(rows, _show_characteristic)
    fields = (
        f for f in load_schema("analysis_set").fields if f.unit not in (None, "", "score", "lines", "ratio")
    )
    units = {field.name: numbers.format_unit(str(field.unit)) for field in fields}
    words = {
        "groups": groups,
        "smd": lambda row: "",
        "term": lambda row: ", ".join(filter(None, (name_column(row["term"]), units.get(row["term"])))),
        "level": lambda row: (
            "median (quartiles)" if row["level"] == "value" else name_code(row["term"], row["level"])
        ),
    }
    shown = col.show_table(
        "baseline", frame, words=words, note="Patients (share of all in the column).", most_open=90
    )
    found = {
        term: "<0.01" if 0 < smd < 0.005 else numbers.format_number(smd, 2 if smd else 0) or "\u2013"
        for term, smd in apart["smd"].items()
    }
    if found:
        a, b = (name_code(first, str(apart[side].iloc[0])) for side in ("group", "reference"))
        note = f"{shown.note} Standardised difference: all levels of a characteristic together."
        titled = replace(shown.columns[-1], title=f"Standardised difference, {a} against {b}")
        lines = [r._replace(cells=[*r.cells[:-1], found.get(r.name, "")]) for r in shown.rows]
        columns = (*shown.columns[:-1], titled)
        also = ("baseline_differences",)
        return [replace(shown, columns=columns, rows=tuple(lines), note=note, also=also)]
    return [
        replace(
            shown, columns=shown.columns[:-1], rows=tuple(r._replace(cells=r.cells[:-1]) for r in shown.rows)
        )
    ]


def _show_characteristic(row: dict) -> str:
    if pd.isna(row["median"]):
        return _show_share(row) if row["level"] != "value" else "\u2013"
    reach = numbers.format_range(row["lower_quartile"], row["upper_quartile"])
    return f"{numbers.format_number(row['median'])} ({reach})"


def _tabulate_response(tables: Tables, study) -> list[PageTable]:
    """Best response of every criterion by tumour, or by the first grouping of a study without one of tumours."""
    rates, asked = tables["response_rates"], study.analysis.group_by
    first = next((name for name in asked if name.startswith("tumour_")), _first_group(study))
    quoted = rates["confirmed"].astype("boolean").eq(study.response.primary_rate == "confirmed").fillna(False)
    rows = _pick_groups(rates[quoted], first).astype({"criterion": "string", "category": "string"})
    rows = rows[rows["category"].isin(CATEGORIES) & rows["criterion"].isin(study.response.criterion_names)]
    if rows.empty:
        return []
    seen = rows.groupby(["criterion", "category"])["n"].transform("max").gt(0)
    rows = rows[seen | ~rows["category"].isin(["MR", "NON-CR/NON-PD", "NE"])]
    frame, groups = _spread_groups(rows, _show_share)
    places = (
        frame["criterion"].map(study.response.criterion_names.index),
        frame["category"].map(CATEGORIES.index),
    )
    frame = frame.assign(first=places[0], second=places[1]).sort_values(["first", "second"], kind="stable")
    words = {"groups": groups, "category": lambda row: name_code("category", row["category"])}
    level = numbers.format_level(study.analysis.confidence.level)
    note = f"{study.response.primary_rate.capitalize()} response; patients (share of all treated; exact {level} CI)."
    return [col.show_table("response", frame, words=words, note=note)]


def _tabulate_delivery(tables: Tables, study) -> list[PageTable]:
    """Cycles, activity, intervals and why treatment ended, by the first grouping, else by radionuclide."""
    items = tables["treatment_delivery"]
    first = next((g for g in (_first_group(study), "radionuclide") if items["group_by"].eq(g).any()), "all")
    rows = _pick_groups(items, first)
    rows = rows[~rows["item"].astype("string").str.contains("^eligibility_|_unknown$", regex=True)]
    rows = rows.assign(own=rows["item"].ne("cycles_per_patient")).sort_values("own", kind="stable")
    if rows.empty:
        return []
    frame, groups = _spread_groups(
        rows, lambda row: as_text(getattr(found := show_delivery(row), "text", found))
    )
    return [col.show_table("delivery", frame, words={"groups": groups})]


def _tabulate_shifts(tables: Tables, study) -> list[PageTable]:
    """Grade before treatment against the worst after it, of each analyte."""
    rows = pick_rows(tables["lab_shifts"], phase="any")
    return [col.show_table("laboratory_shift", rows, most_open=90)] if len(rows) else []


def _list_endpoints(study) -> list[str]:
    """The first endpoint, and overall survival."""
    return list(
        dict.fromkeys([study.endpoints[0].name, *(e.name for e in study.endpoints if e.name == "os")])
    )


def _tabulate_survival(tables: Tables, study) -> list[PageTable]:
    """Events, median, milestones and hazard ratio of each group, for the first endpoint and overall survival."""
    first, summary = _first_group(study), tables["km_summary"]
    summaries = pd.concat([_pick_groups(summary, first, endpoint=name) for name in _list_endpoints(study)])
    if list_arms(study.endpoints[0].name, summary, study):
        summaries = summaries[summaries["group_by"].ne("all")]
    if summaries.empty:
        return []
    level, place = numbers.format_level(study.analysis.confidence.level), ["endpoint", "group_by", "group"]
    ratios = leave_out_few(pick_rows(tables["cox"], model="univariable")).rename(
        columns={"term": "group_by", "level": "group"}
    )
    frame = summaries.merge(
        ratios[[*place, *col.RATIO, "p_value"]].astype({"group": "string"}), how="left", on=place
    )
    months = study.analysis.milestones_months
    for month in months:
        stones = tables["milestones"]
        own = stones.loc[stones["time_months"].eq(month), [*place, *SURVIVAL]]
        frame = frame.merge(own.rename(columns={n: f"{n}:{month}" for n in SURVIVAL}), how="left", on=place)

    def show_milestone(month: float) -> Callable[[dict], str]:
        return lambda row: numbers.format_interval(  # type: ignore[call-arg]
            *(row[f"{n}:{month}"] for n in SURVIVAL), numbers.format_percent
        )

    words = {
        "endpoint": col.endpoint(endpoint_titles(study)).show,
        "group": lambda row: name_code(str(row["group_by"]), str(row["group"])),
        "ratio": _show_ratio,
        "milestones": [
            Column(f"{numbers.format_number(m, 0)} months", show_milestone(m), name=f"survival_{m:g}")
            for m in months
        ],
    }
    by = "" if first == "all" else f" by {inside_sentence(name_column(first))}"
    shown = col.show_table("time_to_event", frame, level, words, by=by)
    return [replace(shown, also=("milestones", "cox"))]


def _show_ratio(row: dict, end: str = "") -> str:
    if numbers.is_missing(row[f"hazard_ratio{end}"]):
        return ""
    value, low, high = (row[f"{name}{end}"] for name in col.RATIO)
    return numbers.format_interval(value, low, high, numbers.format_ratio)


def _tabulate_cox(tables: Tables, study) -> list[PageTable]:
    """Uni- and multivariable Cox models beside each other, a table an endpoint; its groupings and covariates."""
    level, titles, shown = numbers.format_level(study.analysis.confidence.level), endpoint_titles(study), []
    key = ["endpoint", "term", "level", "reference"]
    models = (
        leave_out_few(tables["cox"])
        .astype(dict.fromkeys((*key, "model"), "string"))
        .fillna({"level": "", "reference": ""})
    )
    terms = list(dict.fromkeys((*study.analysis.covariates, *study.analysis.group_by)))
    places = {pair: i for i, pair in enumerate(zip(models["term"], models["level"], strict=True))}
    for endpoint in _list_endpoints(study):
        alone, together = (
            pick_rows(models, endpoint=endpoint, model=m) for m in ("univariable", "multivariable")
        )
        frame = alone.merge(together, how="outer", on=key, suffixes=("", "_adjusted"), sort=False)
        frame = frame[frame["term"].isin(terms)].assign(is_reference=False)
        if frame.empty:
            continue
        sized = frame[frame["reference"].ne("")].drop_duplicates("term")
        frame = pd.concat([sized.assign(level=sized["reference"], is_reference=True), frame])
        rows = zip(frame["term"], ~frame["is_reference"], frame["level"], strict=True)
        ranks = [(terms.index(t), later, places.get((t, level_), 0)) for t, later, level_ in rows]
        frame = frame.iloc[sorted(range(len(frame)), key=ranks.__getitem__)]
        shows = {
            f"{what}{end}": lambda row, show=show, end=end: show(row, end)
            for what, show in {"events": _show_events, "ratio": _show_model, "p_value": _show_model_p}.items()
            for end in ("", "_adjusted")
        } | {"level": lambda row: name_code(row["term"], row["level"]) if row["level"] else ""}
        note = str(col.PAGE_TABLES["cox_in_short"]["note"])
        if frame[["status", "status_adjusted"]].eq("few_events").any(axis=None):  # type: ignore[arg-type]
            note += f" In part {numbers.describe_status('few_events')}."
        named = name_endpoint(endpoint, titles)
        table = col.show_table("cox_in_short", frame, level, shows, note=note, endpoint=named)
        whole = frame.groupby("term")[["term_p_value", "term_p_value_adjusted"]].first()
        shown.append(_add_term_p_values(table, whole))
    return shown


def _add_term_p_values(table: PageTable, whole: pd.DataFrame) -> PageTable:
    """The p-value of all levels together beside the heading of a covariate."""
    places = [i for i, column in enumerate(table.columns) if column.name.startswith("p_value")]
    rows = []
    for row in table.rows:
        cells = list(row.cells)
        if row.name in whole.index and not any(cells[1:]):
            for place, p_value in zip(places, whole.loc[row.name], strict=True):
                cells[place] = numbers.format_p_value(p_value)
        rows.append(row._replace(cells=cells))
    return replace(table, rows=tuple(rows))


def _show_events(row: dict, end: str) -> str:
    which = "_reference" if row["is_reference"] else ""
    counts = [numbers.format_count(row[f"{name}{which}{end}"]) for name in ("events", "n")]
    return "/".join(counts) if all(counts) else ""


def _show_model(row: dict, end: str) -> str:
    if row["is_reference"]:
        return "1 (reference)" if not numbers.is_missing(row[f"n_model{end}"]) else ""
    return _show_ratio(row, end) or numbers.describe_status(row[f"status{end}"])


def _show_model_p(row: dict, end: str) -> str:
    return "" if row["is_reference"] else numbers.format_p_value(row[f"p_value{end}"])


def _tabulate_responders(tables: Tables, study) -> list[PageTable]:
    """The first landmark, response as time-dependent, and the naive comparison, of the first endpoint."""
    rows = pick_rows(
        tables["responders"],
        endpoint=study.endpoints[0].name,
        criterion=study.response.primary_criterion,
        comparison="responder:non_responder",
    )
    plain = ~(rows["adjusted"] | rows["weighted"] | rows["imputed"]).astype("boolean").fillna(False)
    first = rows["landmark_months"].isna() | rows["landmark_months"].eq(
        min(study.analysis.landmark_months, default=0)
    )
    rows = rows[plain & first & rows["hazard_ratio"].notna()]
    if rows.empty:
        return []
    level = numbers.format_level(study.analysis.confidence.level)
    return [col.show_table("responders_in_short", rows, level, {"ratio": _show_ratio})]


def _tabulate_controls(tables: Tables, study) -> list[PageTable]:
    """The quoted estimate against each control with its rating."""
    found = [row for control in study.controls if (row := primary_estimate(tables["controls"], control))]
    if not found:
        return []
    level, titles = numbers.format_level(study.analysis.confidence.level), control_titles(study)
    verdicts = {row["control"]: find_verdict(tables, row) or {} for row in found}
    words = {
        "control": titles.__getitem__, "value": show_estimate,
        "basis": lambda row: str(describe_method(row, level))[1:-1],
        "evidence": lambda row: as_text(verdicts[row["control"]].get("words")),
    }  # fmt: skip
    return [col.show_table("controls_in_short", pd.DataFrame(found), level, words)]


def _tabulate_scales(name: str, month: str, **keys: str) -> Callable[[Tables, object], list[PageTable]]:
    """Table of the scales of the sentences: whole cohort and first grouping, at the study's first two milestones."""

    def tabulate(tables: Tables, study) -> list[PageTable]:
        rows = _pick_groups(tables[name], _first_group(study), **keys)
        scales = choose_scales(rows["scale"], study.questionnaires)
        rows = rows[rows["scale"].isin(scales)]
        first = rows[rows[month].isin(sorted(study.analysis.milestones_months)[:2])]
        level = numbers.format_level(study.analysis.confidence.level)
        note = "Other scales, groups and months are in the file."
        rows = first if len(first) else rows
        return [col.show_table(name, rows, level, note=note)] if len(rows) else []

    return tabulate


def _tabulate_lesions(tables: Tables, study) -> list[PageTable]:
    """Mean change of target lesions by radionuclide and size class."""
    rows = tables["lesion_change"]
    level = numbers.format_level(study.analysis.confidence.level)
    return [col.show_table("lesion_change", rows, level)] if len(rows) else []


def _tabulate_events(tables: Tables, study) -> list[PageTable]:
    """Adverse events by group of terms and term."""
    level = numbers.format_level(study.analysis.confidence.level)
    return tabulate_adverse_events(tables["adverse_event_rates"], level)


PUBLICATION_TABLES: dict[str, Callable[[Tables, object], list[PageTable]]] = {
    "baseline": _tabulate_baseline,
    "delivery": _tabulate_delivery,
    "response": _tabulate_response,
    "lesions": _tabulate_lesions,
    "survival": _tabulate_survival,
    "cox": _tabulate_cox,
    "responders": _tabulate_responders,
    "controls": _tabulate_controls,
    "adverse_events": _tabulate_events,
    "laboratory_shift": _tabulate_shifts,
    "deterioration": _tabulate_scales(
        "deterioration", "time_months", death="competing", definition="definitive"
    ),
    "questionnaire_change": _tabulate_scales("questionnaire_change", "planned_months"),
}
"""By their name in `report_tables`."""


def list_publication_tables(name: str, tables: Tables, study) -> list[PageTable]:
    """Tables of this name with the rows and columns that the study wants; several where it has one an endpoint."""
    made = [replace(table, name=name) for table in PUBLICATION_TABLES[name](tables, study)]
    return edit_tables(made, study.report_tables[name]) if name in study.report_tables else made

"""Standard objections to a comparison without randomisation, each with the number and the table that answers it."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

import pandas as pd
import yaml

from prrt_outcomes.appraisal.compared import Tables
from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import describe_cells, pick_rows
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    control_titles,
    endpoint_titles,
    inside_sentence,
    name_endpoint,
    name_term,
)

OBJECTIONS: dict[str, list[dict]] = yaml.safe_load(
    Path(__file__).with_name("objections.yaml").read_text("utf-8")
)
NOT_ANSWERED = "not answered by these data"
RATIO, COUNT, SHARE, NUMBER = (
    numbers.format_ratio, numbers.format_count, numbers.format_percent, numbers.format_number,
)  # fmt: skip
P_VALUE = partial(numbers.format_p_value, name="p")
FORMATS: dict[str, Callable[[Any], str]] = {
    "ratio": RATIO,
    "count": COUNT,
    "share": SHARE,
    "whole": partial(NUMBER, digits=0),
    "p": P_VALUE,
}


class Part(NamedTuple):
    """Part of an answer: words, whether they answer (never without a number), number, table, cells of its row."""

    words: str
    answers: bool = True
    value: float = math.nan
    table: str = ""
    row: str = ""


LACKING = Part("", answers=False)


class _Words(Formatter):
    """Words with the numbers of a row, written as `FORMATS` names."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return FORMATS[format_spec](value) if format_spec else str(value)


@dataclass(frozen=True)
class _Results:
    """Tables of a study, and what the answers to its objections share."""

    tables: Tables
    study: Study

    @property
    def endpoint(self) -> str:
        """Name of the primary endpoint."""
        return self.study.endpoints[0].name

    @cached_property
    def quoted(self) -> tuple[dict | None, str]:
        """The estimate that the primary control, else the first, is quoted by, and the name of that control."""
        control = next(iter(sorted(self.study.controls, key=lambda c: not c.primary)), None)
        if control is None:
            return None, ""
        return primary_estimate(self.tables["controls"], control), control_titles(self.study)[control.id]

    @cached_property
    def given(self) -> dict[str, str]:
        """Cells that the keys of `objections.yaml` name."""
        response, quoted = self.study.response, self.quoted[0]
        named = {"endpoint": self.endpoint, "criterion": response.primary_criterion}
        named["confirmed"] = str(response.primary_rate == "confirmed")
        named |= {key: str(quoted[key]) for key in ("control", "weights")} if quoted else {}
        return {f"${key}": cell for key, cell in named.items()}

    def find(self, table: str, **keys: str) -> dict | None:
        """First row of a table with these cells."""
        rows = pick_rows(self.tables[table], **keys)
        return rows.iloc[0].to_dict() if len(rows) else None

    def title(self, endpoint: str) -> str:
        """Title of an endpoint inside a sentence."""
        return inside_sentence(endpoint_titles(self.study)[endpoint])


def answer_objections(tables: Tables, study: Study) -> pd.DataFrame:
    """Result table `objections`: one row an objection.

    `answered` where each part of the answer has a number, `partly` where some have, `not_answered` where none has.
    Value, table and row are those of the first part that answers.
    """
    rows, results = [], _Results(tables, study)
    for number, (objection, asked) in enumerate(OBJECTIONS.items(), start=1):
        parts = [part for one in asked for part in _answer(results, one)]
        known = [part for part in parts if part.answers and math.isfinite(part.value)]
        words = "; ".join(part.words for part in parts if part.words) or NOT_ANSWERED
        first = next(iter(known), LACKING)
        state = "not_answered" if not known else "partly" if len(known) < len(parts) else "answered"
        row = {"number": number, "objection": objection, "answer": state, "value": first.value}
        row |= {"table": first.table or None, "row": first.row or None}
        rows.append(row | {"sentence": f"{words[0].upper()}{words[1:]}."})
    return pd.DataFrame(rows)


def _answer(results: _Results, asked: dict) -> Iterator[Part]:
    """Parts of an answer from one entry of `objections.yaml`."""
    if "ask" in asked:
        yield from ANSWERS[asked["ask"]](results, **{key: asked[key] for key in asked if key != "ask"})
        return
    keys = {column: results.given.get(cell, cell) for column, cell in asked["keys"].items()}
    row, logarithms = results.find(asked["table"], **keys), asked.get("logarithms", ())
    if row is None or any(pd.isna(row[column]) for column in (asked["value"], *logarithms)):
        yield from () if asked.get("optional") else (LACKING,)
        return
    row |= {column: math.exp(row[column]) for column in logarithms}
    shown = row | {"title": results.quoted[1], "interval": _show_ratio(row) if "low" in row else ""}
    yield _part(_Words().format(asked["words"], **shown), asked["table"], row, row[asked["value"]])
    for then in asked.get("then", ()):
        yield from _answer(results, then)


def _part(words: str, table: str, row: Mapping, value: float, answers: bool = True) -> Part:
    return Part(words, answers, float(value), table, describe_cells(row, load_schema(table).key))


def _join(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _show_ratio(row: Mapping) -> str:
    return numbers.format_interval(row["value"], row["low"], row["high"], RATIO)


def _medians(results: _Results, analyses: list[str], spare: int = 0) -> Iterator[Part]:
    """Median of the primary endpoint under other rules, with how many patients each changes.

    `spare` of the rules may be that of the endpoint itself, which is no other analysis.
    """
    keys = {"endpoint": results.endpoint, "group_by": "all"}
    found = [results.find("sensitivity", analysis=analysis, **keys) for analysis in ("primary", *analyses)]
    rows, words = [row for row in found if row is not None], []
    if found[0] is None or len(rows) < 2:
        yield LACKING
        return
    for row in rows:
        rule = inside_sentence(name_term(row["analysis"]))
        if pd.notna(row["n_changed"]):
            rule += f"; {COUNT(row['n_changed'])} patients change"
        rule = "as defined" if row["analysis"] == "primary" else f"({rule})"
        months = f"{NUMBER(row['median_months'])} months"
        known = pd.notna(row["median_months"])
        words.append(f"{months if known else numbers.describe_median_status(row['status'])} {rule}")
    first = next((row for row in rows if pd.notna(row["median_months"])), rows[0])
    what = inside_sentence(name_endpoint(results.endpoint, endpoint_titles(results.study)))
    yield _part(f"median {what} is {_join(words)}", "sensitivity", first, first["median_months"])
    yield from [LACKING] * (len(found) - len(rows) - spare)


def _criteria(results: _Results) -> Iterator[Part]:
    table, confirmed = results.tables["response_rates"], results.given["$confirmed"]
    rows = pick_rows(table, category="objective", group_by="all", confirmed=confirmed).to_dict("records")
    words = _join([f"{SHARE(row['proportion'])} by {name_term(row['criterion'])}" for row in rows])
    for row in rows[:1]:
        yield _part(f"objective response is {words}", "response_rates", row, row["proportion"])
    if len(rows) < 2:
        yield LACKING


def _untimed(results: _Results) -> Iterator[Part]:
    """Patients without a time of the primary endpoint."""
    curve = results.find("km_summary", endpoint=results.endpoint, group_by="all")
    if curve is not None:
        total, title = len(results.tables["analysis_set"]), results.title(results.endpoint)
        untimed = total - curve["n"]
        words = f"{COUNT(untimed)} of {COUNT(total)} have no time for {title}"
        if not untimed:
            words = f"all {COUNT(total)} have a time for {title}"
        yield _part(words, "km_summary", curve, untimed)


def _compare_items(results: _Results, items: list[str]) -> Iterator[Part]:
    """Verdicts of the comparability table on some items; the number is of those that differ."""
    row, title = results.quoted
    table = results.tables["control_comparability"]
    own = table.iloc[:0] if row is None else pick_rows(table, control=row["control"])
    own = own[own["item"].isin(items)]
    verdicts = own["verdict"].astype("string")
    pairs = zip(own["item"], verdicts, strict=True)
    words = f"against {title}: {_join([f'{inside_sentence(name_term(i))} {v}' for i, v in pairs])}"
    known, differ = verdicts.ne("unknown"), int(verdicts.eq("different").sum())
    for first in own.head(1).to_dict("records"):
        yield _part(words, "control_comparability", first, differ, answers=bool(known.any()))
    if own.empty or not known.all():
        yield LACKING


def _missing(results: _Results) -> Iterator[Part]:
    fit = results.find("cox_fit", endpoint=results.endpoint, model="multivariable")
    whole = results.find("km_summary", endpoint=results.endpoint, group_by="all")
    if fit is None or whole is None:
        return
    imputed = results.find("cox", endpoint=results.endpoint, model="multivariable_imputed") is not None
    words = f"{COUNT(fit['n'])} of {COUNT(whole['n'])} patients have all covariates"
    words += "; results of multiple imputation are given as well" if imputed else ""
    yield _part(words, "cox_fit", fit, fit["n"])
    if not imputed and fit["n"] < whole["n"]:
        yield LACKING


def _confounding(results: _Results) -> Iterator[Part]:
    """Largest standardised difference without and with the weights of the quoted estimate."""
    row, title = results.quoted
    if row is None:
        return
    before = f"largest standardised difference against {title}: "
    for weights in dict.fromkeys(("none", str(row["weights"]))):
        own = pick_rows(results.tables["control_balance"], control=row["control"], weights=weights)
        if own["smd"].notna().any():
            worst = own.loc[own["smd"].abs().idxmax()].to_dict()
            words = f"{before}{NUMBER(abs(worst['smd']), 2)} {inside_sentence(name_term(weights))}"
            yield _part(words, "control_balance", worst, abs(worst["smd"]))
            before = ""


def _negative_control(results: _Results) -> Iterator[Part]:
    row, _ = results.quoted
    own = row and results.find("control_sensitivity", control=row["control"], kind="negative_control")
    if not own:
        yield Part("there is no negative-control outcome", answers=False)
        return
    words = f"the hazard ratio of an outcome that treatment cannot change is {_show_ratio(own)}"
    yield _part(words, "control_sensitivity", own, own["value"])


def _conflict(results: _Results) -> Iterator[Part]:
    """Whether one hazard ratio serves all periods against the control."""
    quoted, title = results.quoted
    if quoted is None:
        return
    tested = pick_rows(results.tables["control_borrowing"], control=quoted["control"])
    tested = tested[tested["conflict_p_value"].notna()]
    own = pick_rows(tested, weights=str(quoted["weights"]))
    if tested.empty:
        yield Part(f"against {title} they are not tested", answers=False)
        return
    found = (own if len(own) else tested).iloc[0].to_dict()
    words = f"one hazard ratio in all periods against {title}: {P_VALUE(found['conflict_p_value'])}"
    yield _part(words, "control_borrowing", found, found["conflict_p_value"])


def _few_events(results: _Results) -> Iterator[Part]:
    keys = {"endpoint": results.endpoint, "model": "multivariable"}
    fit, terms = results.find("cox_fit", **keys), len(pick_rows(results.tables["cox"], **keys))
    if fit is not None and terms:
        per = fit["events"] / terms
        each = f"{NUMBER(per, 0)} for each of its coefficients ({terms})"
        yield _part(f"{COUNT(fit['events'])} events in the multivariable model, {each}", "cox_fit", fit, per)


def _competing(results: _Results) -> Iterator[Part]:
    table = results.tables["competing_risks"]
    if table.empty:
        words = "death counts as an event, or ends observation, in every endpoint"
        yield Part(words, True, 0, "competing_risks")
    month = results.study.analysis.milestones_months[0]
    until = pick_rows(table[table["time_months"].le(month)], group_by="all")
    for endpoint in until["endpoint"].unique():
        causes = pick_rows(until, endpoint=endpoint).drop_duplicates("cause", keep="last").to_dict("records")
        found = ((SHARE(row["cumulative_incidence"]), name_term(row["cause"])) for row in causes)
        shown = [f"{share} ({inside_sentence(cause)})" for share, cause in found]
        words = f"{results.title(endpoint)}: cumulative incidence at {NUMBER(month, 0)} months {_join(shown)}"
        yield _part(words, "competing_risks", causes[0], causes[0]["cumulative_incidence"])


def _multiplicity(results: _Results) -> Iterator[Part]:
    """How many p-values the tables hold, in all their columns; one that stands in several rows of a column is one."""
    tables = results.tables
    columns = [(name, column) for name in tables for column in map(str, tables[name]) if "p_value" in column]
    found = pd.Series([tables[name][column].nunique() for name, column in columns], [c[0] for c in columns])
    counts = found.drop("multiplicity", errors="ignore").groupby(level=0).sum()
    total, largest, family = int(counts.sum()), str(counts.idxmax()), len(tables["multiplicity"])
    if not total:
        return
    is_one = any(control.primary for control in results.study.controls)
    named = "one comparison is primary" if is_one else "none is primary"
    words = f"{COUNT(total)} different p-values stand in the tables; {named}, and pairs of groups are adjusted by Holm"
    yield Part(words, True, total, largest)
    if family:
        yield Part(f"{family} tests are one family, adjusted together by Holm", True, family, "multiplicity")
    yield Part("the other p-values are exploratory", family > 0, total, largest)


def _centres(results: _Results) -> Iterator[Part]:
    rows = pick_rows(results.tables["km_summary"], endpoint=results.endpoint, group_by="centre_id")
    rows = rows[rows["median_months"].notna()].sort_values("median_months")
    if len(rows) > 1:
        low, high = (rows.iloc[k].to_dict() for k in (0, -1))
        spread = f"from {NUMBER(low['median_months'])} to {NUMBER(high['median_months'])} months"
        words = f"medians of {len(rows)} centres {spread}; a model is stratified by centre"
        yield _part(words, "km_summary", low, low["median_months"])


def _reconstruction(results: _Results) -> Iterator[Part]:
    rows = results.tables["reconstruction_quality"]
    kept = int(rows["verdict"].astype("string").eq("accepted").sum())
    words = f"{kept} of {len(rows)} measures of reconstructed curves are within their limits"
    words = words if len(rows) else "no control was reconstructed from a figure"
    yield Part(words, True, kept, "reconstruction_quality")


ANSWERS: dict[str, Callable[..., Iterator[Part]]] = {
    "medians": _medians,
    "criteria": _criteria,
    "comparability": _compare_items,
    "missing": _missing,
    "confounding": _confounding,
    "negative_control": _negative_control,
    "conflict": _conflict,
    "few_events": _few_events,
    "competing": _competing,
    "multiplicity": _multiplicity,
    "centres": _centres,
    "reconstruction": _reconstruction,
    "untimed": _untimed,
}

"""Result tables as they may leave the registry, and what was done to each."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import norm

from prrt_outcomes.release.rules import RULES, Rounding, bound_share, hide_second, shorten
from prrt_outcomes.statistics.curve_summaries import compute_poisson_interval
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.tables.schema import TableSchema, list_tables, load_schema

RELEASED = ["file", "table", "rows", "column", "done", "cells", "rule", "reason"]
SHORTEST_NAME = 3  # a name of fewer letters is not looked for inside texts


@dataclass
class Release:
    """Tables by name as they are released.

    sizes : patients by variable and label, as the tables count them
    done : rows of `released.csv`
    """

    minimum: int
    level: float
    sizes: dict[tuple[str, str], float] = field(default_factory=dict)
    done: list[dict] = field(default_factory=list)

    @property
    def rounding(self) -> Rounding:
        """How counts are rounded."""
        return Rounding(self.minimum)

    @property
    def small_variables(self) -> set[str]:
        """Variables of which a level is left out."""
        return {
            v for (v, _), n in self.sizes.items() if n < 2 * self.minimum and (v, "value") not in self.sizes
        }

    def note(
        self, name: str, frame: pd.DataFrame, column: str, where: pd.Series, done: str, rule: str
    ) -> None:
        """Add what was done to cells of a column, for each grouping."""
        found = where.to_numpy(dtype=bool)
        groupings = frame["group_by"].to_numpy()[found] if "group_by" in frame else [""] * int(found.sum())
        for grouping, n in Counter(map(str, groupings)).items():
            rows = f"group_by = {grouping}" if grouping else "all"
            self.add(f"tables/{name}.csv", name, rows, column, done, n, rule)

    def add(self, *words: object) -> None:
        """Add a row: the columns of `RELEASED` but for the reason, which is that of the rule."""
        self.done.append(dict(zip(RELEASED, (*words, RULES["rules"][words[-1]]), strict=True)))

    def is_small(self, frame: pd.DataFrame) -> pd.Series:
        """Whether a row names a group, level, term or centre of fewer than twice the minimum."""
        small = np.zeros(len(frame), dtype=bool)
        for variable, label in RULES["labels"]:
            if {variable or label, label} <= set(frame):
                own = _text(frame[variable]) if variable else [label] * len(frame)
                sizes = [self.sizes.get(pair, np.inf) for pair in zip(own, _text(frame[label]), strict=True)]
                small |= np.array(sizes) < 2 * self.minimum
        if "covariate" in frame:  # variable=level
            small |= _variable(frame).isin(self.small_variables).to_numpy()
        return pd.Series(small, frame.index)


def release_tables(
    tables: Mapping[str, pd.DataFrame], minimum: int, level: float
) -> tuple[dict[str, pd.DataFrame], Release]:
    """All result tables without what a release leaves out; `level` is that of confidence intervals."""
    release = Release(minimum, level, _measure(tables))
    made = {}
    for name in list_tables("results"):
        if name in RULES["withheld"]:
            made[name] = empty_table(name)
            release.add(f"tables/{name}.csv", name, "all", "", "removed", pd.NA, RULES["withheld"][name])
        else:
            made[name] = tables[name]
            if name not in RULES["untouched"] and len(tables[name]):
                made[name] = _release_table(name, tables[name], release)
    made["milestones"] = _read_curve(made["milestones"], made["km_curve"])
    return made, release


def _read_curve(stones: pd.DataFrame, curve: pd.DataFrame) -> pd.DataFrame:
    """Milestones with the survival of the released curve: the last step before each."""
    key, values = ["endpoint", "group_by", "group"], ["survival", "survival_low", "survival_high"]
    left, right = (
        f.astype(dict.fromkeys(key, "string") | {"time_months": "float64"}) for f in (stones, curve)
    )
    left = left.assign(place=range(len(left))).sort_values("time_months", kind="stable")
    right = right[[*key, "time_months", *values]].sort_values("time_months", kind="stable")
    found = pd.merge_asof(left.drop(columns=values), right, on="time_months", by=key).sort_values("place")
    there = stones["survival"].notna() & found["survival"].lt(1).set_axis(stones.index)
    shown = {c: found[c].set_axis(stones.index).where(there) for c in values}
    gone = stones["survival"].notna() & shown["survival"].isna()
    return stones.assign(**shown, status=stones["status"].astype("string").mask(gone, "suppressed"))


def list_names(sizes: Mapping[tuple[str, str], float], minimum: int) -> list[str]:
    """Names of small groups that come from the registry, which no text of a release may hold."""
    codes = {str(c) for kind in ("input", "results") for t in list_tables(kind)
             for f in load_schema(t).fields for c in f.codes}  # fmt: skip
    small = {label for (v, label), n in sizes.items() if n < 2 * minimum and v != "control"}
    shown = {label for (_, label), n in sizes.items() if n >= 2 * minimum}
    return sorted(n for n in small - shown - codes if len(n) >= SHORTEST_NAME)


def _measure(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], float]:
    """Patients of every group, level, term and centre, by variable and label: the most that a table counts."""
    parts = []
    for table, variable, label, count, whole, prefix in RULES["sizes"]:
        frame = tables[table]
        for column, value in whole.items():
            frame = frame[_text(frame[column]).eq(value)]
        own = _text(frame[variable]) if variable else pd.Series(label, frame.index)
        part = pd.DataFrame(
            {"variable": own, "label": _text(frame[label]), "n": frame[count].astype("float64")}
        )
        parts.append(part[part["label"].str.startswith(prefix) & part["label"].ne("")].dropna())
    known = [part for part in parts if len(part)]
    return pd.concat(known).groupby(["variable", "label"])["n"].max().to_dict() if known else {}  # type: ignore[return-value]


def _release_table(name: str, whole: pd.DataFrame, release: Release) -> pd.DataFrame:
    schema, rounding = load_schema(name), release.rounding
    small = release.is_small(whole)
    release.note(name, whole, "", small, "row removed", "small_group")
    for column in (c for c in whole if c not in schema.names):
        release.note(name, whole, column, whole[column].notna(), "removed", "undocumented")  # type: ignore[arg-type]
    frame = whole.loc[~small, [c for c in schema.names if c in whole]].reset_index(drop=True)
    counts = [f.name for f in schema.fields if _is_count(f, schema)]
    base = _find_base(name, frame, counts, schema, release)
    if name in RULES["curves"]:
        frame, base = _coarsen(name, frame, base, schema, release)
    hidden = _hide_counts(name, frame, counts, schema, release)
    numbers = [
        f.name
        for f in schema.fields
        if f.type == "number" and f.name not in (*counts, *schema.key, *RULES["settings"])
    ]
    shares = [c for c in numbers if c in RULES["shares"]]
    rounded = {c: rounding.round(frame[c]).mask(hidden[c]) for c in counts}
    made: dict[str, pd.Series] = {}
    lost = pd.Series(False, frame.index)  # rows without statistics
    for column in (c for c in counts if not c.startswith(tuple(RULES["incidental"]))):
        lost |= hidden[column]
    unsure = pd.Series(False, frame.index)  # rows with shares alone: all but a few patients
    for column in shares:
        share = frame[column].astype("float64").where(frame[column].le(1).fillna(False))
        own = _find_control_base(frame, base, release) if column == "mean_control" else base
        start = share.isin([0, 1]) & frame.get("time_months", pd.Series(1.0, frame.index)).eq(0)
        kept = rounding.share(share, own)
        kept = kept.mask(kept.ge(1) & ~_is_measured(frame)).mask(start, share)
        for end in (e for e in RULES["share_limits"].get(column, ()) if e in numbers):
            moved = (frame[end].astype("float64") + kept - share).clip(0, 1)
            made[end] = shorten(moved.where(share.notna(), frame[end]))
        made[column] = kept.fillna(shorten(frame[column].where(share.isna())))
        lost = (lost | (share.notna() & made[column].isna())) & ~start
        if not column.endswith("proportion"):
            unsure |= share.notna() & rounding.hides((1 - share).clip(lower=0) * own)
    for pair in RULES["fractions"]:
        n, total = pair["count"], pair["total"]
        if {n, total} <= set(counts):
            exact = frame[n].astype("float64") / frame[total].astype("float64")
            if "difference" in numbers:
                unsure |= rounding.hides(frame[total] - frame[n])
            for column in (c for c in pair["shares"] if c in numbers):
                is_exact = np.isclose(frame[column].astype("float64"), exact, rtol=0, atol=1e-9)
                shown = (rounded[n] / rounded[total]).where(rounded[n].lt(rounded[total]))
                made[column] = made.get(column, shorten(frame[column])).mask(is_exact, shown)
                for low, high in (ends for ends in pair["limits"] if set(ends) <= set(numbers)):
                    ends = bound_share(rounded[n].clip(upper=rounded[total]), rounded[total], release.level)
                    for end, value in zip((low, high), ends, strict=True):
                        there = frame[end].notna() & is_exact
                        made[end] = made.get(end, shorten(frame[end])).mask(there, shorten(value))
    lost |= _has_few_events(frame, release)
    if "covariate" in frame:  # one level less, all of the variable less
        lost = lost.groupby(
            [_text(frame[c]) for c in schema.key if c != "covariate"] + [_variable(frame, True)]
        ).transform("any")
    for column, pattern in RULES["inverse_rows"].get(name, ()):
        lost |= _text(frame[column]).str.contains(pattern)
    gives = _find_inverse(name, frame, made, rounded, release)
    for column in numbers:
        value = made.get(column, shorten(frame[column]))
        gone = hidden["emergent_n"] | hidden["emergent_total"] if column.startswith("emergent_") else lost
        value = value.mask(gone if column in shares else gone | unsure)
        release.note(name, frame, column, frame[column].notna() & value.isna(), "suppressed", "standing")
        if column in gives:
            release.note(name, frame, column, value.notna() & gives[column], "suppressed", "inverse")
            value = value.mask(gives[column])
        is_share = column in made
        release.note(name, frame, column, value.notna(), "rounded", "rounded" if is_share else "digits")
        made[column] = value
    for column in counts:
        release.note(name, frame, column, rounded[column].notna(), "rounded", "rounded")
    for column in (c for c in gives if c not in numbers):
        release.note(name, frame, column, frame[column].notna() & gives[column], "suppressed", "inverse")
        made[column] = frame[column].mask(gives[column])
    made |= rounded | _mark_statuses(frame, schema, lost, hidden)
    for column in (c for c in (*RULES["extremes"], *RULES["free_numbers"].get(name, ())) if c in frame):
        made[column] = pd.Series(np.nan, frame.index)
        release.note(name, frame, column, frame[column].notna(), "removed", "extremes")
    if name in RULES["key_digits"]:
        made[RULES["key_digits"][name]] = shorten(frame[RULES["key_digits"][name]])
    return _drop_texts(name, frame.assign(**made), schema, release).drop_duplicates(
        list(schema.key), keep="last"
    )


def _has_few_events(frame: pd.DataFrame, release: Release) -> pd.Series:
    """Whether the limits of a ratio of two groups tell that one of them has fewer events than the minimum.

    The variance of its logarithm is about 1/a + 1/b for a and b events, so that its inverse is below both.
    """
    few, width = pd.Series(False, frame.index), 2 * norm.isf((1 - release.level) / 2)
    is_group = _text(frame["level"]).ne("") if "level" in frame else ~few
    for low, high in (ends for ends in RULES["ratio_limits"] if set(ends) <= set(frame)):
        few |= (width / np.log(frame[high] / frame[low])) ** 2 < release.minimum
    return few & is_group


def _find_inverse(name, frame, made: dict, rounded: Mapping, release: Release) -> dict[str, pd.Series]:
    """Where a column gives the exact count and is left out; ratios are put into `made` as those of rounded counts."""
    gives = {c: pd.Series(True, frame.index) for c in RULES["inverse_columns"].get(name, ())}
    for ratio in (r for r in RULES["ratios"] if {r["count"], r["base"], r["value"]} <= set(frame)):
        count, base = frame[ratio["count"]].astype("float64"), frame[ratio["base"]].astype("float64")
        there, shown = count.notna() & base.gt(0), rounded[ratio["count"]]
        value = ratio["scale"] * shown / rounded.get(ratio["base"], shorten(base))
        made[ratio["value"]] = shorten(frame[ratio["value"]].mask(there, value))
        exact, again = (compute_poisson_interval(n.fillna(0), release.level) for n in (count, shown))
        for end, old, new in zip(
            ratio["limits"], exact, again, strict=True
        ):  # by as much as the exact limits change
            width = frame[end] / (ratio["scale"] * count / base) / (old / count) * (new / shown)
            made[end] = shorten(frame[end].mask(there, value * width))
        gives |= {c: there for c in RULES["tests"] if c in frame}
    owner = _text(frame["group_by"] if "group_by" in frame else frame.get("term", pd.Series("", frame.index)))
    for df, statistic in RULES["levels_counted"].items():
        gives |= {c: owner.isin(release.small_variables) for c in (df, statistic) if df in frame}
    if "covariate" in frame:
        share = frame.filter(["mean", "mean_all"]).le(1).any(axis=1) | _variable(frame).ne("")
        gives |= {c: share for c in RULES["balance"] if c in frame}
    elif {"term", "smd"} <= set(frame):
        gives["smd"] = _text(frame["term"]).isin(
            {v for v, _ in release.sizes if (v, "value") not in release.sizes}
        )
    return gives


def _hide_counts(name, frame, counts, schema: TableSchema, release: Release) -> dict[str, pd.Series]:
    """For each count column whether a cell is hidden: for itself, as second part of a total, or with its grouping."""
    hidden = {}
    parts = [_number_blocks(frame, schema, part) for part in RULES["parts"] if part in schema.key]
    grouping = (
        _number_blocks(frame, schema, "group", "reference") if {"group_by", "group"} <= set(frame) else None
    )
    for column in counts:
        own = release.rounding.hides(frame[column])
        for pair in (p for p in RULES["fractions"] if p["count"] == column and p["total"] in counts):
            is_all = release.rounding.round(frame[column]).eq(release.rounding.round(frame[pair["total"]]))
            exact = frame[column].astype("float64") / frame[pair["total"]].astype("float64")
            for share in (c for c in pair["shares"] if c in frame):
                own |= (
                    is_all
                    & ~_is_measured(frame)
                    & np.isclose(frame[share].astype("float64"), exact, rtol=0, atol=1e-9)
                )
        both = own
        for block in parts:
            both = hide_second(both, frame[column].astype("float64"), block)
        if grouping is not None:
            grouped = both.groupby(grouping).transform("any")
            both = both | (grouped & _text(frame["group_by"]).ne("all") & frame[column].notna())
        release.note(name, frame, column, own, "suppressed", "small_count")
        release.note(name, frame, column, both & ~own, "suppressed", "secondary")
        hidden[column] = both
    return hidden


def _find_base(
    name: str, frame: pd.DataFrame, counts: list[str], schema: TableSchema, release: Release
) -> pd.Series:
    """Patients that a share of a row is of: those of the row, of the beginning of the curve, the group, the cohort."""
    cohort = release.sizes.get(("all", "all"), max(release.sizes.values(), default=np.nan))
    known = [c for c in counts if c != "n_at_risk" or name in RULES["curves"]]
    own = frame[known].astype("float64").max(axis=1) if known else pd.Series(np.nan, frame.index)
    if name in RULES["curves"] and known:
        own = own.groupby(_number_blocks(frame, schema, "time_months")).transform("max")
    if {"group_by", "group"} <= set(frame):
        pairs = zip(_text(frame["group_by"]), _text(frame["group"]), strict=True)
        own = own.fillna(
            pd.Series([release.sizes.get(p, cohort) for p in pairs], frame.index, dtype="float64")
        )
    return own.fillna(cohort)


def _find_control_base(frame: pd.DataFrame, base: pd.Series, release: Release) -> pd.Series:
    sizes = [release.sizes.get(("control", control), np.nan) for control in _text(frame["control"])]
    return pd.Series(sizes, frame.index, dtype="float64").fillna(base)


def _coarsen(name, frame, base, schema: TableSchema, release: Release) -> tuple[pd.DataFrame, pd.Series]:
    """A step curve at every `minimum`-th time with an event, at the end of the month, while enough are at risk."""
    column, rounding = RULES["curves"][name], release.rounding
    curve = _number_blocks(frame, schema, "time_months")
    moved = frame[column].groupby(curve).diff().abs().gt(1e-12)
    step = moved.groupby(curve).cumsum() // release.minimum
    first = ~curve.duplicated()
    kept = first | step.groupby(curve).diff().gt(0)
    shown = rounding.share(frame[column], base)
    kept &= first | shown.notna()
    for count in {"n_at_risk", "events"} & set(frame):
        kept &= (first & (count == "events")) | ~rounding.hides(frame[count])
    kept &= kept.groupby(curve).transform("sum").gt(1)
    release.note(name, frame, column, ~kept, "row removed", "steps")
    months = np.ceil(frame["time_months"].astype("float64").round(9))
    marks = {c: pd.Series(np.nan, frame.index) for c in RULES["dropped_marks"] if c in frame}
    return (
        frame.assign(time_months=months, **marks)[kept].reset_index(drop=True),
        base[kept].reset_index(drop=True),
    )


def _mark_statuses(frame, schema: TableSchema, lost: pd.Series, hidden: Mapping) -> dict[str, pd.Series]:
    """Statuses of the rows without statistics."""
    made = {}
    for status in (f for f in schema.fields if f.name == "status" or f.name.endswith("_status")):
        if not status.codes or "suppressed" in status.codes:
            gone = hidden.get("emergent_n", lost) if status.name.startswith("emergent_") else lost
            text = frame[status.name].astype("string")
            made[status.name] = text.mask(gone & text.notna(), "suppressed")
    return made


def _drop_texts(name: str, frame: pd.DataFrame, schema: TableSchema, release: Release) -> pd.DataFrame:
    """Cells of free text that hold a number, and every text that holds the name of a small group, left out."""
    names = list_names(release.sizes, release.minimum)
    found = re.compile(r"\b(?:" + "|".join(map(re.escape, names)) + r")\b") if names else None
    texts = set() if name in RULES["set_texts"] else set(RULES["texts"]) - set(schema.key)
    made = {}
    for column in (f.name for f in schema.fields if f.type == "string" and f.name in frame):
        text = frame[column].astype("string")
        gone = text.str.contains(r"\d", regex=True).fillna(False) if column in texts else text.isna() & False
        if found:
            gone |= text.str.contains(found).fillna(False)
        release.note(name, frame, column, gone.astype(bool), "removed", "free_text")
        made[column] = text.mask(gone.astype(bool), "withheld" if column in schema.key else pd.NA)
    return frame.assign(**made)


def _number_blocks(frame: pd.DataFrame, schema: TableSchema, *without: str) -> pd.Series:
    """Number of the block of a row: rows whose key is the same but for some columns."""
    key = [c for c in schema.key if c not in without]
    return frame.groupby(key, dropna=False, observed=True, sort=False).ngroup()


def _is_count(one, schema: TableSchema) -> bool:
    if one.name in schema.key or one.name in RULES["not_counts"]:
        return False
    whole = one.type == "integer" and one.unit in RULES["count_units"]
    real = one.type == "number" and one.unit in ("events", "patients")
    return whole or real or (one.type == "number" and one.name in RULES["more_counts"])


def _variable(frame: pd.DataFrame, whole: bool = False) -> pd.Series:
    """Variable of a covariate `variable=level`; of one without levels itself, or nothing."""
    parts = _text(frame["covariate"]).str.partition("=")
    return parts[0].where(parts[1].eq("=") | whole, "")


def _is_measured(frame: pd.DataFrame) -> pd.Series:
    """Whether the count of a row is that of the patients whose median it holds."""
    return frame.get("median", pd.Series(np.nan, frame.index)).notna()


def _text(values: pd.Series) -> pd.Series:
    return values.astype("string").fillna("")

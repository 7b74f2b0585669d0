"""A second program against a release: it looks for what must not be there, and solves for what was hidden.

It knows the true tables only as an intruder might: which rows there are and which sums hold. From a release it takes
every shown number as the interval of its rounding, every hidden one as 0 to the largest that is hidden, and asks by
integer programming whether one value is left.
"""

import base64
import html
import io
import json
import re
import shutil
import subprocess
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array
from scipy.stats import chi2, norm

from prrt_outcomes.tables.schema import list_tables, load_schema

UNITS = ("patients", "events", "count", "cycles", "lesions", "rows", "values", "intervals")
CURVES = ("km_curve", "competing_risks", "kidney_events", "myeloid_neoplasms", "responder_curves", "responder_states",
          "control_curves_fitted", "deterioration")  # fmt: skip
GRADES = [f"n_grade_{n}" for n in range(5)]
SUMS = {  # whole, parts
    "lab_course": [("n", GRADES)],
    "lab_shifts": [("total", [f"worst_{n}" for n in range(5)])],
    "attrition": [("n_before", ["n_lost", "n_after"])],
}
AT_MOST = (("n", "total"), ("events", "n"), ("n_event", "n_at_risk"), ("emergent_n", "emergent_total"))


EMBEDDED = re.compile(rb"data:image/(\w+)[^;,]*;base64,([A-Za-z0-9+/=]+)")
CURVE_DATA = re.compile(rb'<script type="application/json">(.*?)</script>', re.DOTALL)
DRAWN_TEXT = re.compile(rb"\((?:[^()\\]|\\.)*\)")


def read_contents(folder):
    """Every file, opened as far as it goes, and every name: place to bytes."""
    for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        yield f"{name}!name", name.encode()
        yield from _open(name, path.read_bytes())


def _open(name, content):
    """The bytes, what is packed in them, and the words that stand in them without marks between their letters."""
    yield name, content
    if name.endswith((".docx", ".xlsx")):
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            for part in parts.namelist():
                yield from _open(f"{name}!{part}", parts.read(part))
    elif name.endswith(".pdf"):
        for i, stream in enumerate(re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)):
            try:
                unpacked = zlib.decompressobj().decompress(stream)
            except zlib.error:
                continue
            yield f"{name}!{i}", unpacked
            yield f"{name}!{i}!words", b"".join(part[1:-1] for part in DRAWN_TEXT.findall(unpacked))
        if program := shutil.which("pdftotext"):
            yield (
                f"{name}!text",
                subprocess.run([program, "-", "-"], input=content, capture_output=True).stdout,
            )
    elif name.endswith(".png"):
        with Image.open(io.BytesIO(content)) as image:
            yield f"{name}!info", repr((image.info, dict(image.getexif()))).encode()
    elif name.endswith((".html", ".svg", ".xml")):
        yield f"{name}!words", html.unescape(re.sub(rb"<[^>]*>", b"", content).decode()).encode()
        for i, (kind, coded) in enumerate(EMBEDDED.findall(content)):
            yield from _open(f"{name}!{i}.{kind.decode()}", base64.b64decode(coded))


def find_words(folder, words):
    """Each word that any file of a folder holds, in whatever letters, with its place."""
    asked = {word: word.lower().encode() for word in words}
    return [
        (name, word)
        for name, content in read_contents(folder)
        for lower in (content.lower(),)
        for word, coded in asked.items()
        if coded in lower
    ]


def find_page_data(released, folder):
    """Points of curves in pages that no released curve has: place, month and survival."""
    known = set()
    for name in CURVES:
        curve = released[name]
        for column in {"survival", "cumulative_incidence", "probability"} & set(curve):
            known |= set(zip(curve["time_months"].round(3), curve[column].round(3), strict=True))
    found = []
    for path in sorted(Path(folder).glob("*.html")):
        for data in CURVE_DATA.findall(path.read_bytes()):
            points = [p for _, group in json.loads(data).get("groups", ()) for p in group]
            found += [(path.name, *p[:2]) for p in points if (round(p[0], 3), round(p[1], 3)) not in known]
    return found


def find_drawn_steps(released, folder):
    """Corners of drawn Kaplan-Meier curves that are no released month and survival.

    The lowest and the highest tick of the vertical axis are 0 and 1, the first corner is month 0; months have the width
    with which the corners of the figure fit best.
    """
    found = []
    for path in sorted(Path(folder).rglob("kaplan_meier_*.svg")):
        endpoint, _, group_by = path.stem.removeprefix("kaplan_meier_").partition("_")
        curve = released["km_curve"].astype({"endpoint": "string", "group_by": "string"})
        curve = curve[curve["endpoint"].eq(endpoint) & curve["group_by"].eq(group_by)]
        drawing = path.read_text(encoding="utf-8").partition('id="axes_2"')[0]  # beyond it: patients at risk
        ticks = re.findall(r'<g id="ytick_\d+">.*?<use [^>]*?y="([\d.]+)"', drawing, re.DOTALL)
        zero, one = float(ticks[0]), float(ticks[-1])
        for line in re.findall(r'<path [^>]*?d="([^"]+)"', drawing):
            corners = np.array(re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", line), dtype=float).reshape(-1, 2)
            survival = (zero - corners[:, 1]) / (zero - one) if len(corners) else np.empty(0)
            steps = np.diff(survival) < -1e-6
            if not steps.any() or abs(survival[0] - 1) > 1e-4 or (np.diff(corners, axis=0) != 0).all(1).any():
                continue
            at, levels = corners[1:][steps, 0] - corners[0, 0], survival[1:][steps]
            near = [curve["time_months"][(curve["survival"] - level).abs() < 1e-4] for level in levels]
            found += [(path.name, level) for level, months in zip(levels, near, strict=True) if months.empty]
            widths = [x / month for x, months in zip(at, near, strict=True) for month in months]
            for width in widths:
                missed = [
                    x
                    for x, months in zip(at, near, strict=True)
                    if len(months) and (months - x / width).abs().min() > 0.02
                ]
                if not missed:
                    break
            else:
                found += [(path.name, "months")] if widths else []
    return found


def find_small_arms(released, minimum, level=0.95):
    """Ratios of groups whose standard error or limits tell that a group has fewer events than the minimum.

    The variance of a log ratio is about 1/a + 1/b: with one or two events in a group it names them.
    """
    found = []
    for name in list_tables("results"):
        frame = released[name]
        for ratio in (r for r in ("hazard_ratio", "odds_ratio") if f"{r}_low" in frame):
            own = frame[frame["level"].astype("string").fillna("").ne("")] if "level" in frame else frame
            width = np.log(own[f"{ratio}_high"] / own[f"{ratio}_low"]) / 2 / norm.isf((1 - level) / 2)
            error = own["std_error"].fillna(width) if "std_error" in own else width
            key = [c for c in load_schema(name).key if c in own]
            rows = own.loc[1 / error**2 < 0.9 * minimum, key].astype(str)
            found += [(name, *row) for row in rows.itertuples(index=False)]
    return found


class System:
    """Whole numbers with bounds, sums and orders between them."""

    def __init__(self, minimum):
        self.minimum = minimum
        self.true, self.low, self.high, self.rows = [], [], [], []

    def add(self, true, shown, most):
        """A count: its true value, and what the release shows (NaN where nothing)."""
        m = self.minimum
        self.true.append(int(true))
        self.low.append(0 if np.isnan(shown) else shown - m // 2)
        self.high.append(most if np.isnan(shown) else shown + (m + 1) // 2 - 1)
        return len(self.true) - 1

    def sum(self, whole, parts, order=False):
        """`whole` is the sum of `parts`, or at least that."""
        self.rows.append(({whole: 1, **dict.fromkeys(parts, -1)}, order))

    def holds(self):
        """Whether the truth fulfils what is stated; the program is wrong where it does not."""
        inside = all(a <= x <= b for a, x, b in zip(self.low, self.true, self.high, strict=True))
        sums = [(sum(f * self.true[i] for i, f in row.items()), order) for row, order in self.rows]
        return inside and all(s >= 0 if order else s == 0 for s, order in sums)

    def solve(self, target):
        """The least and the largest value that a count can have; only counts that it is tied to matter."""
        tied, rows, before = {target}, [], -1
        while len(tied) != before:
            before = len(tied)
            rows = [(row, order) for row, order in self.rows if tied & row.keys()]
            tied |= {i for row, _ in rows for i in row}
        own = {i: at for at, i in enumerate(sorted(tied))}
        matrix = np.zeros((len(rows), len(own)))
        for at, (row, _) in enumerate(rows):
            for i, factor in row.items():
                matrix[at, own[i]] = factor
        upper = [np.inf if order else 0.0 for _, order in rows]
        limits = [LinearConstraint(csr_array(matrix), np.zeros(len(upper)), upper)] if rows else []
        bounds = Bounds([self.low[i] for i in own], [self.high[i] for i in own])
        found = []
        for sign in (1, -1):
            cost = np.zeros(len(own))
            cost[own[target]] = sign
            for presolve in (True, False):  # HiGHS calls a few of them infeasible when it presolves
                whole, options = np.ones(len(cost)), {"presolve": presolve}
                best = milp(cost, constraints=limits, bounds=bounds, integrality=whole, options=options)
                if best.success:
                    break
            assert best.success, best.message
            found.append(round(sign * best.fun))
        return tuple(found)


def undo(true_tables, released, minimum, most_cells=25):
    """Counts below the minimum that the release gives away: table, row, column and value."""
    found = []
    for name in list_tables("results"):
        frame = true_tables[name]
        if name not in CURVES and len(frame) and len(released[name]):
            found += [(name, *cell) for cell in _undo_table(name, frame, released[name], minimum, most_cells)]
    return found


def _undo_table(name, true, shown, minimum, most_cells):
    schema = load_schema(name)
    key = list(schema.key)
    counts = [
        f.name
        for f in schema.fields
        if f.type == "integer" and f.unit in UNITS and f.name not in (*key, "cycle")
    ]
    if not counts:
        return
    true, shown = (t.assign(**{c: t[c].astype("string").fillna("") for c in key}) for t in (true, shown))
    joined = true.merge(shown[[*key, *counts]], "left", on=key, suffixes=("", " shown"), indicator=True)
    true = true.reset_index(drop=True)
    system, place = System(minimum), {}
    band = minimum + (minimum + 1) // 2 - 1
    for column in counts:
        for row, value in true[column].dropna().items():
            seen = float(joined[f"{column} shown"].astype("float64")[row])
            is_primary = value <= band
            place[row, column] = system.add(value, seen, band if is_primary else 10**6)
    for row in true.index:
        for part, whole in AT_MOST:
            if (row, part) in place and (row, whole) in place and true[part][row] <= true[whole][row]:
                system.sum(place[row, whole], [place[row, part]], order=True)
        for whole, parts in SUMS.get(name, ()):
            if (
                all((row, c) in place for c in (whole, *parts))
                and true.loc[row, parts].sum() == true[whole][row]
            ):
                system.sum(place[row, whole], [place[row, c] for c in parts])
    _add_groups(system, place, true, key, counts)
    _add_parts(system, place, true, key, counts)
    assert system.holds(), name
    small = [(r, c) for r, c in place if 0 < true[c][r] < minimum]
    for row, column in small[:: max(1, len(small) // most_cells)]:
        low, high = system.solve(place[row, column])
        if low == high:
            yield dict(true.loc[row, key]), column, low


def _add_groups(system, place, true, key, counts):
    """Groups that add up to all, for every column."""
    if not {"group_by", "group"} <= set(key):
        return
    others = [c for c in key if c not in ("group_by", "group")]
    whole = {tuple(r[others]): i for i, r in true[true["group_by"].eq("all")].iterrows()}
    for (*block, grouping), rows in true.groupby([*others, "group_by"]):
        at = whole.get(tuple(block))
        if grouping == "all" or at is None:
            continue
        for column in counts:
            cells = [(i, column) for i in rows.index]
            if all(c in place for c in [(at, column), *cells]) and rows[column].sum() == true[column][at]:
                system.sum(place[at, column], [place[c] for c in cells])


def _add_parts(system, place, true, key, counts):
    """Rows that add up to their total, and grades of which each holds those above it."""
    for part in key:
        if part in ("group", "group_by"):
            continue
        for _, rows in true.groupby([c for c in key if c != part] or [lambda _: 0]):
            if "total" in counts and len(rows) > 1 and rows["total"].nunique() == 1:
                cells = [(i, "n") for i in rows.index]
                at = (rows.index[0], "total")
                if all(c in place for c in [at, *cells]) and rows["n"].sum() == rows["total"].iloc[0]:
                    system.sum(place[at], [place[c] for c in cells])
                    for i in rows.index[1:]:
                        system.sum(place[at], [place[i, "total"]])
            if part == "grade_at_least":
                for upper, lower in zip(rows.index, rows.index[1:], strict=False):
                    pair = (upper, "n"), (lower, "n")
                    if all(c in place for c in pair) and true["n"][upper] >= true["n"][lower]:
                        system.sum(place[pair[0]], [place[pair[1]]], order=True)


def find_small_steps(true, released, minimum):
    """Steps of a released Kaplan-Meier curve, one month wider than shown, with fewer events than the minimum."""
    key, found = ["endpoint", "group_by", "group"], []
    events = true["km_curve"].astype(dict.fromkeys(key, "string"))
    curves = released["km_curve"].astype(dict.fromkeys(key, "string")).groupby(key)
    for name, curve in curves:
        own = events[(events[key] == list(name)).all(axis=1)]
        steps = curve[curve["survival"].ne(curve["survival"].shift())]["time_months"]
        for start, end in pairwise(steps):
            inside = own["time_months"].gt(start - 1) & own["time_months"].le(end)
            if own.loc[inside, "n_event"].sum() < minimum:
                found.append((*name, start, end))
    return found


def invert_rates(true, released, minimum, level=0.95):
    """Counts that a rate, its exact limits and its base give away."""
    found, tail = [], (1 - level) / 2
    for name, count, base, scale, value, low, high in (
        ("adverse_event_rates", "n", "years", 100, "rate_per_100_years", "rate_low", "rate_high"),
        ("controls", "observed", "expected", 1, "value", "low", "high"),
    ):
        key = list(load_schema(name).key)
        both = [
            t[name].astype(dict.fromkeys(key, "string")).fillna(dict.fromkeys(key, ""))
            for t in (released, true)
        ]
        rows = both[0].merge(both[1][[*key, count]], on=key, suffixes=("", " true"))
        for row in rows.dropna(subset=[count, base, value, low, high]).to_dict("records"):
            fits = []
            for k in range(max(1, int(row[count]) - minimum), int(row[count]) + minimum + 1):
                ends = chi2.ppf(tail, 2 * k) / 2 / k, chi2.ppf(1 - tail, 2 * k + 2) / 2 / k
                ranges = [
                    _widen(row[value]),
                    *(_widen(row[c]) / e for c, e in zip((low, high), ends, strict=True)),
                ]
                if name == "adverse_event_rates":
                    ranges.append(scale * k / _widen(row[base])[::-1])
                if max(r[0] for r in ranges) <= min(r[1] for r in ranges):
                    fits.append(k)
            if fits == [row[f"{count} true"]] and fits != [row[count]]:
                found.append((name, *(row[c] for c in key), fits[0]))
    return found


def _widen(value):
    """The numbers that come to `value` at two significant digits."""
    half = 10.0 ** (np.floor(np.log10(abs(value))) - 1) / 2
    return np.array([value - half, value + half])


def find_freedom(true, released, minimum):
    """Degrees of freedom that count patients, or the levels of a grouping of which one is left out."""
    sizes, found = true["km_summary"].groupby("group_by", observed=True)["n"].min(), []
    small = set(sizes[sizes < 2 * minimum].index)
    for name in ("logrank", "competing_tests", "scan_interval_test"):
        shown = released[name].dropna(subset="df")
        found += [(name, g) for g in shown["group_by"].astype(str).unique() if g in small]
    for name in list_tables("results"):
        names = set(load_schema(name).names)
        found += [(name, c) for c in released[name] if c not in names]
        if "df_residual" in released[name] and released[name]["df_residual"].notna().any():
            found.append((name, "df_residual"))
    return found


def find_means(released, minimum):
    """Means of covariates that are shares of fewer patients than are shown, or not shares of rounded counts."""
    total = released["km_summary"].query("group_by == 'all'")["n"].max()
    shown = released["control_balance"].dropna(subset="mean")
    counts = shown["mean"].where(shown["mean"].le(1)).dropna() * total
    parts = counts / minimum
    bad = counts.le(minimum) | (parts - parts.round()).abs().gt(1e-6) | counts.ge(total)
    return shown.loc[bad[bad].index, ["covariate", "mean"]].to_records(index=False).tolist()


def find_wholes(true, released):
    """Shares that are shown as all or none of the patients of a row."""
    found = []
    for name in list_tables("results"):
        frame = released[name]
        for share in {"proportion", "value", "emergent_proportion"} & set(frame):
            n, total = ("emergent_n", "emergent_total") if share.startswith("emergent") else ("n", "total")
            if {n, total} <= set(frame):
                shown = frame[frame[share].isin([0, 1]) & frame[n].eq(frame[total])]
                found += [
                    (name, share, *map(str, shown.loc[i, list(load_schema(name).key)])) for i in shown.index
                ]
    return found

"""Chapter responders: curves, ratios, states, depth; nothing shows the naive comparison alone."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import plotnine as p9

from prrt_outcomes.figures import theme
from prrt_outcomes.figures.curves import (
    Curves,
    count_at_risk,
    label_months,
    last_followed,
    make_stairs,
    month_ticks,
    plot_curves,
)
from prrt_outcomes.figures.figure import Figure, make_figure, pick_rows
from prrt_outcomes.figures.survival_figures import grouped_endpoints, time_title
from prrt_outcomes.wording.numbers import (
    format_count,
    format_interval,
    format_number,
    format_p_value,
    format_ratio,
)
from prrt_outcomes.wording.terms import endpoint_titles, name_endpoint, name_term

RESPONDERS_INPUTS = (
    "responders", "responder_curves", "responder_landmarks", "responder_states", "responder_state_means",
    "responder_depth",
)  # fmt: skip
COMPARISON = "responder:non_responder"


def draw_responders(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw the figures of the primary criterion, for the primary endpoint and overall survival."""
    criterion, titles = study.response.primary_criterion, endpoint_titles(study)
    figures: list[Figure] = []
    for endpoint in dict.fromkeys(grouped_endpoints(study)):
        wanted = {"endpoint": endpoint, "criterion": criterion}
        own = {
            name: pick_rows(table, **{k: v for k, v in wanted.items() if k in table})
            for name, table in tables.items()
        }
        leading = endpoint == study.endpoints[0].name
        for draw in (_draw_curves, _draw_landmarks, _draw_states, _draw_depth):
            drawn = draw(own, endpoint, study, name_endpoint(endpoint, titles))
            figures += [replace(figure, leading=leading) for figure in drawn]
    return figures


def _unadjusted(tables) -> pd.DataFrame:
    """Ratios of responders against the others without covariates."""
    ratios = pick_rows(tables["responders"], comparison=COMPARISON)
    return ratios[ratios["adjusted"].astype("boolean").eq(False).fillna(True)]


def _draw_curves(tables, endpoint, study, title) -> Iterator[Figure]:
    curves = tables["responder_curves"]
    if set(curves["method"].astype(str)) <= {"naive"}:
        return
    time = time_title(endpoint, study)
    plot = plot_responder_curves(curves, _unadjusted(tables), theme.figure_style(study), title, time)
    yield make_figure("curves", plot, endpoint=endpoint, title=title)


def _draw_landmarks(tables, endpoint, study, title) -> Iterator[Figure]:
    ratios = _unadjusted(tables)
    if set(ratios.loc[ratios["hazard_ratio"].notna(), "method"].astype(str)) <= {"naive"}:
        return
    every = pick_rows(tables["responder_landmarks"], comparison=COMPARISON)
    plot = plot_landmark_ratio(ratios, every, theme.figure_style(study), title)
    yield make_figure("landmark_ratio", plot, endpoint=endpoint, title=title)


def _draw_states(tables, endpoint, study, title) -> Iterator[Figure]:
    states, means = tables["responder_states"], tables["responder_state_means"]
    if len(states):
        plot = plot_states(states, means, theme.figure_style(study), title, time_title(endpoint, study))
        after = ", after progression" if states["state"].eq("progressed").any() else ""
        yield make_figure("states", plot, endpoint=endpoint, title=title, after=after)


def _draw_depth(tables, endpoint, study, title) -> Iterator[Figure]:
    depth = tables["responder_depth"]
    if depth["hazard_ratio"].notna().sum() > 1:
        plot = plot_depth(depth, theme.figure_style(study), title)
        yield make_figure("depth", plot, endpoint=endpoint, title=title)


GROUPS = ("responder", "non_responder")
STATES: dict[str, str] = theme.COLOURS["states"]
RATIOS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
RATIO = ["hazard_ratio", "hazard_ratio_low", "hazard_ratio_high"]
OTHERS = ("naive", "time_dependent_cox")


def plot_responder_curves(
    curves: pd.DataFrame, ratios: pd.DataFrame, style: theme.FigureStyle, title: str, time: str
):
    """Draw naive, landmark and Simon-Makuch curves in panels of one figure, with their unadjusted `ratios`.

    Raises ValueError when the naive curves would stand alone.
    """
    parts = list_parts(curves)
    if [m for m, _ in parts] == ["naive"]:
        raise ValueError("naive responder curves are drawn only beside landmark or Simon-Makuch curves")
    letters = style.letters(0.78) / len(parts)
    chosen = [_rows_of(curves, method, landmark) for method, landmark in parts]
    ticks = month_ticks(max(last_followed(part) for part in chosen), 6 if len(parts) < 4 else 4)
    texts = [f"{_part_name(*part)}\n{_ratio_words(*part, ratios)}" for part in parts]
    heads = ["\n".join(theme.wrap(line, letters) for line in text.split("\n")) for text in texts]
    lines = max(head.count("\n") for head in heads)
    # empty lines below, so that all heads start at the same height
    panels = [head + "\n" * (lines - head.count("\n")) for head in heads]
    steps, counts = (
        pd.concat([rows.assign(panel=panel) for panel, rows in zip(panels, tables, strict=True)])
        for tables in (chosen, [count_at_risk(part, ticks) for part in chosen])
    )
    drawn = Curves(
        steps[["panel", "group", "time_months", "survival"]],
        ticks,
        {g: name_term(g) for g in GROUPS},
        dict(zip(GROUPS, style.few, strict=False)),
        f"{title} by response",
        "The naive comparison counts the months in which a responder could not yet fail as an effect of response. "
        "Landmark and Simon-Makuch do not.",
        f"{time}; after a landmark, months since the landmark",
        at_risk=counts,
    )
    return plot_curves(drawn, style)


def list_parts(curves: pd.DataFrame) -> list[tuple[str, float]]:
    """Panels in order: naive, each landmark, Simon-Makuch from the first landmark (from 0 where there is no other).

    From 0 the first risk sets of responders are tiny; later starts are in the table.
    """
    found = curves.assign(method=curves["method"].astype(str))[
        ["method", "landmark_months"]
    ].drop_duplicates()
    order = {"naive": 0, "landmark": 1, "simon_makuch": 2}
    rows = [(m, np.nan if pd.isna(t) else float(t)) for m, t in found.itertuples(index=False, name=None)]
    rows = sorted(rows, key=lambda r: (order.get(r[0], 3), -1.0 if np.isnan(r[1]) else r[1]))
    starts = [r for r in rows if r[0] == "simon_makuch"]
    chosen = [r for r in starts if r[1] > 0][:1] or starts[:1]
    return [r for r in rows if r[0] != "simon_makuch"] + chosen


def plot_landmark_ratio(ratios: pd.DataFrame, continuous: pd.DataFrame, style: theme.FigureStyle, title: str):
    """Draw the unadjusted hazard ratio of responders against the landmark on a logarithmic axis.

    `continuous`, the ratio at every landmark, is a band where its standard error is below 0.5. Raises ValueError when
    the naive ratio would stand alone.
    """
    known = ratios.dropna(subset=RATIO)
    known = known.assign(method=known["method"].astype(str))
    marks = known[known["method"].eq("landmark")].sort_values("landmark_months")
    others = known[known["method"].isin(OTHERS)].drop_duplicates("method")
    if set(known["method"]) <= {"naive"}:
        raise ValueError("the naive ratio is drawn only beside landmark or time-dependent ratios")
    curve = continuous[continuous["hazard_ratio"].notna() & continuous["std_error"].lt(0.5)]
    curve = curve.sort_values("landmark_months", kind="stable")
    months = [*marks["landmark_months"], *curve["landmark_months"]]
    span = max([1.0, *months] if months else [12.0])
    place = {m: span * (1.15 + 0.15 * i) for i, m in enumerate(OTHERS)}
    points = pd.concat(
        [marks.assign(x=marks["landmark_months"]), others.assign(x=others["method"].map(place))]
    )
    labels = {
        m: theme.wrap(_method_words(m, others), 26)
        for m in ("landmark", *OTHERS)
        if m in set(points["method"])
    }
    low, high = _ratio_ends(known)
    cut = {"v": points[points[RATIO[1]] < low], "^": points[points[RATIO[2]] > high]}
    points[RATIO] = points[RATIO].clip(low, high)
    reach = p9.aes(ymin="hazard_ratio_low", ymax="hazard_ratio_high")
    plot = p9.ggplot(points, p9.aes("x", "hazard_ratio", color="method", fill="method"))
    plot += p9.geom_hline(yintercept=1, linetype="dashed", color=theme.QUIET, size=0.35)
    if len(curve) > 1:
        curve = curve.assign(x=curve["landmark_months"], method="landmark")
        curve[RATIO] = curve[RATIO].clip(low, high)
        plot += p9.geom_ribbon(curve, reach, alpha=0.13, color="none")
        plot += p9.geom_line(curve, size=style.line * 0.8, show_legend=False)
    elif len(marks) > 1:
        plot += p9.geom_line(points[points["method"].eq("landmark")], size=style.line * 0.5, alpha=0.6)
    plot += p9.geom_linerange(reach, size=style.line * 0.7)
    plot += p9.geom_point(p9.aes(shape="method"), size=2.4 * style.scale, stroke=0)
    for shape, beyond in cut.items():
        if len(beyond):
            ends = beyond.assign(hazard_ratio=low if shape == "v" else high)
            plot += p9.geom_point(ends, shape=shape, size=2.2 * style.scale, stroke=0, show_legend=False)
    ticks = [t for t in month_ticks(span, 5 if style.narrow else 8) if t <= span]
    colours = [style.few[theme.METHOD_PLACES[m]] for m in labels]
    return (
        plot
        + theme.key_scales(
            labels, color=colours, fill=colours, shape=["D" if m == "naive" else "o" for m in labels]
        )
        + theme.scale_x(breaks=ticks, labels=label_months)
        + theme.scale_y_log(breaks=[r for r in RATIOS if low * 0.9 <= r <= high * 1.1], labels=_label_ratios)
        + theme.dress(
            style,
            3.4 * style.scale + style.legend_in(labels),
            legend_position=style.beside,
            title=f"{title}: responders against others",
            subtitle="Hazard ratio of responders against all others still at risk, by the landmark that defines them",
            x="Landmark, months",
            y="Hazard ratio",
        )
    )


def plot_states(states: pd.DataFrame, means: pd.DataFrame, style: theme.FigureStyle, title: str, time: str):
    """Draw the share of patients in each state, stacked, with the expected months in each in the legend."""
    wide = states.assign(state=states["state"].astype(str)).pivot_table(
        index="time_months", columns="state", values="probability"
    )
    shown = [s for s in STATES if s in wide.columns]
    horizon = means["horizon_months"].dropna()
    subtitle = "Share of all patients from the first cycle on; nobody is classified by what came later"
    end = float(wide.index.max())
    if len(horizon):
        end, within = min(end, float(horizon.iloc[0]) * 1.2), format_number(horizon.iloc[0], 0)
        subtitle += f". Legend: expected months in each state within {within} months"
    ticks = month_ticks(max(end, 1.0))
    edges = stack_states(wide[shown], ticks[-1])
    words = {s: theme.wrap(_state_words(s, means), 26) for s in shown[::-1]}
    edges["state"] = pd.Categorical(edges["state"], list(words))
    return (
        p9.ggplot(edges, p9.aes("time_months", ymin="low", ymax="high", fill="state"))
        + p9.geom_ribbon()
        + theme.key_scales(words, fill=[STATES[s] for s in words])
        + theme.scale_x(breaks=ticks, labels=label_months, expand=(0.01, 0))
        + theme.scale_y(labels=theme.label_percent, expand=(0, 0.01))
        + theme.dress(
            style,
            3.3 * style.scale + style.legend_in(words),
            legend_position=style.beside,
            title=f"{title}: response and what follows",
            subtitle=subtitle,
            x=time,
        )
    )


def stack_states(wide: pd.DataFrame, last: float) -> pd.DataFrame:
    """Lower and upper edge of each state as staircases: state, time_months, low, high."""
    inside = wide[wide.index <= last]
    times = inside.index.to_numpy(float)
    held = np.append(times[1:], last)
    tops = inside.cumsum(axis=1)
    bottoms = tops - inside
    stairs = {
        str(state): make_stairs(
            times, held, low=bottoms[state].to_numpy(float), high=tops[state].to_numpy(float)
        )
        for state in inside
    }
    return pd.concat(stairs, names=["state"]).reset_index("state")


def plot_depth(depth: pd.DataFrame, style: theme.FigureStyle, title: str):
    """Draw the hazard at a change of the target sum against that at no change, with its band."""
    rows = depth.dropna(subset=["hazard_ratio"]).sort_values("change")
    first = rows.iloc[0]
    low, high = _ratio_ends(rows)
    rows[RATIO] = rows[RATIO].clip(low, high)
    steps = [s / 100 for s in range(-100, 201, 25 if style.narrow else 10)]
    steps = [s for s in steps if rows["change"].min() - 1e-9 <= s <= rows["change"].max() + 1e-9]
    words = (
        "Hazard at the depth reached so far (time-dependent) against that of no change of the target sum; any effect "
        f"{_unbroken(first['p_value'])}, non-linearity {_unbroken(first['p_value_nonlinear'])}"
    )
    return (
        p9.ggplot(rows, p9.aes("change", "hazard_ratio", ymin="hazard_ratio_low", ymax="hazard_ratio_high"))
        + p9.geom_hline(yintercept=1, linetype="dashed", color=theme.QUIET, size=0.35)
        + p9.geom_ribbon(fill=style.few[0], alpha=0.18)
        + p9.geom_line(color=style.few[0], size=style.line)
        + theme.scale_x(breaks=steps, labels=_label_changes)
        + theme.scale_y_log(breaks=[r for r in RATIOS if low <= r <= high], labels=_label_ratios)
        + theme.dress(
            style,
            3.2 * style.scale,
            title=f"{title} by depth of response",
            subtitle=words,
            x="Change of the target sum from baseline",
            y="Hazard ratio",
        )
    )


def _ratio_ends(rows: pd.DataFrame) -> tuple[float, float]:
    """Ends of an axis of ratios: all intervals and 0.5 to 2, within 0.02 to 20."""
    low = min(0.5, max(rows["hazard_ratio_low"].min(), RATIOS[0]))
    return float(low), float(max(2.0, min(rows["hazard_ratio_high"].max(), RATIOS[-1])))


def _unbroken(p_value) -> str:
    """p-value that no line break divides."""
    return format_p_value(p_value, name="p").replace(" ", "\u00a0")


def _label_ratios(breaks) -> list[str]:
    return [f"{b:g}" for b in breaks]


def _label_changes(breaks) -> list[str]:
    return [f"{100 * b:+.0f}%".replace("-", "\u2212") if abs(b) > 1e-9 else "0" for b in breaks]


def _rows_of(curves, method, landmark):
    same = curves["landmark_months"].isna() if np.isnan(landmark) else curves["landmark_months"].eq(landmark)
    return curves[curves["method"].astype(str).eq(method) & same]


def _part_name(method, landmark) -> str:
    if method == "landmark":
        return f"Landmark at {landmark:g} months"
    if method == "simon_makuch" and not np.isnan(landmark):
        return f"Simon-Makuch from {landmark:g} months"
    return name_term(method)


def _interval_words(row: pd.Series) -> str:
    value, low, high = row[RATIO]
    return format_interval(value, low, high, format_ratio)


def _ratio_words(method, landmark, ratios) -> str:
    """Hazard ratio that belongs to a panel, and how many the landmark leaves out."""
    wanted = "time_dependent_cox" if (method, landmark) == ("simon_makuch", 0) else method
    rows = ratios[ratios["method"].astype(str).eq(wanted)]
    if wanted in ("landmark", "simon_makuch"):
        rows = rows[rows["landmark_months"].eq(landmark)]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    if pd.isna(row["hazard_ratio"]):
        words = "HR not estimable"
    else:
        words = f"HR {_interval_words(row)}\n{format_p_value(row['p_value'], name='p')}"
    if method == "naive":
        return f"{words}: not an effect"
    if method == "landmark" and pd.notna(row["excluded"]):
        return f"{words}\n{format_count(row['excluded'])} lost before"
    return words


def _method_words(method: str, others: pd.DataFrame) -> str:
    row = others[others["method"].eq(method)]
    if row.empty:
        return "Landmark"
    return f"{name_term(method)}: {_interval_words(row.iloc[0])}"


def _state_words(state: str, means: pd.DataFrame) -> str:
    rows = means[means["state"].astype(str).eq(state)]
    if rows.empty:
        return name_term(state)
    row = rows.iloc[0]
    months = format_interval(
        row["expected_months"], row["expected_low"], row["expected_high"], status=row["status"]
    )
    return f"{name_term(state)}: {months}"

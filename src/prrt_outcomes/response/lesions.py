"""Lesions of each scan: roles, split and merged lesions, sizes under a criterion, faults of the input."""

import numpy as np
import pandas as pd

from prrt_outcomes.response import codes
from prrt_outcomes.response.criteria import TOLERANCE
from prrt_outcomes.study.response import CriterionDefinition

SIZE_FAULTS = tuple(codes.WORDS["size"])


def derive_lesions(table: pd.DataFrame, scans: pd.DataFrame) -> pd.DataFrame:
    """One row a lesion and scan of a course, with its role at baseline.

    table : rows of the typed frame `lesions` of treated patients, with scan_id
    scans : scan_id, course, kind
    Returns one row a scan and lesion, by course, lesion and date: scan (row of `scans`), course, kind,
    lesion_id (category, alphabetical), role, node, node_unknown, longest_mm, perpendicular_mm, state, organ;
    `series` numbers the rows of one lesion in one course; base_role is its role at the baseline (-1: not seen
    there), is_target marks rows that count in the sum, is_new those of new lesions, first_new series that
    began as new; `whole` is false where a row is a part of a split or merged lesion.
    """
    rows = table[["scan_id", "longest_mm", "perpendicular_mm", "organ"]].assign(
        lesion_id=table["lesion_id"].astype(object).astype("category"),
        role=codes.convert_to_codes(table["role"], codes.ROLES).astype(np.int8),
        node=table["lymph_node"].astype("Float64").astype("float64"),
        state=codes.convert_to_codes(table["state"], codes.STATES).astype(np.int8),
        whole=True,
    )
    places = scans[["scan_id", "course", "kind"]].rename_axis("scan").reset_index()
    rows = rows[rows["lesion_id"].notna()].merge(places, on="scan_id").drop(columns="scan_id")
    rows = _resolve_split_and_merged(rows)
    order = np.lexsort((rows["scan"], rows["lesion_id"].cat.codes, rows["course"]))
    rows = rows.take(order).reset_index(drop=True)
    lesion, course = rows["lesion_id"].cat.codes.to_numpy(), rows["course"].to_numpy()
    begins = np.append(True, (lesion[1:] != lesion[:-1]) | (course[1:] != course[:-1]))[: len(rows)]
    series = np.cumsum(begins) - 1
    kind, role, state = (rows[name].to_numpy() for name in ("kind", "role", "state"))
    base_role = np.full(len(rows), codes.MISSING, dtype=np.int8)
    base_role[series[kind == codes.BASELINE]] = role[kind == codes.BASELINE]
    follow_up = np.flatnonzero(kind == codes.FOLLOW_UP)
    first = follow_up[~pd.Series(series[follow_up]).duplicated().to_numpy()]
    first_new = np.isin(series, series[first[role[first] == codes.NEW]])
    appeared = (kind == codes.FOLLOW_UP) & first_new & ~np.isin(series, series[kind != codes.FOLLOW_UP])
    base_role = base_role[series]
    node = rows["node"].fillna(rows["node"].groupby(series).transform("max"))
    return rows.assign(
        series=series,
        node=node.eq(1.0),
        node_unknown=node.isna(),
        base_role=base_role,
        first_new=first_new,
        is_target=(role == codes.TARGET) & (base_role == codes.TARGET),
        is_new=appeared & ((state == codes.MEASURED) | (state == codes.TOO_SMALL)),
    )


def _resolve_split_and_merged(rows: pd.DataFrame) -> pd.DataFrame:
    """Give parts the name of their parent, and merged lesions one row for each member.

    A part of the target ``T1`` is written ``T1.1``, ``T1.2``; targets that grew together are written ``T1+T2``.
    The name is read so only where the parent was a target at baseline and the name itself was not. Parts add up
    to their parent; of a merged mass the first member carries the size and the others none, so that the sum
    counts it once (Eisenhauer 2009, section 4.4.2).
    """
    names = rows["lesion_id"].cat.categories.astype(str)
    joined = names[names.str.contains(r"[.+]", regex=True)]
    if not len(joined):
        return rows
    members = [
        (name, member.strip(), place)
        for name in joined
        for place, member in enumerate(name.split("+") if "+" in name else [name.rpartition(".")[0]])
    ]
    frame = pd.DataFrame(members, columns=["lesion_id", "member", "place"])
    targets = rows[(rows["kind"] == codes.BASELINE) & (rows["role"] == codes.TARGET)]
    base = pd.MultiIndex.from_frame(targets[["course", "lesion_id"]].astype({"lesion_id": object}))

    def at_baseline(frame: pd.DataFrame, name: str) -> np.ndarray:
        return pd.MultiIndex.from_arrays([frame["course"], frame[name].astype(object)]).isin(base)

    found = rows[
        (rows["kind"] == codes.FOLLOW_UP) & (rows["role"] != codes.NEW) & rows["lesion_id"].isin(joined)
    ]
    found = found[~at_baseline(found, "lesion_id")].rename_axis("row").reset_index()
    found = found.astype({"lesion_id": object}).merge(frame, on="lesion_id")
    found = found[pd.Series(at_baseline(found, "member"), found.index).groupby(found["row"]).transform("all")]
    if found.empty:
        return rows
    sizes = found[["longest_mm", "perpendicular_mm"]]
    later = (found["place"] > 0).to_numpy()[:, None] & sizes.notna().to_numpy()
    changed = found.assign(lesion_id=found["member"], role=np.int8(codes.TARGET), whole=False)
    changed[sizes.columns] = sizes.mask(later, 0.0)
    kind = rows["lesion_id"].dtype
    return pd.concat(
        [rows.drop(index=found["row"].tolist()), changed[rows.columns].astype({"lesion_id": kind})],
        ignore_index=True,
    )


def find_structure_faults(lesions: pd.DataFrame, courses: pd.DataFrame) -> pd.DataFrame:
    """What in the rows of a course contradicts itself and makes all its responses NE: rule and text, empty for nothing.

    One fault a course, the one that says most: targets at two baselines before a target without baseline.
    """
    kind, role, base_role = (lesions[name] for name in ("kind", "role", "base_role"))
    follow_up = kind == codes.FOLLOW_UP
    changed = follow_up & base_role.isin([codes.TARGET, codes.NON_TARGET]) & (role != base_role)
    unmeasured = follow_up & (role == codes.TARGET) & (base_role == codes.MISSING) & ~lesions["first_new"]
    again = (
        lesions.duplicated(["scan", "series"]) & lesions["whole"] & lesions["whole"].shift(fill_value=False)
    )
    earlier = lesions["series"][(kind < codes.BASELINE) & (role == codes.TARGET)]
    two = unmeasured & lesions["series"].isin(earlier)
    found = [
        lesions.loc[flag, ["course", "lesion_id"]].assign(fault_rule=rule, text=text)
        for rule, text, flag in (
            ("two_baselines", "targets were measured at two baseline scans ({lesion})", two),
            ("lesion_twice", "lesion {lesion} is recorded twice at one scan", again),
            ("no_baseline_size", "target {lesion} was not measured at baseline", unmeasured),
            ("role_changes", "lesion {lesion} changes its role", changed),
        )
    ]
    rows = pd.concat(found).drop_duplicates("course").set_index("course")
    rows["fault"] = pd.Series(fill_lesions(rows["text"], rows["lesion_id"]), index=rows.index, dtype=object)
    faults = rows[["fault", "fault_rule"]].reindex(courses.index[courses["baseline"] >= 0])
    return faults.reindex(courses.index).fillna("")


def fill_lesions(templates: pd.Series, names: pd.Series) -> list[str]:
    """Texts with the name of a lesion in its place."""
    return [words.replace("{lesion}", str(name)) for words, name in zip(templates, names, strict=True)]


def compute_sizes(lesions: pd.DataFrame, criterion: CriterionDefinition) -> pd.DataFrame:
    """Size of each lesion row under a criterion.

    Returns columns size (nan: not counted), gone (or normal), fault (category, one of `SIZE_FAULTS`). Sizes
    are mm for diameters, mm2 for products. A lesion that is too small counts `too_small_mm` (squared for
    products); one that is absent counts 0; a row with a fault or not evaluated counts nothing. A node under
    the normal limit has gone and still adds its short axis to the sum. For a marker the first diameter is the
    value, the second the upper limit of the laboratory: at or under it the value is normal.
    """
    longest, perpendicular, state, node = (
        lesions[name].to_numpy() for name in ("longest_mm", "perpendicular_mm", "state", "node")
    )
    short_axis = node & criterion.node_short_axis
    if criterion.measure == "product":
        size, floor = longest * perpendicular, criterion.too_small_mm**2
    else:
        size, floor = np.where(short_axis, perpendicular, longest), criterion.too_small_mm
    size = np.where(state == codes.MEASURED, size, np.where(state == codes.TOO_SMALL, floor, 0.0))
    missing = (state == codes.MEASURED) & np.isnan(size)
    cases = [
        (longest < 0) | (perpendicular < 0),
        state < 0,
        (state == codes.ABSENT) & ((longest > 0) | (perpendicular > 0)),
        missing & ~np.isnan(longest) & (criterion.measure == "product"),
        missing & short_axis,
        missing,
    ]
    fault = np.select(cases, range(1, len(SIZE_FAULTS)), 0)
    size[(fault > 0) | (state == codes.NOT_EVALUATED)] = np.nan
    if criterion.measure == "marker":
        gone = size <= perpendicular * (1 + TOLERANCE)
    else:
        limit = np.where(node & (criterion.node_normal_mm > 0), criterion.node_normal_mm, 0.0)
        gone = (size == 0) | (size < limit - TOLERANCE * limit)
    kind = pd.CategoricalDtype(list(SIZE_FAULTS))
    faults = pd.Categorical.from_codes(fault.tolist(), dtype=kind)
    return pd.DataFrame({"size": size, "gone": gone, "fault": faults}, index=lesions.index)

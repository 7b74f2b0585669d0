"""Lesions that split or merge: parts add up to their parent, a merged mass stands for its members.

Notes
-----
A part of the target ``T1`` is written ``T1.1``, ``T1.2``; targets that grew together are written ``T1+T2``.
The name is read so only where the parent was a target at baseline and the name itself was not.
Eisenhauer 2009, section 4.4.2 (lesions that split or coalesce).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import NEW, TARGET
from prrt_outcomes.response.timeline import BASELINE, FOLLOW_UP, Timeline


def resolve_split_and_merged(
    visit: np.ndarray, lesion: np.ndarray, names: pd.Index, columns: dict[str, np.ndarray], timeline: Timeline
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Give parts the name of their parent, and merged lesions one row for each member.

    Of a merged mass the first member carries the size and the others none, so that the sum counts it once.
    Rows that are changed are marked in ``columns["whole"]``; all other rows come back as they were.
    """
    text = names.astype(str)
    joined = np.flatnonzero(text.str.contains(r"[.+]", regex=True))
    if not len(joined):
        return visit, lesion, columns
    members = _list_members(text, joined)
    stride = len(names) + 1
    unit = timeline.visit_unit[visit]
    kind = timeline.visit_kind[visit]
    base = np.unique((unit * stride + lesion)[(kind == BASELINE) & (columns["role"] == TARGET)])
    at = np.flatnonzero((kind == FOLLOW_UP) & np.isin(lesion, joined) & (columns["role"] != NEW))
    frame = pd.DataFrame({"row": at, "unit": unit[at], "whole": lesion[at]})
    frame = frame[~np.isin(frame["unit"] * stride + frame["whole"], base)]
    frame = frame.merge(members, on="whole")
    frame["known"] = np.isin(frame["unit"] * stride + frame["member"], base)
    frame = frame[frame.groupby("row")["known"].transform("all").astype(bool)]
    if frame.empty:
        return visit, lesion, columns
    untouched = np.setdiff1d(np.arange(len(visit)), frame["row"].to_numpy())
    take = np.concatenate([untouched, frame["row"].to_numpy()])
    changed = {name: values[take] for name, values in columns.items()}
    tail = slice(len(untouched), None)
    changed["whole"] = np.concatenate([columns["whole"][untouched], np.zeros(len(frame), dtype=bool)])
    changed["role"][tail] = TARGET
    later = frame["place"].to_numpy() > 0
    for diameter in ("longest_mm", "perpendicular_mm"):
        changed[diameter][tail] = np.where(
            later & ~np.isnan(changed[diameter][tail]), 0.0, changed[diameter][tail]
        )
    lesion_out = np.concatenate([lesion[untouched], frame["member"].to_numpy()])
    return visit[take], lesion_out, changed


def _list_members(text: pd.Index, joined: np.ndarray) -> pd.DataFrame:
    """Members of each joined name: (whole, member, place); a member that no row names is -1."""
    rows = []
    for code in joined:
        name = text[code]
        parts = name.split("+") if "+" in name else [name.rpartition(".")[0]]
        found = text.get_indexer(pd.Index([part.strip() for part in parts]))
        rows += [(code, member, place) for place, member in enumerate(found)]
    return pd.DataFrame(rows, columns=["whole", "member", "place"])

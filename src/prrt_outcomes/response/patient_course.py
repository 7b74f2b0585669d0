"""The course of one patient as a table: cycles, therapies, lesions, sums with their thresholds, responses in words.

Made on request for a tumour board; it holds one patient's dates and is never part of shared output.
"""

import numpy as np
import pandas as pd

from prrt_outcomes.response.criteria import compute_progression_threshold, resolve_criteria
from prrt_outcomes.study.response import ResponseSettings

ITEMS = ("cycle", "therapy", "lesion", "sum", "best")
COLUMNS = (
    "patient_id", "item", "date", "time_days", "period", "reader", "criterion", "lesion_id", "role", "state",
    "value", "unit", "baseline_sum", "nadir_sum", "response_threshold", "progression_threshold", "response",
    "words",
)  # fmt: skip
SHOWN = ("treatment_periods", "cycles", "therapies", "lesions", "responses", "best_responses")
SUM_UNITS = {"diameter": "mm", "product": "mm2", "marker": ""}


def summarise_patient_course(
    tables: dict[str, pd.DataFrame], patient_id: str, settings: ResponseSettings | None = None
) -> pd.DataFrame:
    """Everything that a page on one patient shows, one row an item.

    tables : typed frames, those of `SHOWN` among them
    settings : section `response` of the study; needed for thresholds of criteria that the study defined
    Returns `COLUMNS`, sorted by date and item. `item` is cycle (value: activity in GBq),
    therapy, lesion (value: longest diameter in mm), sum (value: target sum, with the sum at or under which it
    is PR and the one at or over which it is PD; `words`: the reason) or best (unconfirmed, then confirmed, in
    `words`). `time_days` counts from the first cycle. Partial dates of therapies stand for their first day.
    KeyError for a patient without treatment period.
    """
    own = {name: tables[name][tables[name]["patient_id"] == patient_id] for name in SHOWN}
    if own["treatment_periods"].empty:
        raise KeyError(f"patient {patient_id} has no treatment period")
    parts = [
        _list_cycles(own["cycles"]),
        _list_therapies(own["therapies"]),
        _list_lesions(own["lesions"]),
        _list_sums(own["responses"], settings or ResponseSettings()),
        _list_best(own["best_responses"]),
    ]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    table = table.reindex(columns=list(COLUMNS)).assign(patient_id=patient_id)
    origin = own["treatment_periods"]["first_cycle"].min()
    table["date"] = pd.to_datetime(table["date"])
    table["time_days"] = (table["date"] - origin).dt.days.astype("Int64")
    table["item"] = pd.Categorical(table["item"], categories=list(ITEMS), ordered=True)
    numbers = ["value", "baseline_sum", "nadir_sum", "response_threshold", "progression_threshold"]
    table[numbers] = table[numbers].astype("float64")
    keys = ["date", "item", "criterion", "reader", "lesion_id"]
    return table.sort_values(keys, kind="stable", na_position="last").reset_index(drop=True)


def _list_cycles(cycles: pd.DataFrame) -> pd.DataFrame:
    columns = {"item": "cycle", "date": cycles["cycle_date"], "value": cycles["activity_gbq"], "unit": "GBq"}
    return pd.DataFrame(columns | {"words": cycles["radiopharmaceutical"].astype("string")})


def _list_therapies(therapies: pd.DataFrame) -> pd.DataFrame:
    start = therapies["start_date"].astype("string")
    padded = start + start.str.len().map({4: "-01-01", 7: "-01", 10: ""}).astype("string")
    words = therapies["kind"].astype("string") + ": " + therapies["drug"].astype("string")
    return pd.DataFrame({"item": "therapy", "date": pd.to_datetime(padded), "words": words})


def _list_lesions(lesions: pd.DataFrame) -> pd.DataFrame:
    absent = lesions["state"].astype("string") == "absent"
    return lesions[["reader", "lesion_id"]].assign(
        item="lesion",
        date=lesions["assessment_date"],
        role=lesions["role"].astype("string"),
        state=lesions["state"].astype("string"),
        value=lesions["longest_mm"].mask(absent.fillna(False).to_numpy(dtype=bool), 0.0),
        unit="mm",
        words=lesions["organ"],
    )


def _list_sums(responses: pd.DataFrame, settings: ResponseSettings) -> pd.DataFrame:
    own = {criterion.name: criterion for criterion in resolve_criteria(settings)}
    parts = []
    for name, rows in responses.groupby("criterion", sort=False):
        criterion = own[str(name)]
        reference = rows[f"{criterion.progression_reference}_sum"].to_numpy()
        threshold = compute_progression_threshold(reference, criterion)
        part = rows[["period", "reader", "baseline_sum", "nadir_sum"]].assign(
            item="sum",
            date=rows["assessment_date"],
            criterion=name,
            value=rows["target_sum"],
            unit=SUM_UNITS[criterion.measure],
            response_threshold=rows["baseline_sum"] * (1 - criterion.partial_fall),
            response=rows["overall_response"].astype("string"),
            words=rows["reason"].astype("string"),
        )
        # Empty where single lesions decide.
        parts.append(
            part.assign(progression_threshold=threshold if criterion.progression_unit == "sum" else np.nan)
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def _list_best(best: pd.DataFrame) -> pd.DataFrame:
    kind = np.where(best["confirmed"].fillna(False).to_numpy(dtype=bool), "confirmed ", "unconfirmed ")
    return best[["period", "reader", "criterion"]].assign(
        item="best",
        date=best["best_response_date"],
        response=best["best_response"].astype("string"),
        words=pd.Series(kind, index=best.index, dtype="string") + best["reason"].astype("string"),
    )

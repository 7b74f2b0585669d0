"""Best overall response of every course, unconfirmed and confirmed, with the scan that showed it; or as reported."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from prrt_outcomes.response import codes
from prrt_outcomes.response.scans import DEFAULT_READER
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.tables.frames import conform_table

REASONS: dict[str, str] = codes.WORDS["best"]
NOT_EVALUABLE, NOT_ASSESSED, AFTER_NEW_THERAPY = range(len(REASONS) - 3, len(REASONS))


def find_counted(scans: pd.DataFrame, stop: pd.Series) -> np.ndarray:
    """Follow-up scans that count for best response: none after the first PD, none after a new therapy began.

    scans : course, date, overall_response (code); by course and date
    stop : date on which a new anticancer therapy began, by course; a scan of that day still counts
    """
    before_progression = codes.count_before(scans["course"], scans["overall_response"] == codes.PD) == 0
    return before_progression & ~(scans["date"].to_numpy() > stop.reindex(scans["course"]).to_numpy())


def find_confirmations(scans: pd.DataFrame, settings: ResponseSettings) -> pd.Series:
    """Date of the scan that confirms each CR or PR, empty where none does.

    A CR is confirmed by a CR, a PR by a CR or PR, at least `confirmation_days` later. Between them may stand
    at most `confirmation_max_not_evaluable` NE and, for a PR and where the study says so, one SD or MR; a CR
    followed by a PR contradicts itself and confirms nothing. `scans` holds the counted ones only.
    """
    date, response = scans["date"].to_numpy(), scans["overall_response"].to_numpy()
    course = np.append(scans["course"], -1)
    confirmed = pd.Series(pd.NaT, index=scans.index, dtype="datetime64[ns]")
    pairs = pd.DataFrame({"first": np.flatnonzero((response == codes.CR) | (response == codes.PR))})
    pairs = pairs.assign(complete=response[pairs["first"]] == codes.CR, not_evaluable=0, stable=0)
    lag = 0
    while len(pairs):
        lag += 1
        pairs = pairs[course[pairs["first"] + lag] == course[pairs["first"]]]
        first, complete = pairs["first"].to_numpy(), pairs["complete"].to_numpy()
        later = first + lag
        code, partial = response[later], response[first] == codes.PR
        late = date[later] - date[first] >= np.timedelta64(settings.confirmation_days, "D")
        fits = (code == codes.CR) | ((code == codes.PR) & ~complete)
        confirmed.iloc[first[fits & late]] = date[later[fits & late]]
        stable = (code == codes.SD) | (code == codes.MR)
        pairs = pairs.assign(
            complete=complete | (code == codes.CR),
            not_evaluable=pairs["not_evaluable"] + (code == codes.NE),
            stable=pairs["stable"] + stable,
        )
        gap = (code == codes.NE) & (pairs["not_evaluable"] <= settings.confirmation_max_not_evaluable)
        pause = settings.confirmation_accept_stable & partial & stable & (pairs["stable"] <= 1)
        pairs = pairs[(fits & ~late) | gap | pause]
    return confirmed


def find_less_after_complete(scans: pd.DataFrame) -> pd.Series:
    """Counted scans with a PR, MR, SD or NON-CR/NON-PD after a CR: what came back after a CR is PD, or no CR was."""
    response = scans["overall_response"]
    return response.between(codes.PR, codes.NON_CR_NON_PD) & (
        codes.count_before(scans["course"], response == codes.CR) > 0
    )


def derive_best_responses(
    scans: pd.DataFrame, courses: pd.DataFrame, settings: ResponseSettings, *, confirmed: bool
) -> pd.DataFrame:
    """Best response of each course from its counted scans.

    scans : those that count (see `find_counted`): course, date, overall_response (code), confirmation_date
    courses : first_cycle and followed (whether there are scans at all, counted or not), by course
    confirmed : whether CR and PR need a confirming scan
    Returns one row a course: the columns of the scan that first showed the best response (empty:
    none did), response (code), confirmation_date (of a response that had to be confirmed), why (key of
    `REASONS`), complete_then_partial (less than a CR follows one: it contradicts the rules and is shown,
    never resolved).

    Order CR, PR, MR, SD, NON-CR/NON-PD, PD, NE. SD, MR and NON-CR/NON-PD count from `minimum_stable_days`
    after the first cycle; an unconfirmed CR or PR counts as SD if late enough. What remains is PD where it was
    seen, else NE. The date is that of the first scan that shows the best response.
    """
    course, response = scans["course"], scans["overall_response"].to_numpy()
    waited = scans["date"].to_numpy() - courses["first_cycle"].reindex(course).to_numpy()
    late = waited >= np.timedelta64(settings.minimum_stable_days, "D")
    is_response = (response == codes.CR) | (response == codes.PR)
    is_stable = (response == codes.SD) | (response == codes.MR) | (response == codes.NON_CR_NON_PD)
    stands = is_response & scans["confirmation_date"].notna() if confirmed else is_response
    cases = [
        ("response", response, stands),
        ("progression", codes.PD, response == codes.PD),
        ("stable", response, is_stable & late),
        ("unconfirmed", codes.SD, is_response & late),
        ("unconfirmed_early", codes.NE, is_response),
        ("early", codes.NE, is_stable),
        ("not_evaluable", codes.NE, True),
    ]
    why, value = codes.decide(cases, list(REASONS))
    scans = scans.assign(response=value, why=why)
    scans["confirmation_date"] = scans["confirmation_date"].where(stands) if confirmed else pd.NaT
    # An early stable scan explains an NE better than a scan that could not be read, hence before it.
    rank = pd.Series(value * 2 + (why == NOT_EVALUABLE), index=scans.index)
    shown = rank.groupby(course).idxmin()
    best = scans.loc[shown].set_index("course").reindex(courses.index)
    unseen = np.where(courses["followed"], AFTER_NEW_THERAPY, NOT_ASSESSED)
    known = best["why"].fillna(pd.Series(unseen, index=best.index)).astype(int)
    return best.assign(
        response=best["response"].fillna(codes.NE).astype(np.int8),
        why=pd.Categorical.from_codes(known.tolist(), dtype=pd.CategoricalDtype(list(REASONS))),
        complete_then_partial=best.index.isin(course[find_less_after_complete(scans)]),
    )


def derive_reported_best(tables: Mapping[str, pd.DataFrame], settings: ResponseSettings) -> pd.DataFrame:
    """Table `best_responses` of the initial period, as the registry reports it under the primary criterion.

    Rates, and no comparison over time: there is no date, so that nothing which needs one (landmarks, time-dependent
    models, duration of response) uses these rows. A treated patient without a reported response is not evaluable.
    """
    periods = tables["treatment_periods"]
    rows = periods.loc[periods["period"] == 1, ["patient_id", "period"]].reset_index(drop=True)
    known = tables["patients"].drop_duplicates("patient_id").set_index("patient_id")["reported_best_response"]
    response = rows["patient_id"].map(known.astype(object))
    groups = {str(code): name for name, codes in settings.groups.items() for code in codes}
    best = response.fillna("NE")
    words = response.notna().map({True: "as reported, without a date", False: "none reported"})
    table = rows.assign(
        criterion=settings.primary_criterion,
        reader=DEFAULT_READER,
        confirmed=settings.primary_rate == "confirmed",
        best_response=best,
        response_group=best.map(groups),
        basis="reported",
        reason=best + ": " + words,
        primary_reader=True,
    )
    return conform_table("best_responses", table)

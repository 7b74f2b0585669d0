"""Eight hand-written SDTM patients read by three readers: overall, best and confirmed best response."""

from __future__ import annotations

import pandas as pd
import pytest

from prrt_outcomes.response.stage import INPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

ROLES = {"TARGET": "target", "NON-TARGET": "non_target", "NEW": "new"}
STATES = {"PRESENT": "measured", "ABSENT": "absent"}
SOURCE = "pharmaverseadam adrs_onco"
# After a CR (all targets 0 mm) radiologist 2 measures 5 mm again and reports PR; what reappears after a CR is PD.
DIFFERS_ON_PURPOSE = {("01-701-1133", "2012-12-30", "RADIOLOGIST 2"): ("PD", "PR")}


def resolve_last(text: pd.Series) -> pd.Series:
    """Last day of a partial date, as the expected table resolves them."""
    padded = text.where(text.str.len() == 10, text + "-01")
    day = pd.to_datetime(padded)
    return day.where(text.str.len() == 10, day + pd.offsets.MonthEnd(0))


def name_readers(table: pd.DataFrame, prefix: str) -> pd.Series:
    """One reader a row: the radiologist, else the investigator."""
    return table[f"{prefix}EVALID"].fillna("INVESTIGATOR")


def convert_lesions(tr: pd.DataFrame, tu: pd.DataFrame) -> pd.DataFrame:
    """TR (a row a test) to `lesions` (a row a lesion); repeated rows of tumour states fall together."""
    tr = tr.assign(reader=name_readers(tr, "TR"), assessment_date=resolve_last(tr["TRDTC"]))
    keys = ["USUBJID", "assessment_date", "TRLNKID", "reader"]
    sizes = tr[tr["TRTESTCD"].isin(["LDIAM", "LPERP"])].drop_duplicates([*keys, "TRTESTCD"])
    wide = sizes.pivot_table(index=keys, columns="TRTESTCD", values="TRSTRESN")
    states = tr[tr["TRTESTCD"] == "TUMSTATE"].drop_duplicates(keys).set_index(keys)["TRSTRESC"]
    lesions = wide.join(states, how="outer").reset_index()
    groups = tr.drop_duplicates(["USUBJID", "TRLNKID"]).set_index(["USUBJID", "TRLNKID"])["TRGRPID"]
    organs = tu.drop_duplicates(["USUBJID", "TULNKID"]).set_index(["USUBJID", "TULNKID"])["TULOC"]
    place = pd.MultiIndex.from_frame(lesions[["USUBJID", "TRLNKID"]])
    organ = organs.reindex(place).to_numpy()
    return conform_table(
        "lesions",
        pd.DataFrame(
            {
                "patient_id": lesions["USUBJID"],
                "assessment_date": lesions["assessment_date"],
                "lesion_id": lesions["TRLNKID"],
                "reader": lesions["reader"],
                "role": pd.Series(groups.reindex(place).to_numpy()).map(ROLES),
                "organ": organ,
                "lymph_node": organ == "LYMPH NODE",
                "longest_mm": lesions["LDIAM"],
                "perpendicular_mm": lesions["LPERP"],
                "state": lesions["TRSTRESC"].map(STATES).fillna("measured"),
            }
        ),
    )


@pytest.fixture(scope="module")
def recist(request) -> dict[str, pd.DataFrame]:
    folder = request.getfixturevalue("shared_data") / "recist"
    names = ("dm", "tr", "tu", "rs", "expected_adrs")
    return {name: pd.read_csv(folder / f"{name}.csv", dtype={"TRSTRESN": float}) for name in names}


@pytest.fixture(scope="module")
def derived(recist) -> dict[str, pd.DataFrame]:
    tables = {name: empty_table(name) for name in INPUTS}
    tables["lesions"] = convert_lesions(recist["tr"], recist["tu"])
    rs = recist["rs"]
    scans = pd.DataFrame({"patient_id": rs["USUBJID"], "assessment_date": resolve_last(rs["RSDTC"])})
    scans["reader"], scans["reported_criterion"] = name_readers(rs, "RS"), "recist_1_1"
    scans["reported_response"] = rs["RSSTRESC"]
    tables["assessments"] = conform_table("assessments", scans)
    dm = recist["dm"]
    tables["patients"] = conform_table("patients", pd.DataFrame({"patient_id": dm["USUBJID"]}))
    start = pd.to_datetime(dm["RFSTDTC"])
    periods = {"patient_id": dm["USUBJID"], "period": 1, "first_cycle": start, "last_cycle": start}
    tables["treatment_periods"] = conform_table("treatment_periods", pd.DataFrame(periods))
    study = Study.model_validate(
        {
            "study": "sdtm",
            "tables": {"patients": "p", "follow_up": "f"},
            "response": {"reader": "INVESTIGATOR"},
            "analysis": {"group_by": []},
        }
    )
    return run(tables, study)


def select_expected(recist, parameter: str) -> pd.DataFrame:
    adrs = recist["expected_adrs"]
    chosen = adrs[adrs["PARAMCD"] == parameter]
    return pd.DataFrame(
        {"patient_id": chosen["USUBJID"], "date": pd.to_datetime(chosen["ADT"]), "response": chosen["AVALC"]}
    ).sort_values(["patient_id", "date"], ignore_index=True)


def test_overall_responses_of_the_investigator(derived, recist, agree):
    ours = derived["responses"].query("reader == 'INVESTIGATOR'")
    ours = ours.sort_values(["patient_id", "assessment_date"], ignore_index=True)
    expected = select_expected(recist, "OVR")
    assert ours["assessment_date"].tolist() == expected["date"].tolist()
    assert ours["overall_response"].astype(str).tolist() == expected["response"].tolist()
    assert ours["basis"].eq("derived").all()
    same = (ours["overall_response"].astype(str) == expected["response"]).sum()
    agree("response_sdtm_overall", "overall responses that agree", int(same), len(expected), 0, SOURCE)


@pytest.mark.parametrize(("parameter", "confirmed"), [("BOR", False), ("CBOR", True)])
def test_best_responses_of_the_investigator(derived, recist, agree, parameter, confirmed):
    best = derived["best_responses"]
    ours = best[(best["reader"] == "INVESTIGATOR") & (best["confirmed"] == confirmed)]
    ours = ours.sort_values("patient_id", ignore_index=True)
    expected = select_expected(recist, parameter)
    assert ours["best_response"].astype(str).tolist() == expected["response"].tolist()
    assert ours["best_response_date"].tolist() == expected["date"].tolist()
    same = (ours["best_response"].astype(str) == expected["response"]).sum()
    agree(
        f"response_sdtm_{parameter.lower()}", f"{parameter} that agree", int(same), len(expected), 0, SOURCE
    )


def test_every_reader_agrees_with_what_he_reported(derived, recist, agree):
    """All three readers' overall responses, derived from their own measurements, are those they reported."""
    rs = recist["rs"]
    reported = pd.DataFrame({"patient_id": rs["USUBJID"], "assessment_date": resolve_last(rs["RSDTC"])})
    reported["reader"], reported["reported"] = name_readers(rs, "RS"), rs["RSSTRESC"]
    both = derived["responses"].merge(reported, on=["patient_id", "assessment_date", "reader"], how="outer")
    differ = both[both["overall_response"].astype(str) != both["reported"]]
    found = {
        (row.patient_id, str(row.assessment_date.date()), row.reader): (row.overall_response, row.reported)
        for row in differ.itertuples()
    }
    assert found == DIFFERS_ON_PURPOSE
    same = len(both) - len(differ)
    agree("response_sdtm_readers", "of 66 by 3 readers, all but one", same, 65, 0, "pharmaversesdtm rs")

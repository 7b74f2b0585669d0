"""Sources: an endpoint is a list of events and of censorings, and an adverse event can be one."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes.endpoints import stage
from prrt_outcomes.endpoints.sources import Source, choose_rows, list_sources
from prrt_outcomes.errors import InputError
from prrt_outcomes.study.endpoints import EndpointDefinition, resolve_endpoint

spec = importlib.util.spec_from_file_location(
    "endpoint_cases", Path(__file__).parents[2] / "spec/endpoints/cases.py"
)
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)
KIDNEY = {
    "name": "nephrotoxicity",
    "progression": "ignore",
    "death": "competing",
    "end": "last_contact",
    "events": [{"filter": {"term": ["nephrotoxicity"], "grade": [3, 4, 5]}}],
}


def adverse(patient, day, term, grade):
    row = {"patient_id": patient, "onset_date": cases.to_date(day), "sequence": 1}
    return row | {"term": term, "grade": grade}


def run_kidney(endpoint=None):
    rows = {"patients": [{"patient_id": name} for name in "abcde"]}
    rows["cycles"] = [
        {"patient_id": name, "cycle_date": cases.to_date("0"), "radiopharmaceutical": "177Lu-DOTATATE"}
        for name in "abcde"
    ]
    alive = {"vital_status": "alive", "last_contact_date": cases.to_date("500")}
    dead = {
        "vital_status": "dead",
        "last_contact_date": cases.to_date("300"),
        "death_date": cases.to_date("300"),
    }
    rows["follow_up"] = [{"patient_id": name} | (dead if name == "c" else alive) for name in "abcde"]
    rows["adverse_events"] = [
        adverse("a", "-20", "nephrotoxicity", 2),
        adverse("a", "90", "nephrotoxicity", 2),
        adverse("a", "200", "nephrotoxicity", 4),
        adverse("a", "150", "nephrotoxicity", 3),
        adverse("b", "60", "anaemia", 4),
        adverse("d", "0", "nephrotoxicity", 3),
        adverse("e", "-1", "nephrotoxicity", 3),
        adverse("e", "200", "nephrotoxicity", 3),
    ]
    study = cases.make_study([endpoint or KIDNEY])
    return stage.run(cases.make_tables(rows, study), study)


def test_an_adverse_event_is_the_event_of_an_endpoint():
    result = run_kidney()
    table = result["endpoints"].set_index("patient_id")
    assert table["time_days"].tolist() == [150.0, 500.0, 300.0, 0.5]
    assert table["event"].tolist() == [1, 0, 2, 1]
    assert table["reason"].tolist() == ["adverse_event", "last_contact", "death", "adverse_event"]
    excluded = result["endpoint_exclusions"].set_index("patient_id")["reason"]
    assert excluded.to_dict() == {"e": "event_before_origin"}  # not at risk of the first one
    lost = result["attrition"].set_index("reason").loc["the event came before the time begins"]
    assert (lost["n_before"], lost["n_lost"]) == (5, 1)
    # The row of the source within its patient: the fourth that the registry wrote of patient a.
    assert table.loc["a", ["basis", "source_sequence"]].tolist() == ["adverse_events.onset_date", 4]
    adtte = result["adtte"].set_index("USUBJID").loc["a"]
    assert adtte[["CNSR", "SRCDOM", "SRCVAR", "SRCSEQ"]].tolist() == [0, "AE", "AESTDTC", 4]
    sentence = result["estimands"]["sentence"].iloc[0]
    assert "an adverse event (term nephrotoxicity; grade 3, 4, 5)" in sentence


def test_a_filter_on_a_column_that_is_not_there_is_refused():
    wrong = KIDNEY | {"events": [{"filter": {"severity": [3]}}]}
    with pytest.raises(InputError) as caught:
        run_kidney(wrong)
    assert [(p.table, p.column, p.value) for p in caught.value.problems] == [
        ("study.yaml", "endpoints.nephrotoxicity.events", "severity")
    ]


def test_keys_of_a_study_become_sources():
    definition = EndpointDefinition.model_validate(resolve_endpoint("pfs_fda"))
    sources = list_sources(definition, ("chemotherapy", "prrt"), scans_recorded=True)
    assert [(s.table, s.reason) for s in sources.events] == [
        ("responses", "progression"),
        ("follow_up", "progression"),
        ("follow_up", "death"),
    ]
    (stop,) = sources.censorings
    assert (stop.table, stop.filter, stop.at_assessment) == (
        "therapies",
        {"kind": ("chemotherapy", "prrt")},
        True,
    )
    assert [s.reason for s in sources.ends] == ["last_adequate_assessment", "no_adequate_assessment"]


def test_on_one_day_the_earlier_source_comes_first_and_an_end_is_the_last_row():
    day = pd.Timestamp("2020-01-10")
    rows = pd.DataFrame({"patient_id": ["a", "a"], "start": [day, day + pd.Timedelta(5, "D")], "sequence": 1})
    tables = {"one": rows, "two": rows.iloc[:1]}
    frame = pd.DataFrame({"entry_date": [day]}, index=pd.Index(["a"], name="patient_id"))
    both = (Source("one", "start", "first"), Source("two", "start", "second"))
    assert choose_rows(both, tables, frame)["reason"].tolist() == ["first"]
    later = (Source("one", "start", "first", after="entry_date"), both[1])
    assert choose_rows(later, tables, frame)["reason"].tolist() == ["second"]
    assert choose_rows(both, tables, frame, last=True)["date"].tolist() == [day + pd.Timedelta(5, "D")]

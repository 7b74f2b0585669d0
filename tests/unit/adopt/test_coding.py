"""Values become codes, and what was guessed is listed."""

from pathlib import Path

from prrt_outcomes.adopt.coding import Coding, find_activity_unit, find_dates, find_lab_unit
from prrt_outcomes.adopt.layout import Column
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan


def read(target, cells, name="Column", **more):
    plan = StudyPlan()
    coding, source = Coding(plan), SourcePlan(Path("a.csv"))
    coding.read(source, target, Column(name, 0, cells, **more))
    coding.close(source)
    return source.settings, plan.doubts


def test_values_that_are_codes_need_no_line():
    assert read("grade", ["G1", "2", "G2"])[0] == {"values": {"grade": {"2": "G2"}}}


def test_unknown_values_are_missing_and_listed():
    settings, doubts = read("grade", ["G1", "well", "well"], "Grading")
    assert settings["values"]["grade"] == {"well": None}
    assert doubts == ["grade: 'well' (2) in 'Grading' not recognised, read as missing"]


def test_texts_that_mean_missing_are_listed_once_for_the_mapping():
    assert read("progression_date", ["28.03.2019", "kein PD", "-"])[0] == {"missing": ["", "kein PD", "-"]}


def test_a_text_that_another_column_reads_is_missing_in_one_column_only():
    coding, source = Coding(StudyPlan()), SourcePlan(Path("a.csv"))
    source.add_values("vital_status", {"non": "alive", "oui": "dead"})
    coding.read(source, "progression_date", Column("Progression", 0, ["01/02/2020", "non", "-"]))
    coding.close(source)
    assert source.settings["values"]["progression_date"] == {"non": None}
    assert source.settings["missing"] == ["", "-"]


def test_percentages_of_limits_and_ranges_are_doubts():
    settings, doubts = read("ki67_percent", ["<2", "5-10", "15 %", 20, "3,5"], "Ki-67")
    assert settings["values"]["ki67_percent"] == {"3,5": 3.5, "<2": 1, "5-10": 7.5, "15 %": 15}
    assert doubts == ["ki67_percent: '<2' as 1, '5-10' as 7.5 (half of a limit, the middle of a range)"]
    assert read("ki67_percent", ["15 %", "2%"], "Ki-67") == (
        {"values": {"ki67_percent": {"15 %": 15, "2%": 2}}},
        [],
    )


def test_men_and_women_by_one_letter():
    assert read("sex", ["m", "w"])[0]["values"]["sex"] == {"m": "male", "w": "female"}
    assert read("sex", ["h", "m"])[0]["values"]["sex"] == {"h": "male", "m": "female"}
    settings, doubts = read("sex", ["1", "2"], "sex")
    assert settings["values"]["sex"] == {"1": "male", "2": "female"}
    assert "ISO 5218" in doubts[0]


def test_a_nuclide_without_a_ligand_is_a_doubt():
    settings, doubts = read("radiopharmaceutical", ["Lu-177", "Y-90 DOTATOC"], "Nuklid")
    assert settings["values"]["radiopharmaceutical"] == {
        "Lu-177": "177Lu-DOTATATE",
        "Y-90 DOTATOC": "90Y-DOTATOC",
    }
    assert doubts == ["'Nuklid' names no ligand: 177Lu is read as 177Lu-DOTATATE"]


def vital_status(cells, name):
    plan, source = StudyPlan(), SourcePlan(Path("a.csv"))
    Coding(plan).read_vital_status(source, Column(name, 0, cells))
    return source.settings, plan.doubts


def test_yes_and_no_by_the_sense_of_the_heading():
    assert vital_status(["y", "n"], "dead y/n")[0]["values"]["vital_status"] == {"y": "dead", "n": "alive"}
    assert vital_status(["ja", "nein"], "lebt")[0]["values"]["vital_status"] == {
        "ja": "alive",
        "nein": "dead",
    }
    assert vital_status(["verstorben", "lebt"], "Status")[0]["values"]["vital_status"] == {
        "verstorben": "dead",
        "lebt": "alive",
    }


def test_a_word_for_neither_dead_nor_alive_is_named():
    _, doubts = vital_status(["lebt", "verlegt"], "Status")
    assert doubts == [
        "who is dead, by 'Status': 'lebt' = alive",
        "'verlegt' in 'Status' not recognised: write alive, dead or lost for it under vital_status",
    ]


def test_an_empty_vital_status_is_a_doubt():
    settings, doubts = vital_status(["x", None, ""], "verstorben")
    assert settings["default"] == {"vital_status": "alive"}
    assert doubts[-1] == "2 empty cells of 'verstorben' are read as alive"


def test_formats_of_dates_in_one_column():
    column = Column("Datum", 0, ["28.03.2019", "2019-03-28", "1.2.19", 43552])
    settings, _ = find_dates([column])
    assert set(settings["date_format"]) == {"%d.%m.%y", "%d.%m.%Y", "%Y-%m-%d", "excel"}
    assert settings["pivot_year"] == 30
    assert find_dates([Column("Date", 0, ["2019-03-28"])]) == ({}, "")


def test_day_and_month_are_decided_by_all_cells_or_left_open():
    settings, doubt = find_dates([Column("Date", 0, ["02/03/2019", "13/03/2019"])])
    assert (settings["date_format"], doubt) == ("%d/%m/%Y", "")
    american, _ = find_dates([Column("Date", 0, ["02/03/2019", "03/13/2019"])])
    assert american["date_format"] == "%m/%d/%Y"
    assert "could be %m/%d/%Y too" in find_dates([Column("Date", 0, ["02/03/2019"])])[1]


def test_units_by_heading_or_by_size():
    assert find_activity_unit([Column("Activity (MBq)", 0, [7400])]) == ("MBq", True)
    assert find_activity_unit([Column("Dosis 1", 0, ["7,4", 7.2])]) == ("GBq", False)
    assert find_activity_unit([Column("Dose", 0, [200, 198])]) == ("mCi", False)
    assert find_lab_unit("creatinine", [Column("Krea (µmol/l)", 0, [88])]) == ("umol/L", True)
    assert find_lab_unit("haemoglobin", [Column("Hb", 0, ["12,1"])]) == ("g/dL", False)
    assert find_lab_unit("haemoglobin", [Column("Hb", 0, ["121"])]) == ("g/L", False)
    assert find_lab_unit("platelets", [Column("Thrombo", 0, [210_000])]) == ("/uL", False)
    assert find_lab_unit("platelets", [Column("Plt (K/uL)", 0, [210])]) == ("10^9/L", True)
    assert find_lab_unit("leukocytes", [Column("Leuko Tsd/µl", 0, [5.1])]) == ("10^9/L", True)
    assert find_lab_unit("platelets", [Column("Plt /uL", 0, [210_000])]) == ("/uL", True)

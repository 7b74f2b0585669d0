"""SDTM: domains as the implementation guide has them become tables; what is guessed is a doubt."""

from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes.adopt.sdtm import plan_sdtm
from prrt_outcomes.errors import InputError

REAL = Path(__file__).resolve().parents[4] / "shared" / "cases" / "real" / "sdtm_onco" / "data"
DM = """\
USUBJID,SITEID,SEX,AGE,AGEU,BRTHDTC,RFSTDTC,RFENDTC,RFPENDTC,DTHFL,DTHDTC,ACTARM
P1,01,F,61,YEARS,1957-03-01,2019-01-14,2019-07-01,2021-03-02T10:15,,,Lu
P2,01,M,54,YEARS,1964-08-05,2019-02-04,2019-07-22,2020-06-11,Y,2020-06-11,Control
P3,02,U,70,YEARS,1948-01-30,2019-02-11,2019-07-29,,,,Lu
"""
EX = """\
USUBJID,EXSEQ,EXTRT,EXDOSE,EXDOSU,EXSTDTC
P1,1,177Lu-DOTATATE,7.4,GBq,2019-01-14T09:05
P2,1,177Lu-DOTATATE,7.3,GBq,2019-02-04
P2,2,177Lu-DOTATATE,0,GBq,2019-04-04
P3,1,177Lu-DOTATATE,7.4,GBq,2019-02-11
P3,2,AMINO ACIDS,1000,mL,2019-02-11
"""


@pytest.fixture
def plan_of(tmp_path):
    """Write domains as csv files into a folder and plan a study from it; DM and EX unless others are given."""

    def plan(**domains):
        folder = tmp_path / "sdtm"
        folder.mkdir()
        for name, text in {"dm": DM, "ex": EX, **domains}.items():
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        return plan_sdtm([folder])

    return plan


def errors(problems):
    return [problem for problem in problems if problem.severity == "error"]


def test_patients_cycles_and_follow_up(plan_of, read_plan):
    plan = plan_of()
    tables, problems = read_plan(plan)
    assert not errors(problems)
    patients = tables["patients"].set_index("patient_id")
    assert patients["sex"].tolist() == ["female", "male", "unknown"]
    assert patients["age_years"].tolist() == [61, 54, 70]
    assert patients["arm"].tolist() == ["Lu", "Control", "Lu"]
    cycles = tables["cycles"]
    assert cycles["cycle_date"].dt.strftime("%Y-%m-%d").tolist() == ["2019-01-14", "2019-02-04", "2019-02-11"]
    assert set(cycles["radiopharmaceutical"]) == {"177Lu-DOTATATE"}
    follow_up = tables["follow_up"].set_index("patient_id")
    assert follow_up["vital_status"].tolist() == ["alive", "dead", "alive"]
    assert follow_up["last_contact_date"].tolist() == ["2021-03-02", "2020-06-11", "2019-07-29"]
    assert plan.doubts == [
        "therapies: 1 of 5 rows of ex.csv are left out, no therapy of the tumour being known in them: 'AMINO ACIDS'"
    ]


def test_deaths_of_ds_and_last_contacts_of_ss(plan_of, read_plan):
    ds = "USUBJID,DSSEQ,DSDECOD,DSSTDTC\nP3,1,COMPLETED,2019-07-29\nP3,2,DEATH,2020-02-03\n"
    ss = (
        "USUBJID,SSSEQ,SSTESTCD,SSSTRESC,SSDTC\n"
        "P1,1,SURVSTAT,ALIVE,2021-06-01\nP1,2,SURVSTAT,ALIVE,2021-12-01\nP2,1,SURVSTAT,ALIVE,2020-01-01\n"
    )
    tables, problems = read_plan(plan_of(ds=ds, ss=ss))
    assert not errors(problems)
    follow_up = tables["follow_up"].set_index("patient_id")
    assert follow_up["vital_status"].tolist() == ["alive", "dead", "dead"]
    assert follow_up["last_contact_date"].tolist() == ["2021-12-01", "2020-06-11", "2020-02-03"]
    assert follow_up["death_date"].fillna("").tolist() == ["", "2020-06-11", "2020-02-03"]


def test_a_dose_that_is_not_radioactive_is_a_doubt(plan_of, read_plan):
    plan = plan_of(ex="USUBJID,EXSEQ,EXTRT,EXDOSE,EXDOSU,EXSTDTC\nP1,1,PLACEBO,0,mg,2019-01-14\n")
    assert plan.doubts[0].startswith("cycles: no dose of ex.csv is radioactive ('PLACEBO')")
    tables, problems = read_plan(plan)
    assert not errors(problems)
    assert tables["cycles"]["radiopharmaceutical"].tolist() == ["other"]
    assert tables["cycles"]["activity_gbq"].isna().all()


def test_several_doses_of_a_day_that_are_not_radioactive_are_one(plan_of, read_plan):
    ex = """\
DOMAIN,USUBJID,EXSEQ,EXTRT,EXDOSE,EXDOSU,EXSTDTC
EX,P1,1,DRUG,54,mg,2019-01-14
EX,P1,2,DRUG,27,mg,2019-01-14
EX,P2,1,DRUG,54,mg,2019-02-14
"""
    tables, problems = read_plan(plan_of(ex=ex))
    assert not errors(problems)
    assert tables["cycles"]["cycle_date"].dt.strftime("%m-%d").tolist() == ["01-14", "02-14"]


def test_events_without_a_number_are_numbered(plan_of, read_plan):
    ae = "USUBJID,AEDECOD,AESTDTC\nP1,Nausea,2019-02\nP1,Nausea,2019-02\n"
    tables, problems = read_plan(plan_of(ae=ae))
    assert not errors(problems)
    assert tables["adverse_events"]["sequence"].tolist() == [1, 2]


def test_a_nuclide_without_a_ligand_is_a_doubt(plan_of):
    plan = plan_of(ex="USUBJID,EXSEQ,EXTRT,EXDOSE,EXDOSU,EXSTDTC\nP1,1,Lutetium,7.4,GBq,2019-01-14\n")
    assert plan.doubts == ["cycles: 'Lutetium' names no ligand and is read as 177Lu-DOTATATE"]


def test_therapies_by_drug_route_and_category(plan_of, read_plan):
    cm = """\
USUBJID,CMSEQ,CMTRT,CMDECOD,CMCAT,CMDOSE,CMDOSU,CMROUTE,CMSTDTC,CMENDTC
P1,1,Sandostatin LAR,OCTREOTIDE,PRIOR,30,mg,INTRAMUSCULAR,2018-06,
P1,2,Sandostatin,OCTREOTIDE,PRIOR,0.1,mg,SUBCUTANEOUS,2018-09-01,
P2,1,Afinitor,EVEROLIMUS,PRIOR ANTI-CANCER THERAPY,10,mg,ORAL,2019-12-02,2020-04-10
P2,2,XY-17,XY-17,PRIOR ANTI-CANCER THERAPY,,,ORAL,2017,
P3,1,Aspirin,ASPIRIN,GENERAL,100,mg,ORAL,2015,
P3,2,Somatuline,LANREOTIDE,GENERAL,120,mg,SUBCUTANEOUS,,
"""
    plan = plan_of(cm=cm)
    tables, problems = read_plan(plan)
    assert not errors(problems)
    therapies = tables["therapies"].set_index(["patient_id", "sequence"]).sort_index()
    assert therapies["kind"].astype(str).tolist() == [
        "ssa_long_acting",
        "ssa_short_acting",
        "targeted",
        "other",
    ]
    assert "therapies: 'XY-17' of CMCAT are read as kind other" in plan.doubts
    assert any("'ASPIRIN'" in doubt for doubt in plan.doubts)


RS = """\
USUBJID,RSSEQ,RSTESTCD,RSCAT,RSSTRESC,RSEVAL,RSEVALID,RSACPTFL,RSDTC
P1,1,OVRLRESP,RECIST 1.1,PR,INDEPENDENT ASSESSOR,RADIOLOGIST 1,Y,2019-07-02
P1,2,NTRGRESP,RECIST 1.1,NON-CR/NON-PD,INDEPENDENT ASSESSOR,RADIOLOGIST 1,Y,2019-07-02
P1,3,OVRLRESP,RECIST 1.1,SD,INVESTIGATOR,,,2019-07-02
P1,4,NEWLPROG,RECIST 1.1,EQUIVOCAL,INVESTIGATOR,,,2019-07-02
P2,1,OVRLRESP,RECIST 1.1,CHECK,INVESTIGATOR,,,2019-08-02T13:00
P2,2,OVRLRESP,RECIST 1.1,PD,INVESTIGATOR,,,2019-10
"""


def test_responses_of_several_readers_with_unknown_codes_and_incomplete_dates(plan_of, read_plan):
    plan = plan_of(rs_onco=RS)
    assert plan.settings["response"] == {"reader": "RADIOLOGIST 1"}
    tables, problems = read_plan(plan)
    assert not errors(problems)
    scans = tables["assessments"].set_index(["patient_id", "reader"]).sort_index()
    assert scans["reported_response"].astype("string").fillna("").tolist() == ["SD", "PR", ""]
    assert scans["non_target"].astype("string").fillna("").tolist() == ["", "non_CR_non_PD", ""]
    assert scans["new_lesion"].fillna(value=True).tolist() == [False, True, True]
    doubts = "\n".join(plan.doubts)
    assert "'CHECK' (1) of RSSTRESC are not known and read as missing" in doubts
    assert "RSDTC of rs_onco.csv does not say the day (2019-10), so that rows are left out: 1" in doubts
    assert "an equivocal new lesion is read as none" in doubts


TU = """\
USUBJID,TUSEQ,TULNKID,TUTESTCD,TUSTRESC,TULOC,TUDTC
P1,1,T1,TUMIDENT,TARGET,LIVER,2019-01-03
P1,2,T2,TUMIDENT,TARGET,LYMPH NODE,2019-01-03
P1,3,N1,TUMIDENT,NON-TARGET,BONE,2019-01-03
P1,4,X1,TUMIDENT,NEW,BONE,2019-07-02
"""
TR = """\
USUBJID,DOMAIN,TRSEQ,TRGRPID,TRLNKID,TRTESTCD,TRORRES,TRSTRESC,TRSTRESN,TRSTRESU,TRSTAT,TRDTC
P1,TR,1,TARGET,T1,LDIAM,42,42,42,mm,,2019-01-03
P1,TR,2,TARGET,T2,LDIAM,31,31,31,mm,,2019-01-03
P1,TR,3,TARGET,T2,LPERP,22,22,22,mm,,2019-01-03
P1,TR,4,NON-TARGET,N1,TUMSTATE,PRESENT,PRESENT,,,,2019-01-03
P1,TR,5,TARGET,,SUMDIAM,64,64,64,mm,,2019-01-03
P1,TR,6,TARGET,T1,LDIAM,TOO SMALL TO MEASURE,5,5,mm,,2019-07-02
P1,TR,7,TARGET,T2,LDIAM,0,0,0,mm,,2019-07-02
P1,TR,8,NON-TARGET,N1,TUMSTATE,ABSENT,ABSENT,,,,2019-07-02
P1,TR,9,NEW,X1,TUMSTATE,PRESENT,PRESENT,,,,2019-07-02
P1,TR,10,TARGET,,SUMDIAM,5,5,5,mm,,2019-07-02
P1,TR,11,TARGET,T1,LDIAM,,,,,NOT DONE,2019-10-02
P1,TR,12,TARGET,T2,LDIAM,12,12,12,mm,,2019-10-02
P1,TR,13,TARGET,,SUMDIAM,,,,,NOT DONE,2019-10-02
"""
ONE_RS = """\
USUBJID,RSSEQ,RSTESTCD,RSCAT,RSSTRESC,RSDTC
P1,1,OVRLRESP,RECIST 1.1,PD,2019-07-02
"""


def test_lesions_with_organ_role_and_state_and_the_scans_that_stand_in_tr_alone(plan_of, read_plan):
    plan = plan_of(rs=ONE_RS, tu=TU, tr=TR)
    tables, problems = read_plan(plan)
    assert not errors(problems)
    lesions = tables["lesions"].assign(day=tables["lesions"]["assessment_date"].dt.strftime("%m-%d"))
    rows = lesions.set_index(["day", "lesion_id"]).sort_index()
    found = rows[["role", "state", "longest_mm", "perpendicular_mm"]].astype("string").fillna("")
    assert found.apply(" ".join, axis=1).to_dict() == {
        ("01-03", "N1"): "non_target measured  ",
        ("01-03", "T1"): "target measured 42.0 ",
        ("01-03", "T2"): "target measured 31.0 22.0",
        ("07-02", "N1"): "non_target absent  ",
        ("07-02", "T1"): "target too_small 5.0 ",
        ("07-02", "T2"): "target absent  ",
        ("07-02", "X1"): "new measured  ",
        ("10-02", "T1"): "target not_evaluated  ",
        ("10-02", "T2"): "target measured 12.0 ",
    }
    assert rows.groupby("lesion_id")["organ"].first().to_dict() == {
        "N1": "BONE",
        "T1": "LIVER",
        "T2": "LYMPH NODE",
        "X1": "BONE",
    }
    assert rows.xs("T2", level="lesion_id")["lymph_node"].all()
    scans = tables["assessments"]
    assert scans["assessment_date"].dt.strftime("%m-%d").tolist() == ["07-02", "01-03", "10-02"]
    assert scans["reported_response"].astype("string").fillna("").tolist() == ["PD", "", ""]
    assert "2 of 3 scans of tr.csv have no response in RS" in plan.notes


def test_results_without_any_day_make_no_scan(plan_of):
    plan = plan_of(tr=TR.replace("2019", "?"))
    assert "assessments" not in plan.tables


def test_tr_alone_has_the_roles_of_its_groups(plan_of, read_plan):
    rows = [row for row in TR.splitlines() if ",NEW," not in row]
    tables, problems = read_plan(plan_of(tr="\n".join(rows) + "\n"))
    assert not errors(problems)
    assert tables["lesions"]["role"].value_counts().to_dict() == {"target": 6, "non_target": 2, "new": 0}
    assert len(tables["assessments"]) == 3


def test_laboratory_values_of_blood_alone(plan_of, read_plan):
    lb = """\
USUBJID,LBSEQ,LBTESTCD,LBSTRESC,LBSTRESN,LBSTRESU,LBSTNRLO,LBSTNRHI,LBSPEC,LBDTC
P1,1,CREAT,79.6,79.6,umol/L,45,84,SERUM,2019-01-12T08:30
P1,2,CREAT,8100,8100,umol/L,,,URINE,2019-01-12T08:30
P1,3,PLAT,236,236,10^9/L,150,400,BLOOD,2019-01-12T08:30
P1,4,WBC,,,,,,BLOOD,2019-01-12
P1,5,CHOL,5,5,mmol/L,,,SERUM,2019-01-12
"""
    tables, problems = read_plan(plan_of(lb=lb))
    assert not errors(problems)
    labs = tables["labs"]
    assert labs["analyte"].astype(str).tolist() == ["creatinine", "platelets"]
    assert labs["value"].tolist() == [79.6, 236.0]


def test_adverse_events_by_grade_else_by_severity(plan_of, read_plan):
    ae = """\
USUBJID,AESEQ,AETERM,AEDECOD,AESEV,AEREL,AESTDTC,AEENDTC
P1,1,nausea,Nausea,MILD,PROBABLE,2019-01-14,2019-01-16
P1,2,low platelets,,SEVERE,REMOTE,2019-05,
P2,1,nausea,Nausea,MODERATE,NONE,,
"""
    plan = plan_of(ae=ae)
    tables, problems = read_plan(plan)
    assert not errors(problems)
    events = tables["adverse_events"]
    assert events[["term", "onset_date", "grade", "related"]].to_numpy().tolist() == [
        ["Nausea", "2019-01-14", 1, True],
        ["low platelets", "2019-05", 3, False],
    ]
    assert any("AESEV is read as grade" in doubt for doubt in plan.doubts)
    assert any("'REMOTE' = no" in doubt for doubt in plan.doubts)


def test_one_kind_of_file_is_read_where_there_are_two(plan_of, tmp_path):
    plan_of()
    frame = pd.read_csv(tmp_path / "sdtm" / "dm.csv", dtype=str)
    frame.to_parquet(tmp_path / "sdtm" / "dm.parquet")
    (tmp_path / "sdtm" / "vs.csv").write_text("USUBJID\nP1\n")
    plan = plan_sdtm([tmp_path / "sdtm"])
    assert plan.tables["patients"][0].file.name == "dm.parquet"
    assert plan.notes == ["files left out: dm.csv, vs.csv"]


def test_without_dm_there_is_no_study(tmp_path):
    (tmp_path / "ae.csv").write_text("USUBJID\nP1\n")
    with pytest.raises(InputError) as caught:
        plan_sdtm([tmp_path])
    assert caught.value.problems[0].problem == "no data set DM was found"


def test_a_domain_without_what_it_needs_is_left_out_and_said(plan_of, read_plan):
    plan = plan_of(rs="USUBJID,RSTESTCD,RSDTC\nP1,OVRLRESP,2019-07-02\n")
    assert plan.doubts[0] == "rs.csv is left out: it has no RSSTRESC"
    tables, problems = read_plan(plan)
    assert not errors(problems)
    assert len(tables["assessments"]) == 0


def test_activities_in_other_units(plan_of, read_plan):
    ex = """\
USUBJID,EXSEQ,EXTRT,EXDOSE,EXDOSU,EXSTDTC
P1,1,177Lu-DOTATATE,7400,MBq,2019-01-14
P2,1,177Lu-DOTATATE,200,mCi,2019-02-04
"""
    tables, problems = read_plan(plan_of(ex=ex))
    assert not errors(problems)
    assert tables["cycles"]["activity_gbq"].tolist() == pytest.approx([7.4, 7.4])


def test_a_public_trial(read_plan):
    if not REAL.exists():
        pytest.skip("sdtm_onco is not there: data of others, beside the checkout in shared/cases")
    plan = plan_sdtm([REAL])
    tables, problems = read_plan(plan)
    assert not errors(problems)
    sizes = {name: len(table) for name, table in tables.items() if len(table)}
    assert sizes == {
        "patients": 306,
        "cycles": 591,
        "follow_up": 306,
        "assessments": 1899,
        "adverse_events": 1191,
    }
    assert tables["follow_up"]["vital_status"].value_counts().to_dict() == {
        "alive": 303,
        "dead": 3,
        "lost": 0,
    }
    assert tables["assessments"]["reported_response"].isna().sum() == 3


def test_readers_who_name_lesions_alike_and_the_diameter_that_counts(plan_of, read_plan):
    tu = """\
USUBJID,TULNKID,TUSTRESC,TULOC,TUEVAL,TUEVALID
P1,T1,TARGET,LIVER,INVESTIGATOR,
P1,T2,TARGET,LYMPH NODE,INVESTIGATOR,
P1,T1,TARGET,LYMPH NODE,INDEPENDENT ASSESSOR,R1
P1,T1,TARGET,BONE,INDEPENDENT ASSESSOR,R2
"""
    tr = """\
USUBJID,TRLNKID,TRTESTCD,TRSTRESC,TRSTRESU,TREVAL,TREVALID,TRACPTFL,TRDTC
P1,T1,DIAMETER,4.2,cm,INVESTIGATOR,,,2019-01-03
P1,T2,DIAMETER,1.8,cm,INVESTIGATOR,,,2019-01-03
P1,T1,DIAMETER,2.1,cm,INDEPENDENT ASSESSOR,R1,Y,2019-01-03
P1,T1,DIAMETER,3.3,cm,INDEPENDENT ASSESSOR,R2,,2019-01-03
"""
    plan = plan_of(tu=tu, tr=tr)
    assert plan.settings["response"] == {"reader": "R1"}
    tables, problems = read_plan(plan)
    assert not errors(problems)
    rows = tables["lesions"].set_index(["reader", "lesion_id"]).sort_index()
    assert rows["organ"].tolist() == ["LIVER", "LYMPH NODE", "LYMPH NODE", "BONE"]
    assert rows["lymph_node"].tolist() == [False, True, True, False]
    assert rows["longest_mm"].fillna(0).tolist() == [42, 0, 0, 33]
    assert rows["perpendicular_mm"].fillna(0).tolist() == [0, 18, 21, 0]
    assert len(tables["assessments"]) == 3

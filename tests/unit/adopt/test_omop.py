"""Sources of the OMOP common data model that lack something or say it in their own way."""

import gzip
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from prrt_outcomes.adopt.omop import plan_omop
from prrt_outcomes.adopt.omop_codes import Concept, read_codes
from prrt_outcomes.adopt.write import write_study
from prrt_outcomes.cli.main import main
from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.errors import InputError, UsageError
from prrt_outcomes.study.load import load_study

TABLES = {
    "person": "person_id,gender_concept_id,year_of_birth\n1,8507,1950\n2,8532,1960\n",
    "death": "person_id,death_date,death_type_concept_id,cause_concept_id\n2,2016-05-01,,443392\n",
    "observation_period": "observation_period_id,person_id,observation_period_start_date,observation_period_end_date\n"
    "1,1,2010-01-01,2019-05-01\n2,2,2010-01-01,2016-05-01\n",
    "drug_exposure": "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,drug_exposure_end_date,"
    "quantity,drug_source_value,dose_unit_source_value\n"
    "1,1,0,2015-01-01,2015-01-01,7.4,Lutathera 7.4 GBq,GBq\n"
    "2,1,0,2015-03-01,2015-03-01,1,Lutathera 7.4 GBq,vial\n"
    "3,2,0,2015-01-01,2015-01-01,7400,Lutathera 7.4 GBq,MBq\n"
    "4,2,0,2015-06-01,2015-06-01,,Sandostatin (octreotide),\n",
    "measurement": "measurement_id,person_id,measurement_concept_id,measurement_date,value_as_number,"
    "measurement_source_value,unit_source_value\n"
    "1,1,0,2014-12-30,230,777-3,10*3/uL\n2,1,0,2014-12-30,240,777-3,10*3/uL\n3,1,0,2014-12-31,9,777-3,\n",
}
CONCEPTS = "concept_id,concept_name,vocabulary_id,concept_code\n"


@pytest.fixture
def make_folder(tmp_path):
    def make(suffix=".csv", **tables):
        folder = tmp_path / "cdm"
        folder.mkdir()
        for name, text in (TABLES | tables).items():
            if text is not None:
                (folder / f"{name}{suffix}").write_text(text, encoding="utf-8")
        return folder

    return make


@pytest.fixture
def adopt(make_folder, tmp_path):
    """Adopt a folder; return the plan and what comes of reading the study."""

    def run(codes=None, **tables):
        plan = plan_omop([make_folder(**tables)], codes)
        study_file = write_study(plan, tmp_path / "study", confirm=True)
        return plan, read_cohort(load_study(study_file), study_file.parent)

    return run


def errors(result):
    return [p for p in result.problems if p.severity == "error"]


def test_without_concepts_source_values_tell_and_are_a_doubt(adopt):
    plan, result = adopt()
    assert errors(result) == []
    cycles = result.tables["cycles"]
    assert cycles["radiopharmaceutical"].tolist() == ["177Lu-DOTATATE"] * 3
    assert sorted(cycles["activity_gbq"].dropna()) == [7.4, 7.4]
    assert "1 of 3 cycles have no activity: no unit of activity stands by the quantity" in plan.notes
    doubts = " ".join(plan.doubts)
    assert "there is no CONCEPT table" in doubts
    assert "'Lutathera 7.4 GBq' as 177Lu-DOTATATE (3)" in doubts
    assert "'Sandostatin (octreotide)' (1 rows) is read as ssa_long_acting" in doubts


def test_samples_of_a_day_are_kept_and_values_without_a_unit_counted(adopt):
    plan, result = adopt()
    labs = result.tables["labs"]
    assert labs[["value", "unit", "sequence"]].to_numpy().tolist() == [
        [230.0, "10^3/uL", 1],
        [240.0, "10^3/uL", 2],
    ]
    assert "laboratory values without a unit, left out: 1 of 777-3 (3)" in plan.notes
    lost = result.attrition.set_index("step")["n_lost"].to_dict()
    assert lost["cohort: not_empty"] == 1


def test_death_is_told_by_a_column_that_every_death_fills(adopt):
    plan, result = adopt()
    (source,) = plan.tables["follow_up"]
    assert source.settings["columns"]["vital_status"] == "cause_concept_id"
    found = result.tables["follow_up"][["vital_status", "last_contact_date"]]
    assert found.to_numpy().tolist() == [["alive", "2019-05-01"], ["dead", "2016-05-01"]]


def test_a_cycle_that_is_recorded_twice_is_read_once(adopt):
    plan, result = adopt(
        drug_exposure=TABLES["drug_exposure"] + "5,2,0,2015-01-01,2015-01-01,7400,Lutathera 7.4 GBq,MBq\n"
    )
    assert errors(result) == []
    assert len(result.tables["cycles"]) == 3
    assert any("repeat a cycle of the same day" in doubt for doubt in plan.doubts)


def test_texts_that_differ_in_blanks_are_one(adopt):
    drugs = TABLES["drug_exposure"].replace("Lutathera 7.4 GBq,MBq", "Lutathera  7.4 GBq,MBq")
    _, result = adopt(drug_exposure=drugs)
    assert errors(result) == []
    assert len(result.tables["cycles"]) == 3


def test_concepts_go_before_source_values_and_no_row_is_read_twice(adopt):
    drugs = TABLES["drug_exposure"].replace("1,1,0,", "1,1,77,")
    concept = CONCEPTS + "77,yttrium (90Y) edotreotide,RxNorm,x\n"
    _, result = adopt(drug_exposure=drugs, concept=concept)
    assert errors(result) == []
    cycles = result.tables["cycles"].sort_values(["patient_id", "cycle_date"])
    assert cycles["radiopharmaceutical"].tolist() == ["90Y-DOTATOC", "177Lu-DOTATATE", "177Lu-DOTATATE"]


def test_a_class_of_drugs_is_found_by_its_descendants(adopt):
    concept = CONCEPTS + "77,Product 12,RxNorm,x\n88,lanreotide,ATC,H01CB03\n89,H01,ATC,H01\n"
    ancestors = "ancestor_concept_id,descendant_concept_id\n88,77\n89,77\n"
    drugs = TABLES["drug_exposure"].replace("4,2,0,", "4,2,77,")
    plan, result = adopt(drug_exposure=drugs, concept=concept, concept_ancestor=ancestors)
    therapies = result.tables["therapies"]
    assert therapies[["kind", "drug"]].to_numpy().tolist() == [["ssa_long_acting", "Product 12"]]
    assert not any("octreotide" in doubt for doubt in plan.doubts)


def test_grade_is_read_by_concept_then_by_text_and_what_is_not_known_is_missing(adopt):
    rows = "measurement_id,person_id,measurement_concept_id,measurement_date,value_as_number,value_as_concept_id,"
    rows += "value_source_value,measurement_source_value\n"
    rows += "1,1,9,2014-01-01,,5,x,\n2,2,9,2014-01-01,,6,4,\n3,2,9,2015-01-01,,0,2,\n4,1,0,2014-01-01,0,,,29593-1\n"
    rows += "5,1,0,2013-01-01,,,,29593-1\n"
    concept = CONCEPTS + "9,Histology grade,LOINC,33732-9\n5,Grade II,SNOMED,x\n6,something else,SNOMED,y\n"
    plan, result = adopt(measurement=rows, concept=concept)
    assert errors(result) == []
    patients = result.tables["patients"]
    assert patients["grade"].tolist() == ["G2", "G3"]
    assert patients["ki67_percent"].fillna(-1).tolist() == [0, -1]
    doubts = " ".join(plan.doubts)
    assert "grade: '4' is read as G3: undifferentiated" in doubts
    assert "grade: persons with several of them: 1; the earliest is read" in doubts
    assert "grade: '6' of value_as_concept_id not known, read as missing" in doubts


def test_a_procedure_is_another_therapy(adopt):
    rows = "procedure_occurrence_id,person_id,procedure_concept_id,procedure_date,procedure_source_value\n"
    rows += "1,1,0,2016-01-01,37243\n2,1,0,2016-02-01,99213\n3,2,8,2014-05-01,\n"
    concept = CONCEPTS + "8,Left hemicolectomy,SNOMED,x\n"
    plan, result = adopt(procedure_occurrence=rows, concept=concept)
    assert errors(result) == []
    found = (
        result.tables["therapies"].query("kind in ['surgery', 'liver_directed']").sort_values("patient_id")
    )
    assert found[["patient_id", "kind", "drug"]].to_numpy().tolist() == [
        ["1", "liver_directed", "37243"],
        ["2", "surgery", "Left hemicolectomy"],
    ]
    assert any("'37243' (1 rows) is read as liver_directed: " in doubt for doubt in plan.doubts)


def test_a_progression_before_the_first_cycle_is_none(adopt):
    episode = "episode_id,person_id,episode_concept_id,episode_start_date,episode_source_value\n"
    episode += "1,1,0,2014-01-01,disease progression\n2,1,0,2016-01-01,disease progression\n"
    episode += "3,2,0,2014-01-01,disease progression\n"
    _, result = adopt(episode=episode)
    assert errors(result) == []
    assert result.tables["follow_up"]["progression_date"].fillna("").tolist() == ["2016-01-01", ""]


def test_persons_without_any_date_have_no_follow_up_and_are_a_doubt(adopt):
    period = TABLES["observation_period"].replace("1,1,2010-01-01,2019-05-01\n", "")
    plan, result = adopt(observation_period=period)
    assert errors(result) == []
    assert len(result.tables["follow_up"]) == 1
    assert any("neither death nor observation_period: 1" in doubt for doubt in plan.doubts)


def test_a_table_of_codes_of_ones_own_goes_first(adopt, tmp_path):
    own = tmp_path / "codes.csv"
    own.write_text(
        "domain,vocabulary,code,ours,note\n"
        "drug,name,lutathera,radiopharmaceutical=177Lu-DOTATOC,\n"
        "measurement,LOINC,777-3,,not read\n",
        encoding="utf-8",
    )
    plan, result = adopt(codes=own)
    assert set(result.tables["cycles"]["radiopharmaceutical"]) == {"177Lu-DOTATOC"}
    assert "labs" not in plan.tables


def test_a_code_is_taken_out(tmp_path):
    own = tmp_path / "codes.csv"
    own.write_text(
        "domain,vocabulary,code,ours,note\ncondition,ICDO3,8240/3-C18.1,,\ncondition,ICDO3,824?/?-C34*,tumour_type=other,\n",
        encoding="utf-8",
    )
    codes = read_codes(own)
    found = {
        code: codes.find("condition", Concept("1", "ICDO3", code, "Carcinoid tumor of appendix"))
        for code in ("8240/3-C18.1", "8240/3-C18.2", "8240/3-C34.1")
    }
    assert [row and row.value for row in found.values()] == [None, "gep_large_intestine", "other"]
    assert codes.find("condition", Concept(code="8240/3-C18.1", name="8240/3-C18.1")) is None


def test_every_fault_of_a_table_of_codes_is_told(tmp_path):
    own = tmp_path / "codes.csv"
    own.write_text(
        "domain,vocabulary,code,ours,note\n"
        "drugs,ATC,V10XX04,radiopharmaceutical=177Lu-DOTATATE,\n"
        "drug,ATC,,kind=other,\n"
        "drug,ATC,L01,type=other,\n"
        "drug,ATC,L01,kind=chemotherapie,\n"
        "drug,ATC,L01\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        read_codes(own)
    assert [(p.row, p.column) for p in caught.value.problems] == [
        (2, "domain"),
        (3, "code"),
        (4, "ours"),
        (5, "ours"),
        (6, ""),
    ]
    assert "did you mean drug?" in caught.value.problems[0].expected
    assert "did you mean chemotherapy?" in caught.value.problems[3].expected


def test_a_folder_of_something_else_is_refused(make_folder):
    with pytest.raises(InputError) as caught:
        plan_omop([make_folder(person=None)], None)
    (problem,) = caught.value.problems
    assert problem.problem == "this is no OMOP data model"
    assert "person.year_of_birth" in problem.expected


def test_a_table_without_what_it_needs_is_refused(make_folder):
    with pytest.raises(InputError) as caught:
        plan_omop([make_folder(measurement="measurement_id,person_id,measurement_date\n")], None)
    assert caught.value.problems[0].expected.startswith("measurement.value_as_number of OMOP CDM 5.4")


def test_a_table_that_stands_twice_is_refused(make_folder):
    folder = make_folder()
    (folder / "DEATH.tsv").write_text("person_id\tdeath_date\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        plan_omop([folder], None)
    assert [p.problem for p in caught.value.problems] == ["a table is given twice"]


def test_a_broken_file_is_named(make_folder):
    folder = make_folder()
    (folder / "episode.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError) as caught:
        plan_omop([folder], None)
    assert [p.table for p in caught.value.problems] == ["episode.parquet"]


@pytest.mark.parametrize(
    ("library", "source"), [("psycopg", "postgresql:///x"), ("duckdb", "duckdb:///x.duckdb")]
)
def test_a_library_that_is_not_installed_is_named_with_the_extra(library, source, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=rf"library {library}: pip install 'prrt-outcomes\[omop\]'"):
        plan_omop([source], None)


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (["mysql://host/cdm"], "mysql:// is no source of --omop"),
        ([Path("a.xlsx")], "reads a folder"),
        ([Path("a"), Path("b")], "needs one source"),
    ],
)
def test_other_sources_are_refused(sources, words):
    with pytest.raises(UsageError, match=words):
        plan_omop(sources, None)


@pytest.mark.parametrize(
    "source", ["duckdb:///none.duckdb", "postgresql://127.0.0.1:1/none?connect_timeout=2"]
)
def test_a_database_that_is_not_there_is_a_problem_without_its_address(source):
    pytest.importorskip(source.partition(":")[0].replace("postgresql", "psycopg"))
    with pytest.raises(InputError) as caught:
        plan_omop([source], None)
    assert [p.problem for p in caught.value.problems] == ["the database cannot be opened"]


def test_a_table_in_two_schemas_needs_to_be_named(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "cdm.duckdb"
    with duckdb.connect(str(path)) as connection:
        for schema in ("a", "b"):
            connection.execute(f"create schema {schema}")
            connection.execute(f"create table {schema}.person (person_id int, year_of_birth int)")
    with pytest.raises(UsageError, match="the table person stands in several schemas: a, b"):
        plan_omop([path], None)


def test_a_table_that_the_database_refuses_is_named(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "cdm.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table person (person_id int, year_of_birth int)")
        connection.execute("create table d (person_id int, drug_concept_id varchar)")
        connection.execute(
            "create view drug_exposure as select person_id, drug_concept_id::int drug_concept_id, "
            "date '2015-01-01' drug_exposure_start_date from d"
        )
        connection.execute("insert into d values (1, 'x')")
    with pytest.raises(InputError) as caught:
        plan_omop([path], None)
    assert [(p.table, p.problem) for p in caught.value.problems] == [
        ("cdm.duckdb", "drug_exposure cannot be read")
    ]


def test_codes_and_databases_are_of_omop_alone(make_folder, tmp_path, capsys):
    folder = str(make_folder())
    assert main(["adopt", "--codes", "x.csv", folder, str(tmp_path / "study")]) == 2
    assert main(["adopt", "postgresql:///x", str(tmp_path / "study")]) == 2
    assert "--omop" in capsys.readouterr().err


def test_a_file_of_the_folder_is_given_as_it_is(make_folder, tmp_path):
    folder = make_folder()
    assert main(["adopt", "--omop", str(folder), str(tmp_path / "study"), "--confirm"]) == 0
    for name in ("person", "death", "measurement"):
        copy = tmp_path / "study" / "data" / f"{name}.csv"
        assert copy.read_text("utf-8") == TABLES[name]


@pytest.mark.parametrize("name", ["episode.parquet", "episode.csv.gz"])
def test_a_file_that_holds_far_more_than_its_size_is_refused(make_folder, name):
    folder = make_folder()
    if name.endswith("parquet"):
        codes = pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000_000, np.int32)), pa.array(["1"]))
        parquet.write_table(pa.table({"person_id": codes, "episode_start_date": codes}), folder / name)
    else:
        (folder / name).write_bytes(
            gzip.compress(b"person_id,episode_start_date\n" + b"1,1\n" * 30_000_000, 6)
        )
    with pytest.raises(InputError) as caught:
        plan_omop([folder], None)
    assert [(p.table, p.problem) for p in caught.value.problems] == [
        (name, "the file holds far more than its size")
    ]

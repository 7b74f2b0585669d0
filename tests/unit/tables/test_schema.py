"""The contract: every table and column that the data contract names, in its order, each one described."""

import pytest
import yaml
from frictionless import Schema

from prrt_outcomes.fingerprint import find_home
from prrt_outcomes.tables.schema import KINDS, list_tables, load_schema

PATIENT = """patient_id centre_id sex birth_year age_years tumour_type diagnosis_date grade ki67_percent functioning
    krenning_score liver_metastases bone_metastases progressive_at_baseline ecog karnofsky prior_lines"""
COX_ROW = "log_hazard_ratio std_error hazard_ratio hazard_ratio_low hazard_ratio_high p_value"

# Columns in the order of the contract; more may follow.
EXPECTED = {
    "input": {
        "patients": PATIENT,
        "cycles": "patient_id cycle_date radiopharmaceutical activity_gbq amino_acids kidney_dose_gy marrow_dose_gy",
        "therapies": "patient_id start_date kind drug sequence end_date dose_mg intent",
        "assessments": """patient_id assessment_date reader reported_criterion modality non_target new_lesion
            reported_response""",
        "lesions": """patient_id assessment_date lesion_id reader role organ lymph_node longest_mm
            perpendicular_mm state""",
        "labs": "patient_id sample_date analyte sequence value unit lower_limit upper_limit",
        "follow_up": """patient_id last_contact_date vital_status death_date death_cause progression_date
            progression_basis""",
        "adverse_events": "patient_id onset_date term sequence end_date grade related",
        "reported_outcomes": "patient_id endpoint time event entry_time",
        "questionnaires": "patient_id visit_date instrument scale score visit",
        "pet": """patient_id scan_date tracer sequence sstr_volume_ml total_lesion_sstr_suv_ml suv_max suv_mean
            tumour_to_liver_ratio tumour_to_spleen_ratio""",
        "control_patients": PATIENT + " source",
        "control_outcomes": "patient_id endpoint time event entry_time",
        "control_curves": "control arm endpoint time_months survival",
        "control_at_risk": "control arm endpoint time_months n_at_risk",
    },
    "derived": {
        "treatment_periods": """patient_id period first_cycle last_cycle n_cycles cumulative_activity_gbq
            radionuclide kind""",
        "responses": """patient_id period assessment_date reader criterion target_sum baseline_sum nadir_sum
            change_from_baseline change_from_nadir target_response non_target_response new_lesion
            overall_response reason""",
        "best_responses": """patient_id period criterion reader confirmed best_response best_response_date
            response_group basis""",
        "endpoints": """patient_id endpoint origin_date end_date entry_days time_days event reason basis
            status""",
        "lab_grades": "patient_id period sample_date analyte value_si grade baseline_grade phase",
        "analysis_set": "patient_id",
    },
    "results": {
        "stages": "stage status reason",
        "attrition": "table unit step reason n_before n_lost n_after",
        "response_rates": """criterion confirmed group_by group category n total proportion proportion_low
            proportion_high""",
        "response_concordance": "criterion_a criterion_b response_a response_b n kappa",
        "km_curve": """endpoint group_by group time_months n_at_risk n_event n_censored survival std_error
            survival_low survival_high""",
        "km_summary": """endpoint group_by group n events median_months median_low median_high
            follow_up_months rmst_months rmst_std_error rmst_horizon_months status""",
        "km_at_risk": "endpoint group_by group time_months n_at_risk n_events_before n_censored_before",
        "milestones": """endpoint group_by group time_months n_at_risk survival survival_low
            survival_high""",
        "logrank": "endpoint group_by test strata statistic df p_value p_adjusted group reference",
        "rmst_difference": "endpoint group_by group reference horizon_months difference_months low high p_value",
        "cox": f"endpoint model term level reference n events {COX_ROW} status",
        "cox_diagnostics": "endpoint model term statistic df p_value",
        "cox_fit": "endpoint model n events log_likelihood_null log_likelihood concordance ties",
        "competing_risks": "endpoint cause group_by group time_months cumulative_incidence low high",
        "competing_tests": "endpoint cause group_by test statistic df p_value",
        "fine_gray": f"endpoint cause term level reference {COX_ROW}",
        "responders": f"""endpoint criterion adjusted method landmark_months comparison n excluded events
            statistic {COX_ROW}""",
        "responder_curves": "endpoint method landmark_months group time_months n_at_risk survival",
        "controls": """control endpoint method weights n n_control ess ess_control observed expected statistic
            estimate horizon_months assumption value low high std_error p_value status""",
        "control_balance": "control covariate weights mean mean_control smd",
        "control_comparability": "control item cohort control_value verdict consequence",
        "reconstruction_quality": "control arm endpoint measure target reconstructed limit verdict",
        "waterfall": "patient_id criterion best_change best_response",
        "lesion_change": "radionuclide size_class n_lesions n_patients mean_change low high",
        "lesion_change_test": "",
        "absorbed_fraction": "radionuclide diameter_mm fraction fraction_tortuous",
        "safety_grades": "analyte phase baseline_grade worst_grade n total",
        "treatment_delivery": "item group_by group n total value low high",
        "claims": "claim source published observed low high verdict",
    },
}
KEYS = {
    "cycles": "patient_id cycle_date radiopharmaceutical",
    "therapies": "patient_id start_date kind drug sequence",
    "assessments": "patient_id assessment_date reader reported_criterion",
    "lesions": "patient_id assessment_date lesion_id reader",
    "labs": "patient_id sample_date analyte sequence",
    "adverse_events": "patient_id onset_date term sequence",
    "reported_outcomes": "patient_id endpoint",
    "questionnaires": "patient_id visit_date instrument scale",
    "pet": "patient_id scan_date tracer sequence",
    "control_curves": "control arm endpoint time_months",
}
CODES = {
    ("patients", "sex"): "female male other unknown",
    ("patients", "grade"): "G1 G2 G3 unknown",
    ("patients", "tumour_type"): """gep_pancreas gep_small_intestine gep_large_intestine gep_stomach_duodenum
        gep_other gep_unknown_primary lung paraganglioma phaeochromocytoma other""",
    ("analysis_set", "tumour_group"): "gep lung neuroectodermal other",
    ("cycles", "radiopharmaceutical"): """177Lu-DOTATATE 177Lu-DOTATOC 90Y-DOTATOC 90Y-DOTATATE
        177Lu-DOTANOC 177Lu-satoreotide 90Y-DOTANOC 90Y-satoreotide 225Ac-DOTATATE 225Ac-DOTATOC 225Ac-DOTANOC
        225Ac-satoreotide 212Pb-DOTATATE 212Pb-DOTATOC 212Pb-DOTANOC 212Pb-satoreotide 111In-DOTATATE 111In-DOTATOC
        111In-DOTANOC 111In-satoreotide 131I-DOTATATE 131I-DOTATOC 131I-DOTANOC 131I-satoreotide other""",
    ("therapies", "kind"): """ssa_long_acting ssa_short_acting surgery chemotherapy targeted liver_directed
        external_radiotherapy other""",
    ("assessments", "non_target"): "none CR non_CR_non_PD PD NE",
    ("assessments", "reported_response"): "CR PR MR SD NON-CR/NON-PD PD NE",
    ("lesions", "state"): "measured absent too_small not_evaluated",
    ("follow_up", "vital_status"): "alive dead lost",
    (
        "safety_grades",
        "analyte",
    ): """creatinine haemoglobin platelets leukocytes neutrophils lymphocytes alt ast
        bilirubin chromogranin_a egfr""",
}
TABLES = [(kind, table) for kind in KINDS for table in EXPECTED[kind]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_table_of_the_contract(kind):
    assert set(EXPECTED[kind]) <= set(list_tables(kind))
    if kind == "input":
        assert set(EXPECTED[kind]) == set(list_tables(kind))


@pytest.mark.parametrize(("kind", "table"), TABLES)
def test_columns_stand_in_the_order_of_the_contract(kind, table):
    expected = tuple(EXPECTED[kind][table].split())
    assert load_schema(table).names[: len(expected)] == expected
    assert load_schema(table).kind == kind


@pytest.mark.parametrize("table", KEYS)
def test_keys(table):
    assert load_schema(table).key == tuple(KEYS[table].split())


@pytest.mark.parametrize(("table", "column"), CODES)
def test_codes_stand_in_the_order_of_the_contract(table, column):
    assert load_schema(table).field(column).codes == tuple(CODES[table, column].split())


@pytest.mark.parametrize("path", sorted((find_home() / "data_schema").glob("*/*.yaml")), ids=lambda p: p.stem)
def test_each_file_is_a_table_schema_with_words_for_every_column(path):
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    Schema.from_descriptor(raw)  # raises where the descriptor breaks the Table Schema profile
    assert raw["name"] == path.stem
    names = [field["name"] for field in raw["fields"]]
    assert len(set(names)) == len(names)
    assert set(raw["primaryKey"]) <= set(names)
    for field in raw["fields"]:
        assert field["title"], f"{path.stem}.{field['name']}"
        assert field["description"], f"{path.stem}.{field['name']}"
        codes = field.get("constraints", {}).get("enum", [])
        assert set(field.get("labels", {})) == {str(code) for code in codes}, f"{path.stem}.{field['name']}"


def test_foreign_keys_point_at_tables_that_exist():
    for kind in KINDS:
        for table in list_tables(kind):
            for foreign in load_schema(table).foreign_keys:
                assert set(foreign.reference) <= set(load_schema(foreign.table).names)
                assert set(foreign.columns) <= set(load_schema(table).names)


def test_every_row_about_a_patient_points_at_the_patient():
    for table in list_tables("input"):
        if "patient_id" in load_schema(table).names and not table.endswith("patients"):
            parent = "control_patients" if table.startswith("control") else "patients"
            assert [foreign.table for foreign in load_schema(table).foreign_keys] == [parent]


def test_every_estimate_has_a_status():
    for table in EXPECTED["results"]:
        names = load_schema(table).names
        if {"hazard_ratio", "survival", "p_value", "proportion"} & set(names):
            assert "status" in names, table


def test_key_columns_that_may_be_absent_are_filled():
    defaults = {
        (table, field.name): field.key_default
        for table in list_tables("input")
        for field in load_schema(table).fields
        if field.key_default is not None
    }
    assert defaults == {
        ("adverse_events", "sequence"): 1,
        ("assessments", "reader"): "local",
        ("assessments", "reported_criterion"): "any",
        ("labs", "sequence"): 1,
        ("lesions", "reader"): "local",
        ("pet", "sequence"): 1,
        ("therapies", "drug"): "unspecified",
        ("therapies", "sequence"): 1,
    }


def test_labels_are_words_for_readers():
    assert load_schema("patients").field("tumour_type").label("gep_small_intestine") == "Small intestine"
    assert load_schema("endpoints").field("event").label(1) == "Event"
    assert load_schema("patients").field("age_years").title == "Age"
    assert load_schema("km_curve").field("group").label("placebo") == "placebo"


def test_an_unknown_table_or_column_is_named():
    with pytest.raises(KeyError, match="no table patient"):
        load_schema("patient")
    with pytest.raises(KeyError, match="patients has no column gender"):
        load_schema("patients").field("gender")

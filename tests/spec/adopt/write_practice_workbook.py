"""docs/practice.xlsx, the workbook of the tutorial: simulated patients as a clinic lists them. Run to write it anew."""

from pathlib import Path

import pandas as pd
from openpyxl import Workbook

from prrt_outcomes.simulate import SimulationSettings, simulate_registry

PATH = Path(__file__).resolve().parents[3] / "docs" / "practice.xlsx"
TITLE = "PRRT list of the clinic, last updated 31 Dec 2021 (simulated patients)"
TUMOURS = {
    "gep_pancreas": "Pancreas",
    "gep_small_intestine": "Small intestine",
    "gep_large_intestine": "Rectum",
    "gep_stomach_duodenum": "Duodenum",
    "gep_unknown_primary": "CUP",
    "lung": "Lung",
    "paraganglioma": "Paraganglioma",
    "phaeochromocytoma": "Phaeochromocytoma",
    "other": "Other",
}
ANALYTES = {"haemoglobin": "Hb g/l", "platelets": "Platelets G/l", "creatinine": "Creatinine µmol/l"}


def list_patients(tables):
    """One row a patient, cycles in columns."""
    patients = tables["patients"].set_index("patient_id")
    follow_up = tables["follow_up"].set_index("patient_id").reindex(patients.index)
    sheet = pd.DataFrame(
        {
            "Pat. no.": range(1, len(patients) + 1),
            "Sex": patients["sex"].map({"male": "m", "female": "f"}),
            "Age": patients["age_years"],
            "Tumour": patients["tumour_type"].astype("string").map(TUMOURS),
            "Grade": patients["grade"].astype("string").replace("unknown", pd.NA),
            "ECOG": patients["ecog"],
        }
    )
    cycles = tables["cycles"].sort_values(["patient_id", "cycle_date"])
    cycles = cycles.assign(n=cycles.groupby("patient_id").cumcount() + 1).query("n <= 4")
    first = cycles[cycles["n"] == 1].set_index("patient_id")
    sheet["Radiopharmaceutical"] = first["radiopharmaceutical"].astype("string")
    for n in range(1, 5):
        cycle = cycles[cycles["n"] == n].set_index("patient_id")
        sheet[f"PRRT {n}"] = cycle["cycle_date"]
        sheet[f"GBq {n}"] = cycle["activity_gbq"]
    sheet["Last contact"] = pd.to_datetime(follow_up["last_contact_date"].astype("string"), errors="coerce")
    sheet["Deceased"] = follow_up["vital_status"].astype("string").map({"dead": "yes", "alive": "no"})
    sheet["Date of death"] = pd.to_datetime(follow_up["death_date"].astype("string"), errors="coerce")
    return sheet


def make_sheets():
    """Title above the names on the first sheet; scans and laboratory values have sheets of their own."""
    tables = simulate_registry(SimulationSettings(), patients=48, seed=1)
    patients = list_patients(tables)
    numbers = patients["Pat. no."]
    seen = tables["assessments"]
    scans = pd.DataFrame(
        {
            "Pat. no.": seen["patient_id"].map(numbers),
            "CT date": seen["assessment_date"],
            "Response": seen["reported_response"].astype("string"),
            "New lesion": seen["new_lesion"].map({True: "yes", False: "no"}),
        }
    )
    measured = tables["lesions"]
    lesions = pd.DataFrame(
        {
            "Pat. no.": measured["patient_id"].map(numbers),
            "CT date": measured["assessment_date"],
            "Lesion": measured["lesion_id"],
            "Site": measured["organ"].astype("string"),
            "Node": measured["lymph_node"].map({True: "yes", False: "no"}),
            "Kind": measured["role"].astype("string"),
            "State": measured["state"].astype("string"),
            "Diameter mm": measured["longest_mm"],
            "Short axis mm": measured["perpendicular_mm"],
        }
    )
    labs = tables["labs"][tables["labs"]["analyte"].isin(ANALYTES)]
    value = labs["value"] * labs["unit"].map({"g/dL": 10, "mg/dL": 88.42, "mmol/L": 16.114}).fillna(1)
    blood = (
        labs.assign(value=value.round(1))
        .pivot_table(index=["patient_id", "sample_date"], columns="analyte", values="value", observed=True)
        .rename(columns=ANALYTES)[list(ANALYTES.values())]
        .reset_index()
    )
    blood["patient_id"] = blood["patient_id"].map(numbers)
    return {
        "Patients": patients,
        "CT": scans,
        "Lesions": lesions,
        "Lab": blood.rename(columns={"patient_id": "Pat. no.", "sample_date": "Date"}),
    }


def list_rows(name, frame):
    """Rows of a sheet as cells; what is missing is an empty cell."""
    rows = [[TITLE], []] if name == "Patients" else []
    rows.append(list(frame.columns))
    for row in frame.itertuples(index=False):
        rows.append(
            [None if pd.isna(cell) else getattr(cell, "to_pydatetime", lambda c=cell: c)() for cell in row]
        )
    return rows


def write_workbook(path=PATH):
    book = Workbook()
    book.remove(book.active)
    for name, frame in make_sheets().items():
        sheet = book.create_sheet(name)
        for row in list_rows(name, frame):
            sheet.append(row)
        for cells in sheet.iter_rows():
            for cell in cells:
                if cell.is_date:
                    cell.number_format = "DD.MM.YYYY"
    book.save(path)


if __name__ == "__main__":
    write_workbook()

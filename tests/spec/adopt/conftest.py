"""The data dictionary of the exports of REDCap that are tried."""

import csv

import pytest

HEAD = [
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
]
ORGANS = (
    "4, Lungs or respiratory track | 7, Small intestine | 9, Liver and bile ducts | "
    "10, Pancreas | 31, Bone and joint"
)
GRADES = "1, Grade 1 (Ki-67 <3%) | 2, Grade 2 (3-20%) | 3, Grade 3 (>20%) | 9, not known"
FIELDS = [
    ("record_id", "general_registry", "text", "Record ID", ""),
    ("gender", "general_registry", "radio", "Gender", "0, Female | 1, Male | -9, Unknown"),
    ("birth_date", "general_registry", "text", "Birthday (DD-MM-YYYY)", ""),
    (
        "organ_phenotype",
        "general_registry",
        "checkbox",
        "Choose the organ with disease manifestation",
        ORGANS,
    ),
    ("who_grade", "general_registry", "radio", "WHO grade", GRADES),
    ("cyc_date", "prrt_cycle", "text", "Date", ""),
    ("cyc_act", "prrt_cycle", "text", "Administered activity (MBq)", ""),
    (
        "cyc_agent",
        "prrt_cycle",
        "dropdown",
        "Radiopharmaceutical",
        "1, Lu-177 DOTATATE | 2, Y-90 DOTATOC | 99, Other",
    ),
    ("scan_date", "scan", "text", "Date", ""),
    ("scan_resp", "scan", "radio", "Overall response (RECIST 1.1)", "1, CR | 2, PR | 3, SD | 4, PD | 5, NE"),
    ("scan_new", "scan", "yesno", "New lesion?", ""),
    ("lab_date", "lab", "text", "Date", ""),
    ("lab_creat", "lab", "text", "Creatinine (umol/l)", ""),
    ("lab_plt", "lab", "text", "Platelets (G/l)", ""),
    ("lab_hb", "lab", "text", "Haemoglobin (g/l)", ""),
    ("lfu_date", "follow_up", "text", "Date of last contact", ""),
    ("vital", "follow_up", "radio", "Vital status", "1, Alive | 2, Dead | 3, Lost to follow-up"),
    ("death_date", "follow_up", "text", "Date of death", ""),
    ("pd_date", "follow_up", "text", "Date of first progression", ""),
]


@pytest.fixture
def write_dictionary(tmp_path):
    """Path of a data dictionary with the columns that matter."""
    path = tmp_path / "dictionary.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows(
            (name, form, "", kind, label, choices) for name, form, kind, label, choices in FIELDS
        )
    return path

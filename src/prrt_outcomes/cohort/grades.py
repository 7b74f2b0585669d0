"""The grade of gastroenteropancreatic tumours by their proliferation index, where a registry states no grade."""

import numpy as np
import pandas as pd

from prrt_outcomes.errors import Problem, count_words, tell

# WHO 2019 and 2022: G1 below 3 %, G2 3 to 20 %, G3 above 20 %. Other tumours are not graded by Ki-67 alone.
LEAST_G2_PERCENT = 3.0
MOST_G2_PERCENT = 20.0
GRADED_BY_KI67 = "gep_"


def derive_grades(table: str, patients: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Fill an empty grade from Ki-67; a grade that is stated, `unknown` among them, stays.

    table : name of the table to be named
    patients : typed: grade, ki67_percent, tumour_type
    Returns the patients, and a note that counts those whose grade was filled.
    """
    percent = patients["ki67_percent"]
    is_graded = patients["tumour_type"].astype("string").str.startswith(GRADED_BY_KI67).fillna(False)
    fills = (patients["grade"].isna() & percent.notna() & is_graded).to_numpy(bool)
    if not fills.any():
        return patients, []
    grade = np.select([percent < LEAST_G2_PERCENT, percent <= MOST_G2_PERCENT], ["G1", "G2"], "G3")
    stated = patients["grade"]
    filled = stated.astype("string").mask(fills, pd.Series(grade, patients.index, dtype="string"))
    n = count_words(int(fills.sum()), "patient")
    note = tell("grades_by_ki67", table, None, "grade", patients=n)
    return patients.assign(grade=filled.astype(stated.dtype)), [note]

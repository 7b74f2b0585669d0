"""Names of groupings and levels, apart from what computes them: settings are checked without any table."""

WHOLE = "all"
UNKNOWN = "unknown"
DERIVED_COLUMNS = ("tumour_group", "radionuclide")
GROUP_OF_TYPE = {
    "gep_pancreas": "gep", "gep_small_intestine": "gep", "gep_large_intestine": "gep",
    "gep_stomach_duodenum": "gep", "gep_other": "gep", "gep_unknown_primary": "gep", "lung": "lung",
    "paraganglioma": "neuroectodermal", "phaeochromocytoma": "neuroectodermal", "other": "other",
}  # fmt: skip

"""Names of groupings and levels, apart from what computes them: settings are checked without any table."""

WHOLE = "all"
UNKNOWN = "unknown"
PET_COLUMNS = (
    "sstr_volume_ml", "total_lesion_sstr_suv_ml", "suv_max", "suv_mean", "tumour_to_liver_ratio",
    "tumour_to_spleen_ratio",
)  # fmt: skip
DERIVED_COLUMNS = ("tumour_group", "radionuclide", *PET_COLUMNS)
GROUP_OF_TYPE = {
    "gep_pancreas": "gep", "gep_small_intestine": "gep", "gep_large_intestine": "gep",
    "gep_stomach_duodenum": "gep", "gep_other": "gep", "gep_unknown_primary": "gep", "lung": "lung",
    "paraganglioma": "neuroectodermal", "phaeochromocytoma": "neuroectodermal", "other": "other",
}  # fmt: skip

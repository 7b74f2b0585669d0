"""Estimators: one checked `SurvivalData` or plain arrays in, frozen results out; no study, table or file."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(
    __name__,
    cox="compute_e_value fit_cox",
    cox_bootstrap="bootstrap_cox_log_hazard_ratio",
    cumulative_incidence="compute_gray_test fit_cumulative_incidence fit_fine_gray",
    curve_summaries="compute_milestone_difference compute_one_sample_logrank compute_quantile compute_rmst "
    "compute_rmst_difference fit_piecewise_exponential summarise_milestones",
    data="SurvivalData",
    firth="fit_firth_cox",
    hazard_ratios="compute_cox_concordance fit_piecewise_hazard_ratio summarise_proportional_hazards "
    "summarise_subgroup_hazard_ratios",
    imputation="impute_chained pool_estimates",
    kaplan_meier="fit_kaplan_meier fit_kaplan_meier_by_group fit_reverse_kaplan_meier",
    logrank="compute_holm compute_logrank compute_mantel_byar compute_maxcombo fit_simon_makuch",
    maic="bootstrap_maic fit_maic",
    propensity="bootstrap_propensity fit_matching fit_propensity",
    proportions="compute_clopper_pearson compute_kappa compute_proportion_difference",
    risk_table="compute_risk_table flag_at_risk",
    standardisation="fit_standardised_survival",
    turnbull="fit_turnbull",
    weights="compute_balance compute_distance compute_effective_sample_size compute_propensity_weights draw_weights",
)

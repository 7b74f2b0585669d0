"""Change of lesions: estimating equations against geepack in R and against statsmodels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.clustered import fit_clustered

FOLDER = Path(__file__).parent / "r" / "radionuclides"


def lay_out():
    lesions = pd.read_csv(FOLDER / "lesions.csv")
    given, doublings = lesions["y90"].to_numpy(dtype=float), lesions["doublings"].to_numpy()
    design = np.column_stack([np.ones(len(lesions)), given, doublings, given * doublings])
    return lesions["change"].to_numpy(), design, lesions["patient"].to_numpy()


def test_estimates_equal_geepack(agree):
    """Fixed: with the correlation from pairs minus coefficients, as ours; geepack itself takes it from all pairs."""
    source = (FOLDER / "gee.csv").read_text().splitlines()[0].removeprefix("# ")
    theirs = pd.read_csv(FOLDER / "gee.csv", comment="#")
    ours = fit_clustered(*lay_out())
    assert ours is not None
    what = "lesion change: estimates"
    agree(
        "radionuclides_gee_fixed", f"{what}, correlation held", ours.estimate, theirs["fixed"], 1e-7, source
    )
    agree("radionuclides_gee", what, ours.estimate, theirs["estimate"], 5e-3, source)
    error = np.sqrt(ours.covariance[3, 3])
    what = "lesion change: corrected error of the interaction against the jackknife"
    agree("radionuclides_gee_error", what, error, theirs["jackknife"].iloc[3], 2e-3, source)


def test_estimates_and_errors_equal_statsmodels(agree):
    from statsmodels import __version__
    from statsmodels.genmod.cov_struct import Exchangeable
    from statsmodels.genmod.generalized_estimating_equations import GEE

    outcome, design, patient = lay_out()
    model = GEE(outcome, design, groups=patient, cov_struct=Exchangeable())
    theirs = model.fit(cov_type="bias_reduced", ctol=1e-12, params_niter=1)
    ours, source = fit_clustered(outcome, design, patient), f"statsmodels {__version__}"
    assert ours is not None
    pairs = {
        "estimates": (ours.estimate, theirs.params),
        "errors corrected for few patients": (np.sqrt(np.diag(ours.covariance)), theirs.bse),
    }
    for number, (what, (own, other)) in enumerate(pairs.items()):
        agree(f"radionuclides_gee_statsmodels_{number}", f"lesion change: {what}", own, other, 1e-7, source)

"""Progression-free survival where scans stop and patients die, simulated: what is true, censored and weighted."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import select_endpoint_rows
from prrt_outcomes.survival.scan_follow_up import censor_at_stops, derive_visits, weigh_visits

START, INTERVAL, CUTOFF = pd.Timestamp("2000-01-01"), 84, 1500
STUDY = Study.model_validate(
    {
        "study": "s",
        "tables": {"patients": "p.csv", "follow_up": "f.csv"},
        "endpoints": ["pfs"],
        "assessment_interval_days": INTERVAL,
    }
)
MONTHS = np.array([365, 730]) / 30.4375


def day(number):
    return START + pd.to_timedelta(number, unit="D")


def simulate(generator, n, stop, factor):
    """Scans every 84 days; after each they stop with probability `stop`; death is more likely after progression.

    `factor` (n,) multiplies the hazards of progression and of death before it. Returns rows of
    `endpoints`, scans, and true days.
    """
    progression, death = (generator.exponential(1000 / factor) for _ in range(2))
    after = progression + generator.exponential(1 / 0.006, n)
    death = np.ceil(np.where(death < progression, death, after))
    found = np.ceil(progression / INTERVAL) * INTERVAL
    last = generator.geometric(stop, n) * INTERVAL
    truth = np.minimum(found, death)
    seen = (found <= np.minimum(death, last)) & (found <= CUTOFF)
    died = ~seen & (death <= CUTOFF)
    final = np.where(seen, found - INTERVAL, np.minimum.reduce([last, death - 1, np.full(n, CUTOFF)]))
    count = (final // INTERVAL).astype(int)
    rows = pd.DataFrame({"patient_id": range(n), "endpoint": "pfs", "entry_days": 0.0, "origin_date": START})
    rows["time_days"] = np.select([seen, died], [found, death], np.maximum(count * INTERVAL, 0.5))
    rows["event"] = (seen | died).astype(int)
    rows["reason"] = np.select([seen, died], ["progression", "death"], "last_adequate_assessment")
    rows["new_therapy_date"] = pd.NaT
    rows["last_contact_date"] = day(np.minimum(death, CUTOFF))
    patient = np.repeat(np.arange(n), count)
    number = np.arange(len(patient)) - np.repeat(count.cumsum() - count, count) + 1
    scans = pd.DataFrame({"patient_id": patient, "overall_response": "SD"})
    return rows, scans.assign(assessment_date=day(number * INTERVAL)), truth


@pytest.mark.parametrize("depends", [False, True])
def test_censored_and_weighted_survival_where_scans_stop_is_what_would_have_been_seen(depends):
    generator, n = np.random.default_rng(20261201), 8000
    sick = generator.random(n) < 0.5
    stop = np.where(sick, 0.3, 0.05) if depends else 0.2
    rows, scans, truth = simulate(generator, n, stop, np.where(sick, 2.0, 0.4) if depends else np.ones(n))
    visits = derive_visits(rows, scans, day(CUTOFF), STUDY)
    patients = pd.DataFrame({"patient_id": range(n), "first_cycle": START})
    censored = select_endpoint_rows(censor_at_stops(rows, visits), patients, "pfs")
    weighted = weigh_visits(censored, visits, pd.DataFrame({"sick": sick.astype(float)}))
    true, found = np.array([(truth > at).mean() for at in (365, 730)]), []
    for analysis in (censored, weighted):
        curve = fit_kaplan_meier(analysis.data)
        found.append(curve.survival[np.searchsorted(curve.time, MONTHS, side="right") - 1])
    assert found[1] == pytest.approx(true, abs=0.02)
    if depends:
        assert (found[0] - true > 0.03).all()
    else:
        assert found[0] == pytest.approx(true, abs=0.02)

"""Whatever is asked of the simulator, the registry keeps the contract."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from prrt_outcomes.simulate.history import derive_outcomes, draw_history
from prrt_outcomes.simulate.lesions import RESPONSES
from prrt_outcomes.simulate.registry import simulate_registry
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides
from prrt_outcomes.tables.schema import load_schema

DEFAULT = SimulationSettings()
SHARES = st.sampled_from([0.0, 0.1, 0.5, 1.0])
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "scans.missed_share": SHARES,
        "scans.no_baseline_share": SHARES,
        "scans.prompted_share": SHARES,
        "scans.clinical_progression_share": SHARES,
        "scans.not_evaluable_share": SHARES,
        "scans.interval_days": st.integers(28, 400),
        "lesions.non_target_only_share": SHARES,
        "lesions.complete_response_share": SHARES,
        "lesions.median_diameter_mm": st.floats(12, 80),
        "treatment.retreatment_share": SHARES,
        "treatment.analogue_share": SHARES,
        "treatment.combined_share": SHARES,
        "records.missing_share": SHARES,
        "records.partial_date_share": SHARES,
        "follow_up.lost_per_year": st.floats(0, 5),
        "disease.progression_median_months": st.floats(0.5, 200),
        "disease.death_per_year_before_progression": st.floats(0, 5),
        "effects.confounding_strength": st.floats(0, 3),
        "effects.objective_response_hazard_ratio": st.floats(0.05, 5),
        "cohort.centres": st.integers(1, 12),
        "controls.patients": st.integers(0, 30),
    },
)
CASES = {"asked": ASKED, "patients": st.integers(1, 40), "seed": st.integers(0, 2**31)}


def choose(asked):
    return apply_overrides(DEFAULT, [f"{key}={value}" for key, value in asked.items()])


@settings(max_examples=15, deadline=None)
@given(**CASES)
def test_keys_are_unique_references_hold_and_amounts_are_inside_their_ranges(asked, patients, seed):
    tables = simulate_registry(choose(asked), patients, seed)
    ids = set(tables["patients"]["patient_id"])
    for name, frame in tables.items():
        schema = load_schema(name)
        assert not frame.duplicated(list(schema.key)).any(), name
        if name != "patients" and not name.startswith(("control", "reported")):
            assert set(frame["patient_id"]) <= ids, name
        for field in schema.fields:
            values = pd.to_numeric(frame[field.name], errors="coerce") if field.type == "number" else None
            if values is not None:
                assert not np.isinf(values).any(), (name, field.name)
                assert field.minimum is None or not (values < float(field.minimum)).any(), (name, field.name)
                assert field.maximum is None or not (values > float(field.maximum)).any(), (name, field.name)


@settings(max_examples=40, deadline=None)
@given(**CASES)
def test_times_are_in_order_and_every_patient_has_one_outcome(asked, patients, seed):
    chosen = choose(asked)
    history = draw_history(chosen, patients, seed)
    outcomes = derive_outcomes(history)
    assert len(outcomes) == patients
    assert (outcomes["pfs_days"] > 0).all()
    assert (outcomes["pfs_days"] <= outcomes["os_days"]).all()
    assert (outcomes["pfs_event"] >= outcomes["os_event"]).all()
    assert ((outcomes["ttp_event"] > 0) == (outcomes["pfs_event"] == 1)).all()
    responded = outcomes["response_days"].notna()
    assert (outcomes.loc[responded, "response_days"] < outcomes.loc[responded, "pfs_days"] + 1e-9).all()
    assert outcomes["best_response"].between(0, len(RESPONSES) - 1).all()
    assert (np.diff(history.grid.days, axis=1) > 0).all()
    given = np.arange(history.regimen.days.shape[1]) < history.regimen.given[:, None]
    last_cycle = np.where(given, history.regimen.days, 0).max(axis=1)
    assert (last_cycle < history.observation.end_days).all()
    assert (history.regimen.given >= 1).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), ratio=st.floats(0.1, 1.0))
def test_a_lower_hazard_after_response_never_brings_progression_forward(seed, ratio):
    less = apply_overrides(DEFAULT, [f"effects.objective_response_hazard_ratio={ratio}"])
    more = apply_overrides(DEFAULT, ["effects.objective_response_hazard_ratio=1"])
    lower, higher = draw_history(less, 50, seed), draw_history(more, 50, seed)
    assert (lower.progression_days >= higher.progression_days * (1 - 1e-12)).all()
    unchanged = ~(higher.response_days < higher.progression_days)
    np.testing.assert_allclose(lower.progression_days[unchanged], higher.progression_days[unchanged])

"""Controls with patients, given or reconstructed from a published curve, and compared as two samples."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from prrt_outcomes.controls import reconstruction
from prrt_outcomes.controls.comparability import list_doubts
from prrt_outcomes.controls.control_results import Comparison, ControlResults
from prrt_outcomes.controls.rating import NO_COMPARISON, rate_published
from prrt_outcomes.controls.reference_curves import (
    CURVE_TABLES,
    DigitisedCurve,
    clean_digitised_curve,
    clean_points,
    compare_with_given_curve,
    find_odd_times,
    select_curve,
)
from prrt_outcomes.controls.sensitivity import sensitivity_row, vary_choices
from prrt_outcomes.controls.target_trial import describe_target_trial
from prrt_outcomes.controls.two_samples import (
    CONTROL,
    SHORTEST_MONTHS,
    TwoSamples,
    Weighting,
    select_cohort,
    stack_samples,
    stack_sides,
    start_at,
)
from prrt_outcomes.controls.weighted_comparison import (
    compare_imputed,
    compare_weightings,
    estimate_hazard_ratio,
)
from prrt_outcomes.controls.weighting import MATCHED, derive_targets, fit_maic_weighting, fit_weighting
from prrt_outcomes.endpoints.derivation import derive_reported
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.study.controls import CurveControl, PatientsControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.tables.frames import conform_table

NO_NEGATIVE_CONTROL = "unmeasured confounding was not examined by a negative-control outcome"


@dataclass(frozen=True)
class CurveComparison(Comparison):
    """A published curve as control."""

    control: CurveControl

    @cached_property
    def reading(self) -> tuple[ControlResults, reconstruction.Reconstruction | None]:
        """The comparison with the curve as given, and the patients behind it, reconstructed within stated limits.

        With quality of the reconstruction and its curve beside the published points; None, and the reason, where
        the patients are not reconstructed or not accepted.
        """
        control = self.control
        points, risk = (select_curve(self.tables[name], control) for name in CURVE_TABLES)
        place = f"for arm {control.arm} and {control.endpoint}"
        if points.empty:
            return ControlResults(reason=f"no points in control_curves {place}"), None
        published, curve = (points["time_months"], points["survival"]), None
        reason = f"no rows in control_at_risk {place}: not reconstructed" if risk.empty else ""
        try:
            curve = clean_points(*published)
            if len(risk):
                numbers = risk["n_at_risk"].astype("Float64")
                curve = clean_digitised_curve(*published, risk["time_months"], numbers)
        except ValueError as error:
            reason = f"the curve cannot be used: {error}"
        given = [] if curve is None else compare_with_given_curve(self.cohort, curve, self.level)
        if curve is None or reason:
            return ControlResults(given, reason=reason), None
        patients = reconstruction.reconstruct_patients(curve, control.events)
        quality = reconstruction.measure_quality(curve, patients, control)
        tables = {"reconstruction_quality": quality, "control_reconstruction": _overlay(curve, patients)}
        tables = {name: table.assign(arm=control.arm) for name, table in tables.items()}
        refused = quality.loc[quality["verdict"] == reconstruction.REFUSED, "measure"]
        if refused.empty:
            return ControlResults(given, tables), patients
        reason = f"the reconstruction is refused: {', '.join(refused)} beyond the limit"
        return ControlResults(given, tables, reason=reason), None

    @property
    def control_events(self) -> int:
        """Events of the reconstructed patients."""
        patients = self.reading[1]
        return 0 if patients is None else int(patients.event.sum())

    def compare(self) -> ControlResults:
        """The one-sample test against the curve as given, and two samples where the reconstruction is accepted."""
        control, (read, patients) = self.control, self.reading
        points, risk = (select_curve(self.tables[name], control) for name in CURVE_TABLES)
        odd = find_odd_times(points, risk, control, float(self.cohort.time_months.max()))
        doubts = [f"{time.describe()}, perhaps in another unit" for time in odd]
        doubts += [*list_doubts(self), NO_NEGATIVE_CONTROL]
        if patients is None:
            words = "; ".join([f"no two-sample comparison: {read.reason}", *doubts])
            rating = rate_published(words, verdict=NO_COMPARISON)
            return replace(read, tables=read.tables | {"control_verdicts": pd.DataFrame([rating])})
        samples = stack_reconstruction(self.cohort, patients)
        weightings = [Weighting("none", samples)]
        if control.baseline:
            # MAIC; the reconstructed patients have no covariates and keep weight 1.
            ours, targets = derive_targets(control.baseline, self.cohort.frame)
            padded = ours.reindex(range(len(samples.in_cohort)))
            kept = ~samples.in_cohort | padded.notna().all(axis=1).to_numpy()
            weightings.append(fit_maic_weighting(replace(samples, covariates=padded).select(kept), targets))
        means = {
            (item.covariate if not item.level else f"{item.covariate}={item.level}"): item.value
            for item in control.baseline
            if item.statistic in ("mean", "share")
        }
        found = compare_weightings(
            weightings, self.settings, given=read.rows, published_means=means, doubts=doubts
        )
        return replace(found, tables=found.tables | read.tables)

    def estimate(self, cohort: EndpointRows, start: float = 0.0) -> dict:
        """Row of `controls` with the unweighted hazard ratio, from a start in months on both sides."""
        samples, (_, patients) = None, self.reading
        if patients is not None and len(cohort.time_months):
            samples = start_at(stack_reconstruction(cohort, patients), start)
        return estimate_hazard_ratio(samples, None, self.settings)

    def vary(self) -> list[dict]:
        """The hazard ratio under other choices; none without a reconstruction."""
        return [] if self.reading[1] is None else vary_choices(self)


def stack_reconstruction(cohort: EndpointRows, found: reconstruction.Reconstruction) -> TwoSamples:
    """Our patients, and the reconstructed ones as control; the latter have no covariates."""
    n = len(found.time)
    time = np.maximum(found.time, SHORTEST_MONTHS)
    return stack_sides(cohort, time, found.event, np.zeros(n), np.full(n, CONTROL, dtype=object))


def _overlay(curve: DigitisedCurve, found: reconstruction.Reconstruction) -> pd.DataFrame:
    """Published points, and the rebuilt curve at its own times."""
    rebuilt = fit_kaplan_meier(SurvivalData(np.maximum(found.time, SHORTEST_MONTHS), found.event))
    time = np.concatenate([curve.time, [0.0], rebuilt.time])
    survival = np.concatenate([curve.survival, [1.0], rebuilt.survival])
    name = np.where(np.arange(len(time)) < len(curve.time), "published", "reconstructed")
    return pd.DataFrame({"time_months": time, "survival": survival, "curve": name})


@dataclass(frozen=True)
class PatientsComparison(Comparison):
    """Individual patients as control."""

    control: PatientsControl

    @cached_property
    def stacked(self) -> tuple[TwoSamples | None, list[dict]]:
        """Both sides, None where the control has nobody, and the patients that are lost."""
        return stack_samples(self.tables, self.cohort, self.control)

    @property
    def control_events(self) -> int:
        """Events of the patients of the control."""
        samples = self.stacked[0]
        return 0 if samples is None else int(samples.event[~samples.in_cohort].sum())

    def compare(self) -> ControlResults:
        """Unweighted always, and every weighting that the control asks for."""
        control, (samples, losses) = self.control, self.stacked
        if samples is None:
            return ControlResults(losses=losses, reason=f"no patient of the control has {control.endpoint}")
        labels = (*control.weights, MATCHED) if control.match_ratio else control.weights
        fitted = [fit_weighting(samples, control, label) for label in labels]
        missing = samples.covariates.isna().any(axis=1).to_numpy()
        ours, theirs = (int((missing & members).sum()) for _, members in samples.sides())
        note = ""
        if labels and missing.any():
            who = f"{ours} patients and {theirs} controls whom the weighted comparisons leave out"
            note = f"with {who}: covariate missing"
        weightings = [Weighting("none", samples, note=note), *(weighting for weighting, _ in fitted)]
        given = compare_imputed(samples, control, self.settings)
        doubts = [*list_doubts(self), *self._doubt_confounding()]
        found = compare_weightings(weightings, self.settings, given=given, doubts=doubts)
        trial = describe_target_trial(self, samples)
        losses = [*losses, *(row for _, lost in fitted for row in lost)]
        return replace(found, tables=found.tables | {"control_target_trial": trial}, losses=losses)

    def estimate(self, cohort: EndpointRows, start: float = 0.0) -> dict:
        """Row of `controls` with the hazard ratio by the first weighting, from a start in months on both sides."""
        samples = stack_samples(self.tables, cohort, self.control)[0] if len(cohort.time_months) else None
        samples = None if samples is None else start_at(samples, start)
        return estimate_hazard_ratio(samples, self.control, self.settings)

    def vary(self) -> list[dict]:
        """The weighted hazard ratio under other choices; none where the control has nobody."""
        samples, _ = self.stacked
        if samples is None:
            return []
        more = [*self._vary_covariates(samples), *self._compare_negative_control()]
        return vary_choices(self, more=more)

    def _vary_covariates(self, samples: TwoSamples) -> Iterator[dict]:
        """The weighted comparison with each covariate left out of the weights in turn."""
        control = self.control
        samples = samples.select(samples.covariates.notna().all(axis=1).to_numpy())
        for name in control.covariates if control.weights and len(control.covariates) > 1 else ():
            fewer = [other for other in control.covariates if other != name]
            part = replace(samples, covariates=samples.covariates[fewer])
            row = estimate_hazard_ratio(part, control, self.settings)
            yield sensitivity_row("leave_one_out", f"without {name}", row)

    def _doubt_confounding(self) -> Iterator[str]:
        """What is not answered about confounders that were not measured."""
        found = list(self._compare_negative_control())
        if not found or found[0]["status"] not in ("ok", "few_events"):
            yield NO_NEGATIVE_CONTROL
            return
        low, high = found[0]["low"], found[0]["high"]
        if low <= self.estimate(self.cohort)["value"] <= high:
            ends = f"{low:.2f} to {high:.2f}"
            yield f"the negative-control outcome ({ends}) does not exclude confounding as large as the result"
        if not low <= 1 <= high:
            ratio = f"{found[0]['value']:.2f}"
            yield f"the outcome that treatment cannot change differs (hazard ratio {ratio}), so confounding remains"

    def _compare_negative_control(self) -> Iterator[dict]:
        """The weighted comparison of an outcome that treatment cannot change."""
        control, tables, name = self.control, self.tables, self.control.negative_control
        if name is None:
            return
        changed = control.model_copy(update={"endpoint": name})
        if not tables["endpoints"]["endpoint"].eq(name).any():
            rows = conform_table("endpoints", derive_reported(tables["reported_outcomes"], name))
            tables = tables | {"endpoints": rows}
        cohort, _ = select_cohort(tables, changed)
        if cohort is not None:
            samples, _ = stack_samples(tables, cohort, changed)
            row = estimate_hazard_ratio(samples, control, self.settings)
            note = "treatment cannot change this outcome: a ratio other than 1 is due to confounding"
            yield sensitivity_row("negative_control", name, row, note)

"""Absorbed fractions against published ranges, closed forms and an independent Monte Carlo of straight tracks."""

import json
from pathlib import Path

import numpy as np
import pytest

from prrt_outcomes.radionuclides.absorbed_fraction import (
    BETA,
    DETOUR,
    compute_absorbed_fraction,
    compute_energy,
    compute_range,
    compute_straight_fraction,
    summarise_absorbed_fraction,
)

DIAMETERS = np.array([1.0, 3.0, 10.0, 30.0, 100.0])


def simulate_fraction(diameter_mm, edges, weights, rng, n=200_000, steps=200):
    """Follow electrons along straight tracks in steps of energy, and count what is left inside the sphere.

    The range is tabulated, not inverted: nothing of the formula is used but the range of an energy.
    """
    point = rng.normal(size=(n, 3))
    point *= (diameter_mm / 2 * rng.random(n) ** (1 / 3) / np.linalg.norm(point, axis=1))[:, None]
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    along = (point * direction).sum(axis=1)
    to_surface = -along + np.sqrt(along**2 - (point**2).sum(axis=1) + diameter_mm**2 / 4)
    table = np.linspace(1e-6, edges[-1], 20_001)
    reach = 4.12 * table ** (1.265 - 0.0954 * np.log(table))
    chosen = rng.choice(len(weights), n, p=np.array(weights) / np.sum(weights))
    low, high = np.array(edges[:-1])[chosen], np.array(edges[1:])[chosen]
    energy = low + (high - low) * rng.random(n)
    whole, absorbed = np.interp(energy, table, reach), np.zeros(n)
    for step in range(steps):
        left = energy * (1 - (step + 0.5) / steps)
        travelled = whole - np.interp(left, table, reach)
        absorbed += np.where(travelled < to_surface, energy / steps, 0.0)
    return absorbed.sum() / energy.sum()


@pytest.mark.parametrize("nuclide", ["177Lu", "90Y"])
def test_straight_tracks_are_those_of_a_monte_carlo(nuclide):
    edges, weights = BETA[nuclide]["edges_mev"], BETA[nuclide]["weights"]
    rng = np.random.default_rng(20261201)
    simulated = [simulate_fraction(d, edges, weights, rng, 40_000) for d in DIAMETERS]
    assert compute_absorbed_fraction(DIAMETERS, edges, weights) == pytest.approx(simulated, abs=0.006)


def test_a_sphere_of_1_cm_has_the_published_fractions():
    at_10 = summarise_absorbed_fraction().query("diameter_mm == 10").set_index("radionuclide")
    assert at_10.loc["90Y", ["fraction", "fraction_tortuous"]].tolist() == pytest.approx(
        [0.59, 0.70], abs=0.005
    )
    assert at_10.loc["177Lu", ["fraction", "fraction_tortuous"]].tolist() == pytest.approx(
        [0.954, 0.967], abs=0.001
    )


def test_ranges_are_the_published_ones():
    longest = summarise_absorbed_fraction().groupby("radionuclide")["max_range_mm"].first()
    assert longest["90Y"] == pytest.approx(11.0, abs=0.05)
    assert longest["177Lu"] == pytest.approx(1.6, abs=0.05)
    assert longest[["225Ac", "213Bi", "212Pb"]].between(0.04, 0.10).all()


def test_energy_is_the_inverse_of_range():
    energy = np.array([0.01, 0.1, 0.5, 1.0, 2.28])
    assert compute_energy(compute_range(energy)) == pytest.approx(energy)
    assert compute_energy(0.0) == 0


@pytest.mark.parametrize("nuclide", list(BETA))
@pytest.mark.parametrize("detour", [1.0, DETOUR])
def test_the_fraction_rises_from_0_to_1(nuclide, detour):
    fraction = compute_absorbed_fraction(np.geomspace(1e-3, 1e5, 80), **BETA[nuclide], detour=detour)
    assert (np.diff(fraction) > 0).all()
    assert fraction[0] < 0.01
    assert 0.999 < fraction[-1] <= 1


def test_tortuous_tracks_absorb_more():
    table = summarise_absorbed_fraction().query("particle == 'beta'")
    assert (table["fraction_tortuous"] > table["fraction"]).all()


def test_the_mean_energies_of_the_spectra_are_the_known_ones():
    def mean(nuclide):
        edges = np.array(BETA[nuclide]["edges_mev"])
        return np.average((edges[1:] + edges[:-1]) / 2, weights=BETA[nuclide]["weights"])

    assert [mean("90Y"), mean("177Lu")] == pytest.approx([0.935, 0.133], abs=0.001)


def test_particles_of_one_range_have_a_closed_form():
    assert compute_straight_fraction([1.0, 2.0, 4.0], 2.0) == pytest.approx([0.1875, 0.375, 0.640625])


def test_spectra_are_those_of_the_file():
    """Skipped where the data of others beside the checkout is absent."""
    file = Path(__file__).resolve().parents[4] / "shared/data/beta_spectra/radar_beta_spectra.json"
    if not file.exists():
        pytest.skip("beta_spectra is not there: data of others, beside the checkout in shared/data")
    given = json.loads(file.read_text("utf-8"))
    for name, spectrum in BETA.items():
        mass = "".join(filter(str.isdigit, name))
        assert list(spectrum.values()) == list(given[name.removeprefix(mass) + mass].values())

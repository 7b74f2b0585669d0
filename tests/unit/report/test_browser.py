"""The page in a browser: no complaint of axe, all reached by the keyboard, numbers as in the tables, print on A4.

Needs node and a folder `node_modules` with puppeteer-core and axe-core, as `.ci/run` installs it; NODE_MODULES names
another. The page is that of the example where it was run, as `make example` does.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes.report.curves import list_steps
from prrt_outcomes.wording.numbers import format_percent

ROOT = Path(__file__).parents[3]
MODULES = Path(os.environ.get("NODE_MODULES", ROOT / "node_modules"))
PAGE = Path(os.environ.get("REPORT", ROOT / "results" / "example" / "report.html"))
needed = [MODULES / "puppeteer-core", MODULES / "axe-core", PAGE]
missing = [str(path) for path in needed if not path.exists()] + ["node"] * (shutil.which("node") is None)
SHARES = [*(n / 1000 for n in range(1001)), 0.0049999, 0.57499, 0.575, 0.9951, 1e-6, 1 - 1e-6]


@pytest.fixture(scope="module")
def found():
    if missing:
        pytest.skip(f"not there: {', '.join(missing)}")
    program = Path(__file__).with_name("browser.mjs")
    call = ["node", str(program), str(MODULES), str(PAGE), json.dumps(SHARES)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_axe_finds_nothing_on_wide_and_narrow_pages(found):
    assert found["violations"] == []
    assert found["overflow"] == [0, 0]
    assert (found["requests"], found["errors"]) == ([], [])


def test_the_keyboard_reaches_all_and_enter_presses_what_has_the_focus(found):
    stops = found["stops"]
    assert len(stops) > 20
    assert all(stop["seen"] for stop in stops)
    buttons = [stop for stop in stops if "after" in stop]
    toggles = [stop for stop in buttons if stop["kind"] != "sort"]
    assert {stop["kind"] for stop in buttons} > {"sort"}
    assert all((stop["pressed"], stop["after"]) == ("true", "false") for stop in toggles)
    assert all(stop["after"] == "ascending" for stop in buttons if stop["kind"] == "sort")


def test_a_share_is_rounded_in_the_browser_as_in_the_tables(found):
    assert found["percent"] == [format_percent(share) for share in SHARES]


def test_the_page_is_printed_on_about_twelve_pages_without_being_shrunk(found):
    assert found["printed"] <= 703
    assert found["pages"] <= 13


def test_a_share_of_a_curve_is_not_rounded_twice():
    row = {"time_months": 1.0, "survival": 0.574996, "survival_low": 0.5, "survival_high": 0.6}
    (step,) = list_steps(pd.DataFrame([row | {"n_at_risk": 9, "n_event": 1}]))
    assert format_percent(step[1]) == format_percent(row["survival"]) == "57%"

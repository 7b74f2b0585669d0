"""Every fault of a study file is told with its line, key, value and expectation, all at once."""

import ast
import datetime
import inspect
from pathlib import Path

import pytest

from prrt_outcomes.errors import InputError, UsageError
from prrt_outcomes.study.endpoints import resolve_endpoint
from prrt_outcomes.study.load import load_study
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.schema import build_study_schema

SMALL = """\
study: small
tables:
  patients: data/patients.csv
  follow_up: data/follow_up.csv
"""


BOMB = "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def write_study(folder, text):
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return folder


def faults_of(folder, text):
    with pytest.raises(InputError) as caught:
        load_study(write_study(folder, text))
    return caught.value.problems


def test_a_small_study_gets_the_documented_defaults(tmp_path):
    study = load_study(write_study(tmp_path, SMALL))
    assert study.tables["patients"][0].file == "data/patients.csv"
    assert [e.name for e in study.endpoints] == ["pfs", "os", "ttp"]
    assert study.response.criteria == ("recist_1_1",)
    assert study.response.confirmation_days == 28
    assert study.response.minimum_stable_days == 42
    assert study.treatment.retreatment_gap_weeks == 26
    assert study.analysis.confidence.type == "log-log"
    assert study.analysis.bootstrap.seed == 20151122
    assert study.disclosure.minimum_count == 5
    assert study.data_cutoff is None


def test_the_study_file_itself_may_be_named(tmp_path):
    folder = write_study(tmp_path, SMALL + "data_cutoff: 2021-12-31\n")
    assert load_study(folder / "study.yaml").data_cutoff == datetime.date(2021, 12, 31)


def test_a_table_is_a_path_a_mapping_or_a_list_of_mappings(tmp_path):
    text = (
        SMALL
        + """\
  reported_outcomes:
    - {file: a.csv, columns: {patient_id: null, time: t}, time_unit: months, constants: {endpoint: pfs}}
    - {file: b.csv, values: {event: {dead: 1}}, missing: ["", "NA"]}
"""
    )
    first, second = load_study(write_study(tmp_path, text)).tables["reported_outcomes"]
    assert first.columns == {"patient_id": None, "time": "t"}
    assert first.time_unit == "months"
    assert second.values == {"event": {"dead": 1}}


def test_an_endpoint_definition_starts_from_its_preset(tmp_path):
    text = SMALL + "endpoints: [pfs, {name: pfs_clinical, preset: pfs, clinical_progression: true}]\n"
    pfs, clinical = load_study(write_study(tmp_path, text)).endpoints
    assert not pfs.clinical_progression
    assert clinical.clinical_progression
    assert clinical.title != pfs.title
    assert resolve_endpoint({"name": "ttde", "preset": "ttp"})["title"] == "Time to progression (ttde)"


def test_a_name_without_a_preset_is_an_endpoint_that_is_reported(tmp_path):
    text = SMALL + "  reported_outcomes: data/times.csv\nendpoints: [pfs, dss, local_control]\n"
    _, dss, local = load_study(write_study(tmp_path, text)).endpoints
    assert (dss.title, dss.origin) == ("Disease-specific survival", "reported")
    assert local.title == "Local control"
    (problem,) = faults_of(tmp_path, SMALL + "endpoints: [pfs, dss]\n")
    assert "dss is no preset, and there is no table reported_outcomes" in problem.problem + problem.expected


def test_nothing_can_be_changed_afterwards(tmp_path):
    study = load_study(write_study(tmp_path, SMALL))
    with pytest.raises(ValueError, match="frozen"):
        study.title = "other"


def test_all_faults_come_at_once_with_line_and_nearest_name(tmp_path):
    text = (
        SMALL
        + """\
titel: x
response: {confirmation_days: many}
analysis:
  confidence: {level: 95, type: loglog}
controls:
  - {id: netter1, kind: library, am: x}
  - {id: q, kind: nonsense}
"""
    )
    found = {(p.row, p.column, p.problem) for p in faults_of(tmp_path, text)}
    assert found == {
        (5, "titel", "unknown key"),
        (6, "response.confirmation_days", "not a valid value"),
        (8, "analysis.confidence.level", "not a valid value"),
        (8, "analysis.confidence.type", "not an allowed value"),
        (10, "controls.0.am", "unknown key"),
        (10, "controls.0.arm", "this key is missing"),
        (11, "controls.1.kind", "not an allowed kind"),
    }


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("titel: x", "did you mean title?"),
        ("analysis: {landmark_month: [3]}", "did you mean landmark_months?"),
        ("response: {criteria: [recist_1_1], grups: {}}", "did you mean groups?"),
        ("partial_dates: midle", "did you mean middle?"),
        ("controls: [{id: a, kind: library, am: x, arm: y}]", "did you mean arm?"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_one(tmp_path, line, hint):
    assert any(hint in p.expected for p in faults_of(tmp_path, SMALL + line + "\n"))


@pytest.mark.parametrize(
    "line",
    [
        "analysis: {group_by: [best_response]}",
        "analysis: {group_by: [response_group]}",
        "analysis: {covariates: [n_cycles]}",
        "analysis: {strata: [cumulative_activity_gbq]}",
        "analysis: {group_by: [n_cycles_after_progression]}",
        "analysis: {covariates: [best_response_date]}",
        "analysis: {group_by: [last_cycle]}",
    ],
)
def test_what_is_known_only_later_cannot_group(tmp_path, line):
    (fault,) = faults_of(tmp_path, SMALL + line + "\n")
    assert "known only after treatment began" in fault.problem


def test_responders_are_not_compared_without_a_landmark(tmp_path):
    """Then the naive comparison would stand with fewer than the three that are free of its bias."""
    (fault,) = faults_of(tmp_path, SMALL + "analysis: {landmark_months: []}\n")
    assert fault.column == "analysis.landmark_months"


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("endpoints: [pfs_fda]", "assessment_interval_days"),
        ("endpoints: [pfs, pfs]", "twice"),
        ("endpoints: [progression]", "no preset"),
        ("response: {groups: {a: [CR], b: [CR, PR]}}", "more than one group"),
        ("analysis: {landmark_months: [6, 3]}", "must rise"),
        ("controls: [{id: a, kind: library, arm: b}, {id: a, kind: library, arm: c}]", "twice"),
        ("controls: [{id: a, kind: published, n: 10}]", "median_months, milestones"),
        (
            "controls: [{id: a, kind: published, n: 10, median_months: 11.3, median_low: 20}]",
            "low, value and high in this order",
        ),
        (
            "controls: [{id: a, kind: published, n: 10, milestones: [{months: 12, survival: 0.5, high: 0.4}]}]",
            "low, value and high in this order",
        ),
        (
            "controls: [{id: a, kind: published, n: 10, milestones: [{months: 12, survival: 1}]}]",
            "nothing to compare",
        ),
        (
            "controls: [{id: a, kind: published, n: 10, milestones: [{months: 12, survival: 0}]}]",
            "half a patient",
        ),
        ("controls: [{id: a, kind: patients, weights: [att]}]", "need covariates"),
        ("controls: [{id: a, kind: library, arm: b, endpoint: dfs}]", "not among the study's endpoints"),
    ],
)
def test_settings_that_contradict_are_refused(tmp_path, line, part):
    assert any(part in p.problem + p.expected for p in faults_of(tmp_path, SMALL + line + "\n"))


def test_settings_that_contradict_are_told_at_the_key_that_says_so(tmp_path):
    (fault,) = faults_of(tmp_path, SMALL + "title: x\nendpoints: [pfs, pfs]\n")
    assert (fault.row, fault.column) == (SMALL.count("\n") + 2, "endpoints")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("study: !!python/object/apply:os.system ['true']\n", "would build an object"),
        ("study: !custom x\n", "would build an object"),
        ("study: a\nstudy: b\n", "occurs twice"),
        ("study: x\ntables: &a {patients: *a}\n", "or themselves"),
        ("study: x\ntables: &a {<<: *a}\n", "or themselves"),
        ("study: x\ntables: &a [1]\nanalysis: {<<: 3}\n", "not YAML"),
        ("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + BOMB, "repeat more than 100000 values"),
        ("study: [a\n", "not YAML"),
        ("", "holds no keys"),
        ("- a\n- b\n", "holds no keys"),
        ("study: 2021-13-45\n", "cannot be read"),
    ],
)
def test_yaml_that_is_not_plain_is_refused_with_words(tmp_path, text, part):
    assert any(part in p.problem for p in faults_of(tmp_path, text))


def test_anchors_and_merges_stand_for_what_they_repeat(tmp_path):
    text = """\
study: small
tables:
  patients: &file {file: data/all.csv, columns: &ids {patient_id: id}, missing: ["", "NA"]}
  follow_up: {<<: *file, missing: ["."]}
  cycles: {file: data/cycles.csv, columns: {<<: [*ids], cycle_date: day}}
"""
    tables = load_study(write_study(tmp_path, text)).tables
    assert tables["patients"][0].columns == tables["follow_up"][0].columns == {"patient_id": "id"}
    assert tables["follow_up"][0].missing == (".",)
    assert tables["cycles"][0].columns == {"patient_id": "id", "cycle_date": "day"}


def test_anchors_that_multiply_are_refused_at_once(tmp_path):
    """Nine anchors, each ten times the one before, are a thousand million values written out."""
    lines = ["study: s", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    (tmp_path / "study.yaml").write_text("\n".join(lines))
    with pytest.raises(InputError) as refused:
        load_study(tmp_path)
    assert "aliases (*) repeat more than 100000 values" in refused.value.problems[0].problem
    (tmp_path / "study.yaml").write_text("study: s\ntables: &t {patients: *t}\n")
    with pytest.raises(InputError):
        load_study(tmp_path)


def test_a_fault_in_what_an_alias_repeats_is_told_at_each_place_with_its_line(tmp_path):
    text = "study: small\ntables:\n  patients: &p\n    file: p.csv\n    sheat: x\n  follow_up: *p\n"
    found = {(p.row, p.column) for p in faults_of(tmp_path, text)}
    assert found == {(5, "tables.patients.sheat"), (5, "tables.follow_up.sheat")}


@pytest.mark.parametrize(
    "text", ["study: a\nstudy: b\n", SMALL + "analysis: {alpha: 0.1, alpha: 0.2}\n", "1: a\n'1': b\n"]
)
def test_a_key_that_stands_twice_is_told(tmp_path, text):
    assert [p.problem for p in faults_of(tmp_path, text)] == ["this key occurs twice"]


def test_code_in_yaml_is_never_run(tmp_path):
    mark = tmp_path / "ran"
    faults_of(tmp_path, f"study: !!python/object/apply:pathlib.Path.touch [{mark}]\n")
    assert not mark.exists()


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "study.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError) as caught:
        load_study(tmp_path)
    assert "not a text file" in caught.value.problems[0].problem


def test_a_place_without_a_study_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="no study file"):
        load_study(tmp_path / "nowhere")


def test_every_contradiction_says_behind_a_semicolon_what_works():
    """`describe_faults` tells it as what is expected."""
    folder = Path(inspect.getfile(Study)).parent
    calls = [
        (path.name, node.lineno, ast.unparse(node.exc))
        for path in sorted(folder.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and "ValueError" in ast.unparse(node)
    ]
    assert [call for call in calls if "; " not in call[2]] == []


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("analysis: {rmst_months: .inf}", "analysis.rmst_months"),
        ("analysis: {milestones_months: [12, .nan]}", "analysis.milestones_months.1"),
        ("analysis: {landmark_months: [3, 1.0e+9]}", "analysis.landmark_months.1"),
        ("analysis: {rmst_months: true}", "analysis.rmst_months"),
        ("analysis: {bootstrap: {seed: 99999999999999999999}}", "analysis.bootstrap.seed"),
        ("response: {confirmation_days: no}", "response.confirmation_days"),
        ("treatment: {retreatment_gap_weeks: 1.0e+12}", "treatment.retreatment_gap_weeks"),
        ("claims: [{id: a, quantity: median_pfs_months, published: .nan}]", "claims.0.published"),
        ("claims: [{id: a, quantity: median_pfs_months, published: 1201}]", "claims.0.published"),
        ("controls: [{id: a, kind: published, n: 40, median_months: .inf}]", "controls.0.median_months"),
        ('title: "a \\ud800"', "title"),
        ('title: "a \\0"', "title"),
        (f"title: {'a' * 301}", "title"),
        (f"extra_columns: {{{'a' * 250}: category}}", f"extra_columns.{'a' * 250}"),
        ("data_cutoff: 9999-12-31", "data_cutoff"),
        ("data_cutoff: 1899-12-31", "data_cutoff"),
        ("data_cutoff: 0", "data_cutoff"),
        (
            "controls: [{id: a, kind: patients, enrolment_start_year: 19999}]",
            "controls.0.enrolment_start_year",
        ),
        ("controls: [{id: a, kind: patients, within: {sex: []}}]", "controls.0.within.sex"),
    ],
)
def test_values_that_no_run_can_use_are_refused(tmp_path, line, column):
    assert [fault.column for fault in faults_of(tmp_path, SMALL + line + "\n")] == [column]


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ("[]", "tables.cycles"),
        ("''", "tables.cycles"),
        ("{file: c.csv, delimiter: ''}", "tables.cycles.delimiter"),
        ('{file: c.csv, encoding: "utf-8\\0"}', "tables.cycles.encoding"),
        ("{file: c.csv, header_row: true}", "tables.cycles.header_row"),
        ("{file: c.csv, last_row: 1000000000000}", "tables.cycles.last_row"),
        ("{file: c.csv, filter: {drug: []}}", "tables.cycles.filter.drug"),
        ('{file: c.csv, columns: {"a\\ud800": x}}', None),
    ],
)
def test_sources_that_no_run_can_read_are_refused(tmp_path, source, column):
    found = {fault.column for fault in faults_of(tmp_path, f"{SMALL}  cycles: {source}\n")}
    assert found == {column} if column else len(found) == 1


def test_every_number_of_the_settings_has_a_lower_and_an_upper_bound():
    """Values of cells, which may be anything, are those whose type is a number or a text."""
    unbounded = []
    waiting = [("", build_study_schema())]
    for place, node in waiting:
        if isinstance(node, dict):
            is_number = node.get("type") in ("integer", "number")
            ends = (
                {"minimum", "exclusiveMinimum"} & node.keys(),
                {"maximum", "exclusiveMaximum"} & node.keys(),
            )
            if is_number and not all(ends):
                unbounded.append(place)
            if {"type": "string"} not in node.get("anyOf", []):
                waiting += [(f"{place}/{key}", value) for key, value in node.items()]
        elif isinstance(node, list):
            waiting += [(f"{place}/{i}", value) for i, value in enumerate(node)]
    assert unbounded == []


def test_a_preset_that_is_no_name_is_told(tmp_path):
    (fault,) = faults_of(tmp_path, SMALL + "endpoints: [{name: a, preset: [pfs]}]\n")
    assert fault.problem == "preset is no name"

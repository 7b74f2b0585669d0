"""`trace` leads from a number to its row, the steps before it and the inputs; a name that leads nowhere is told."""

import shutil
from pathlib import Path

import pytest

from prrt_outcomes import provenance, steps
from prrt_outcomes.cli.main import main

TINY = Path(__file__).parents[2] / "workflow" / "studies" / "tiny"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Study and results of every stage of `tiny`, and the description of the run."""
    folder = tmp_path_factory.mktemp("traced")
    study, results = Path(shutil.copytree(TINY, folder / "study")), folder / "results"
    for step in (*steps.STAGES, "accounts", "report"):
        assert main(["step", step, "--study", str(study), "--results", str(results)]) == 0
    return study, results


def trace(run, name, capsys):
    status = main(["trace", str(run[1]), name])
    return status, capsys.readouterr()


def test_a_number_is_followed_to_its_inputs(run, capsys):
    study, results = run
    status, said = trace(run, "km.pfs.all.median", capsys)
    assert status == 0
    first, place, table, *rest = said.out.splitlines()
    summary = steps.read_tables(["km_summary"], results)["km_summary"]
    row = summary[summary["group"].eq("all") & summary["endpoint"].eq("pfs")].iloc[0]
    assert first == f"km.pfs.all.median = {row['median_months']:.1f}, n {row['n']}, events {row['events']}"
    assert place == "tables/km_summary.csv: endpoint = pfs, group_by = all, group = all"
    digest = provenance.hash_file(results / "tables" / "km_summary.csv")
    assert table == f"  tables/km_summary.csv: {len(summary)} rows, sha256 {digest[:12]}..., of step survival"
    assert rest[0].startswith("    prrt-outcomes survival 0.")
    made = [line.split("of step ")[1] for line in (table, *rest) if "of step" in line and "above" not in line]
    assert made[:3] == ["survival", "endpoints", "cohort"]
    assert len(made) == len(set(made))
    inputs = {line.split(":")[0].strip(): line.split()[-1] for line in rest if ": input, sha256 " in line}
    assert inputs == {
        name: provenance.hash_file(study / name)
        for name in ("study.yaml", "data/patients.csv", "data/reported_outcomes.csv")
    }
    assert any(line.strip().startswith('analysis: {"group_by": ["arm"]') for line in rest)
    assert any("by default: " in line and "new_anticancer_therapy" in line for line in rest)


def test_only_losses_of_the_endpoint_asked_for_are_told(run, capsys):
    said = {name: trace(run, f"km.{name}.all.n", capsys)[1].out for name in ("pfs", "os")}
    for name, other in (("pfs", "os"), ("os", "pfs")):
        assert f"({other}" not in said[name]
    losses = steps.read_tables(["attrition"], run[1])["attrition"]
    lost = losses[losses["n_lost"].gt(0) & losses["step"].str.match("survival: pfs")]
    for _, row in lost.iterrows():
        assert f"{row['n_lost']} of {row['n_before']} patients lost" in said["pfs"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("km.pfs.all.medan", "did you mean km.pfs.all.median?"),
        ("kmm.pfs.all.median", "did you mean km?"),
        ("nothing", "names begin with km, milestones, "),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(run, capsys, name, words):
    status, said = trace(run, name, capsys)
    assert status == 2
    assert f"no number is named {name}" in said.err
    assert words in said.err


def test_a_table_that_was_changed_and_a_folder_without_a_run_are_refused(run, capsys, tmp_path):
    assert main(["trace", str(tmp_path), "km.pfs.all.median"]) == 3
    assert "holds no finished run" in capsys.readouterr().err
    results = shutil.copytree(run[1], tmp_path / "results")
    table = results / "tables" / "km_summary.csv"
    table.write_bytes(table.read_bytes().replace(b"1", b"2"))
    assert main(["trace", str(results), "km.pfs.all.median"]) == 3
    assert "changed since the step that made it" in capsys.readouterr().err

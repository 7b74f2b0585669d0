"""Each folder of results says what it may be used for, and no README of others is lost."""

from prrt_outcomes import steps
from prrt_outcomes.provenance import README, RESULT_FOLDERS, write_readmes
from prrt_outcomes.tables.schema import list_tables


def test_every_folder_of_results_has_a_readme_and_the_first_names_them_all(tmp_path):
    write_readmes(tmp_path)
    used = {steps.table_path(name).parts[0] for kind in steps.FOLDERS for name in list_tables(kind)}
    told = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert used == set(RESULT_FOLDERS) <= told
    whole = (tmp_path / README).read_text(encoding="utf-8")
    for name in told:
        _, title, held, use = (
            (tmp_path / name / README).read_text(encoding="utf-8").replace("\n\n", "\n").splitlines()
        )
        assert title == f"# {name}"
        assert f"| `{name}` | {held} | {use} |" in whole
    assert all(
        f"| `{name}` |" in whole for name in ("report.html", "provenance.json", "problems.csv", ".snakemake")
    )


def test_a_readme_of_others_stays_and_ours_is_not_written_again(tmp_path):
    (tmp_path / README).write_text("mine")
    write_readmes(tmp_path)
    before = (tmp_path / "cohort" / README).stat().st_mtime_ns
    write_readmes(tmp_path)
    assert (tmp_path / README).read_text() == "mine"
    assert (tmp_path / "cohort" / README).stat().st_mtime_ns == before


def test_a_readme_of_an_earlier_version_is_replaced(tmp_path):
    write_readmes(tmp_path)
    path = tmp_path / "tables" / README
    text = path.read_text()
    path.write_text(text + "more\n")
    write_readmes(tmp_path)
    assert path.read_text() == text

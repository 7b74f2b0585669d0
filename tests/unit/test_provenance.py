"""The fingerprint of code changes with what changes a number, and with nothing else."""

import json
import textwrap

import pytest

from prrt_outcomes import provenance
from prrt_outcomes.study.model import Study

STEP = '''
"""What the step does."""
from prrt_outcomes.low import rate  # the rate

def run(values):
    """Apply the rate."""
    from prrt_outcomes.deep import inner
    return rate(values) + inner.ADD
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of our name in a temporary folder, with a writer for its files."""
    folder = tmp_path / "src" / "prrt_outcomes"
    monkeypatch.setattr(provenance, "PACKAGE_FOLDER", folder)

    def write(name, text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        provenance._read_module.cache_clear()

    write("__init__.py", "")
    write("stage/__init__.py", "")
    write("deep/__init__.py", "")
    write("deep/inner.py", "ADD = 1")
    write("low.py", "def rate(values):\n    return values * 2")
    write("other.py", "SECRET = 5")
    write("stage/stage.py", STEP)
    yield write
    provenance._read_module.cache_clear()


def fingerprint():
    return provenance.fingerprint_code(["prrt_outcomes.stage.stage"])


def test_closure_follows_imports_inside_functions(package):
    assert provenance.close_imports(["prrt_outcomes.stage.stage"]) == {
        "prrt_outcomes.stage.stage",
        "prrt_outcomes.low",
        "prrt_outcomes.deep",
        "prrt_outcomes.deep.inner",
    }


def test_comments_docstrings_and_layout_change_nothing(package):
    before = fingerprint()
    edited = STEP.replace("# the rate", "# a better comment").replace("Apply the rate.", "Apply it.")
    package("stage/stage.py", edited.replace("\ndef run", "\n\n\ndef run"))
    assert fingerprint() == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("low.py", "def rate(values):\n    return values * 3"),
        ("deep/inner.py", "ADD = 2"),
        ("stage/stage.py", STEP.replace("+ inner", "- inner")),
    ],
)
def test_an_edit_anywhere_in_the_closure_changes_it(package, name, text):
    before = fingerprint()
    package(name, text)
    assert fingerprint() != before


def test_an_edit_elsewhere_changes_nothing(package):
    before = fingerprint()
    package("other.py", "SECRET = 6")
    assert fingerprint() == before


def test_what_only_a_type_checker_imports_does_not_belong_to_it(package):
    before = fingerprint()
    guarded = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from prrt_outcomes.other import SECRET\n"
    )
    package("low.py", guarded + "def rate(values):\n    return values * 2")
    assert "prrt_outcomes.other" not in provenance.close_imports(["prrt_outcomes.stage.stage"])
    assert fingerprint() != before


def test_relative_imports_are_followed(package):
    package("stage/part.py", "from ..other import SECRET")
    package("stage/stage.py", "from . import part")
    assert "prrt_outcomes.other" in provenance.close_imports(["prrt_outcomes.stage.stage"])


def test_data_beside_a_module_belongs_to_it(package):
    before = fingerprint()
    package("stage/library/arms.csv", "arm,n\nplacebo,100\n")
    with_data = fingerprint()
    package("stage/library/arms.csv", "arm,n\nplacebo,101\n")
    assert len({before, with_data, fingerprint()}) == 3


def test_bytecode_is_no_data(package):
    before = fingerprint()
    package("stage/__pycache__/stage.cpython-311.pyc", "x")
    assert fingerprint() == before


def test_a_new_version_of_an_imported_library_changes_it(package, monkeypatch):
    package("low.py", "def rate(values):\n    import lifelines\n    return values * 2")
    before = fingerprint()
    monkeypatch.setattr(provenance.metadata, "version", lambda name: "99.0")
    assert fingerprint() != before


def test_a_library_that_is_not_imported_changes_nothing(package, monkeypatch):
    before = fingerprint()
    monkeypatch.setattr(provenance.metadata, "version", lambda name: "99.0")
    assert fingerprint() == before


def test_schemas_of_the_tables_belong_to_it():
    modules = ["prrt_outcomes.units"]
    assert (
        len({provenance.fingerprint_code(modules, tables) for tables in ((), ("cox",), ("cox", "labs"))}) == 3
    )


def test_unknown_module_and_unknown_table_are_named():
    with pytest.raises(FileNotFoundError, match=r"prrt_outcomes\.nothing"):
        provenance.fingerprint_code(["prrt_outcomes.nothing"])
    with pytest.raises(FileNotFoundError, match="no table nothing"):
        provenance.fingerprint_code(["prrt_outcomes.units"], ["nothing"])


def test_declarations_are_read_without_importing(package):
    package("stage/stage.py", 'INPUTS: tuple[str, ...] = ("a", "b")\nOUTPUTS = ("c",)\nraise RuntimeError')
    assert provenance.read_declaration("prrt_outcomes.stage.stage", "INPUTS") == ("a", "b")
    assert provenance.read_declaration("prrt_outcomes.stage.stage", "OUTPUTS") == ("c",)
    with pytest.raises(ValueError, match="SETTINGS"):
        provenance.read_declaration("prrt_outcomes.stage.stage", "SETTINGS")


def test_a_run_describes_itself_the_same_anywhere(tmp_path):
    described = []
    for place in ("one", "two/deeper"):
        folder = tmp_path / place
        (folder / "study").mkdir(parents=True)
        (folder / "study" / "patients.csv").write_text("patient_id\np1\n")
        (folder / "results" / "tables").mkdir(parents=True)
        (folder / "results" / "tables" / "cox.csv").write_text("endpoint\npfs\n")
        study = Study.model_validate(
            {"study": "s", "tables": {"patients": "patients.csv", "follow_up": "patients.csv"}}
        )
        described.append(provenance.describe_run(study, folder / "study" / "study.yaml", folder / "results"))
    assert described[0] == described[1]
    assert set(described[0]["inputs"]) == {"patients.csv"}
    assert set(described[0]["outputs"]) == {"tables/cox.csv"}
    assert len(described[0]["outputs"]["tables/cox.csv"]) == 64


def test_provenance_is_written_whole(tmp_path):
    path = tmp_path / "provenance.json"
    provenance.write_provenance(path, {"b": 1, "a": {"z": None}})
    assert json.loads(path.read_text()) == {"b": 1, "a": {"z": None}}
    assert [entry.name for entry in tmp_path.iterdir()] == ["provenance.json"]

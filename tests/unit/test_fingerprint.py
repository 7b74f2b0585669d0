"""The fingerprint of code changes with what changes a number, and with nothing else."""

import textwrap

import pytest

from prrt_outcomes import fingerprint
from prrt_outcomes.tables.schema import schema_path

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
    monkeypatch.setattr(fingerprint, "PACKAGE_FOLDER", folder)

    def write(name, text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    write("__init__.py", "")
    write("stage/__init__.py", "")
    write("deep/__init__.py", "")
    write("deep/inner.py", "ADD = 1")
    write("low.py", "def rate(values):\n    return values * 2")
    write("other.py", "SECRET = 5")
    write("stage/stage.py", STEP)
    return write


def stage_fingerprint(book=None):
    return fingerprint.Code(book).fingerprint(["prrt_outcomes.stage.stage"])


def test_closure_follows_imports_inside_functions(package):
    assert fingerprint.Code().close_imports(["prrt_outcomes.stage.stage"]) == {
        "prrt_outcomes.stage.stage",
        "prrt_outcomes.low",
        "prrt_outcomes.deep",
        "prrt_outcomes.deep.inner",
    }


def test_comments_docstrings_and_layout_change_nothing(package):
    before = stage_fingerprint()
    edited = STEP.replace("# the rate", "# a better comment").replace("Apply the rate.", "Apply it.")
    package("stage/stage.py", edited.replace("\ndef run", "\n\n\ndef run"))
    assert stage_fingerprint() == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("low.py", "def rate(values):\n    return values * 3"),
        ("deep/inner.py", "ADD = 2"),
        ("stage/stage.py", STEP.replace("+ inner", "- inner")),
    ],
)
def test_an_edit_anywhere_in_the_closure_changes_it(package, name, text):
    before = stage_fingerprint()
    package(name, text)
    assert stage_fingerprint() != before


def test_an_edit_elsewhere_changes_nothing(package):
    before = stage_fingerprint()
    package("other.py", "SECRET = 6")
    assert stage_fingerprint() == before


def test_what_only_a_type_checker_imports_does_not_belong_to_it(package):
    before = stage_fingerprint()
    guarded = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from prrt_outcomes.other import SECRET\n"
    )
    package("low.py", guarded + "def rate(values):\n    return values * 2")
    assert "prrt_outcomes.other" not in fingerprint.Code().close_imports(["prrt_outcomes.stage.stage"])
    assert stage_fingerprint() != before


def test_relative_imports_are_followed(package):
    package("stage/part.py", "from ..other import SECRET")
    package("stage/stage.py", "from . import part")
    assert "prrt_outcomes.other" in fingerprint.Code().close_imports(["prrt_outcomes.stage.stage"])


def test_data_beside_a_module_belongs_to_it(package):
    before = stage_fingerprint()
    package("stage/library/arms.csv", "arm,n\nplacebo,100\n")
    with_data = stage_fingerprint()
    package("stage/library/arms.csv", "arm,n\nplacebo,101\n")
    assert len({before, with_data, stage_fingerprint()}) == 3


def test_bytecode_is_no_data(package):
    before = stage_fingerprint()
    package("stage/__pycache__/stage.cpython-311.pyc", "x")
    assert stage_fingerprint() == before


def test_a_new_version_of_an_imported_library_changes_it(package, monkeypatch):
    package("low.py", "def rate(values):\n    import lifelines\n    return values * 2")
    before = stage_fingerprint()
    monkeypatch.setattr(fingerprint, "read_version", lambda name: "99.0")
    assert stage_fingerprint() != before


def test_a_library_that_is_not_imported_changes_nothing(package, monkeypatch):
    before = stage_fingerprint()
    monkeypatch.setattr(fingerprint, "read_version", lambda name: "99.0")
    assert stage_fingerprint() == before


def test_schemas_of_the_tables_belong_to_it():
    code = fingerprint.Code()
    tables = [[], ["cox"], ["cox", "labs"], ["labs"]]
    found = {code.fingerprint(["prrt_outcomes.units"], [schema_path(t) for t in names]) for names in tables}
    assert len(found) == len(tables)


def test_an_unknown_module_is_named():
    with pytest.raises(FileNotFoundError, match=r"prrt_outcomes\.nothing"):
        fingerprint.Code().fingerprint(["prrt_outcomes.nothing"])


def test_a_book_gives_the_same_fingerprint_and_parses_nothing(package, tmp_path, monkeypatch):
    book = tmp_path / "results" / "code.json"
    code = fingerprint.Code(book)
    first = code.fingerprint(["prrt_outcomes.stage.stage"])
    code.write_book()
    monkeypatch.setattr(fingerprint, "_parse_module", None)
    assert stage_fingerprint(book) == first


def test_a_book_does_not_hide_an_edit(package, tmp_path):
    book = tmp_path / "code.json"
    code = fingerprint.Code(book)
    before = code.fingerprint(["prrt_outcomes.stage.stage"])
    code.write_book()
    package("deep/inner.py", "ADD = 1 + 1")
    assert stage_fingerprint(book) == stage_fingerprint() != before


@pytest.mark.parametrize("text", ["", "[]", '{"prrt_outcomes.low": {}}', "\x00"])
def test_a_broken_book_is_read_as_none(package, tmp_path, text):
    book = tmp_path / "code.json"
    book.write_text(text)
    assert stage_fingerprint(book) == stage_fingerprint()


def test_declarations_are_read_without_importing(package):
    package("stage/stage.py", 'INPUTS: tuple[str, ...] = ("a", "b")\nOUTPUTS = ("c",)\nraise RuntimeError')
    assert fingerprint.read_declaration("prrt_outcomes.stage.stage", "INPUTS") == ("a", "b")
    assert fingerprint.read_declaration("prrt_outcomes.stage.stage", "OUTPUTS") == ("c",)
    with pytest.raises(ValueError, match="SETTINGS"):
        fingerprint.read_declaration("prrt_outcomes.stage.stage", "SETTINGS")

"""`simulate` writes a study that `check` accepts, and never over another."""

from prrt_outcomes.cli.main import main


def test_what_is_asked_for_is_passed_on_and_the_next_command_is_named(monkeypatch, tmp_path, capsys):
    asked = {}
    monkeypatch.setattr(
        "prrt_outcomes.simulate.registry.write_simulated_study",
        lambda folder, **arguments: asked.update(folder=folder, **arguments),
    )
    assert main(["simulate", "--patients", "30", "--seed", "4", "--out", str(tmp_path / "new")]) == 0
    assert {**asked, "settings": None} == {
        "folder": tmp_path / "new",
        "patients": 30,
        "seed": 4,
        "settings": None,
    }
    assert f"prrt-outcomes run {tmp_path / 'new'}" in capsys.readouterr().out


def test_a_study_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "study.yaml").write_text("study: mine\n")
    assert main(["simulate", "--patients", "30", "--seed", "4", "--out", str(tmp_path)]) == 2
    assert (tmp_path / "study.yaml").read_text() == "study: mine\n"
    assert "study" in capsys.readouterr().err

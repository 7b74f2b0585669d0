"""What `adopt` prints and writes."""

import yaml

from prrt_outcomes.cli.main import main

LIST = """\
PatNr;m/w;Alter;II. PRRT;1. PRRT;Gesamtaktivität;letzter Kontakt;verstorben
1;m;61;;28.03.2019;7,4;01.02.2021;ja
2;w;55;02.06.2019;02.04.2019;14,1;01.02.2020;nein
"""


def test_deaths_without_a_date_are_a_doubt_and_not_a_fault(tmp_path, capsys):
    (tmp_path / "liste.csv").write_text(LIST, encoding="utf-8")
    assert main(["adopt", str(tmp_path / "liste.csv"), str(tmp_path / "study")]) == 0
    study = yaml.safe_load((tmp_path / "study" / "study.yaml").read_text("utf-8"))
    assert study["dead_without_date"] == "last_contact"
    assert study["confirmed"] is False
    (doubt,) = [text for text in study["doubts"] if "date of death" in text]
    assert doubt.startswith("dead without a date of death (1 patients, line 2)")
    printed = capsys.readouterr().out
    assert doubt in printed
    assert "rows read: cycles 3, follow_up 2, patients 2" in printed
    assert (
        "'Gesamtaktivität' of liste.csv: a sum over cycles; the activity of each cycle is needed" in printed
    )

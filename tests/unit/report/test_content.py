"""Numbers in sentences: escaped, and linked to their row."""

from prrt_outcomes.report.content import join_words, say, trace


def test_a_number_is_escaped_and_links_to_its_table():
    number = trace("<1%", "safety_rates", {"group": 'a"b', "phase": ""}, "group", "phase")
    assert str(say("{n} of them", n=number)) == (
        '<a class="number" href="tables/safety_rates.csv" title="tables/safety_rates.csv: group = a&#34;b">&lt;1%</a>'
        " of them"
    )
    assert str(join_words(["a", "<b>", number]))[:18] == "a, &lt;b&gt; and <"

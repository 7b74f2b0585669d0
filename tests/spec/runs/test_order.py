"""The order of the rows and columns of a file is no fact: it changes no byte of any table."""

import pytest


def read_results(results):
    """Every table that a run wrote, as bytes."""
    paths = sorted(path for path in results.rglob("*") if path.suffix in (".csv", ".parquet"))
    return {path.relative_to(results).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("base", ["small", "tiny"])
def test_shuffled_rows_and_columns_give_the_same_tables(run_stages, base):
    def shuffle(tables, settings):
        for seed, (name, table) in enumerate(tables.items()):
            columns = table.columns.to_series().sample(frac=1, random_state=seed)
            tables[name] = table.sample(frac=1, random_state=seed)[columns]

    before = read_results(run_stages(lambda tables, settings: None, base))
    after = read_results(run_stages(shuffle, base))
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == []

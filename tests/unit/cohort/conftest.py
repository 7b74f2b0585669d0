"""A study from the text of its tables."""

import pytest

from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.study.model import Study


@pytest.fixture
def read_study(tmp_path):
    """Write tables (bytes or text) and read the study; settings of study.yaml are keyword arguments."""

    def read(tables, **settings):
        sources = {}
        for name, content in tables.items():
            data = content if isinstance(content, bytes) else content.encode("utf-8")
            (tmp_path / f"{name}.csv").write_bytes(data)
            sources[name] = f"{name}.csv"
        return read_cohort(
            Study(study="s", tables=sources | settings.pop("sources", {}), **settings), tmp_path
        )

    return read

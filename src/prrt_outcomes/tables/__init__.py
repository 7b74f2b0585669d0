"""The contract of `data_schema/`: schemas, typed frames, reading and writing."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(
    __name__,
    check="check_values",
    files="read_table write_table",
    frames="conform_table empty_table",
    schema="TableSchema list_tables load_schema",
)

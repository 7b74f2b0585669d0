"""The contract of `data_schema/`: schemas, typed frames, reading and writing."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(
    __name__,
    TableSchema="schema",
    check_values="check",
    conform_table="frames",
    empty_table="frames",
    list_tables="schema",
    load_schema="schema",
    read_table="files",
    write_table="files",
)

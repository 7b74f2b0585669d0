"""The manuscript of a run: Word, PDF, tables, figures and legends for a journal."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, documents="write_manuscript")

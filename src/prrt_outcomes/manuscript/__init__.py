"""The manuscript of a run: Word, PDF, tables, figures and legends for a journal."""

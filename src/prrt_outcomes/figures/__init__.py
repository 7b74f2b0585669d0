"""Result tables as figures."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, Figure="figure", draw_chapter="chapters", save_figures="save")

"""Result tables as figures."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, chapters="draw_chapter", figure="Figure", save="save_figures")

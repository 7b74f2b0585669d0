"""Every setting that names something, in one table: where it stands, and where the names come from that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prrt_outcomes.cohort.levels import DERIVED_COLUMNS, UNKNOWN, WHOLE
from prrt_outcomes.errors import Problem, suggest, tell_setting
from prrt_outcomes.study.endpoints import PRESETS
from prrt_outcomes.study.multiplicity import list_tests
from prrt_outcomes.study.yaml_file import join_key
from prrt_outcomes.tables.schema import Field, load_schema, read_data

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.model import Study

Tables = Mapping[str, "pd.DataFrame"]
Known = Callable[["Study", Tables, str], Iterable[str] | None]
LEVELLED_TYPES = ("string", "code", "category", "boolean", "integer")
ORIGINS = {"diagnosis": "diagnosis_date"}
SEVERAL = "several"
NAMINGS: dict[str, list[dict[str, str]]] = read_data(Path(__file__).with_suffix(".yaml"))
_RADIONUCLIDES = load_schema("treatment_periods").field("radionuclide").codes


def list_columns(study: Study) -> dict[str, Field]:
    """Columns of patients that a study can name: of the schema, derived ones and its own."""
    schema = load_schema("patients")
    derived = (load_schema("analysis_set").field(name) for name in DERIVED_COLUMNS)
    own = (Field(name, kind, name, "") for name, kind in study.extra_columns.items())
    return {field.name: field for field in (*schema.fields, *derived, *own) if field.name not in schema.key}


def _columns(*types: str) -> Known:

    return lambda study, tables, above: [n for n, c in list_columns(study).items() if c.type in types]


def _codes(study: Study, tables: Tables, column: str) -> list[str] | None:
    field = list_columns(study).get(column)
    return [str(code) for code in field.codes if code != UNKNOWN] or None if field else None


def _filled_columns(study: Study, tables: Tables, above: str) -> list[str] | None:
    patients = tables.get("patients")
    if patients is None or patients.empty:
        return None
    filled = [str(name) for name in patients if patients[name].notna().any()]
    return [*filled, *(name for name in list_columns(study) if name not in patients)]


def _filled_origins(study: Study, tables: Tables, above: str) -> list[str] | None:
    """Origins but for those that are a column of patients which no row fills."""
    filled = _filled_columns(study, tables, above)
    if filled is None:
        return None
    written = (endpoint.origin for endpoint in study.endpoints if isinstance(endpoint.origin, str))
    return [origin for origin in written if origin not in ORIGINS or ORIGINS[origin] in filled]


def _levels(study: Study, tables: Tables, column: str) -> list[str] | None:
    from prrt_outcomes.cohort.grouping import compute_group

    patients = tables.get("patients")
    if patients is None or column not in patients:
        return None
    return [str(level) for level in compute_group(patients, column).cat.categories if level != UNKNOWN]


def _with(known: Known, *more: str) -> Known:

    return lambda *asked: None if (names := known(*asked)) is None else [*names, *more]


def _values(*places: str) -> Known:

    def list_values(study: Study, tables: Tables, above: str) -> list[str] | None:
        found: set[str] = set()
        for table, _, column in (place.partition(".") for place in places):
            if table not in tables:
                return None
            found |= set(tables[table][column].dropna().astype(str))
        return sorted(found) or None

    return list_values


def _values_of_events(study: Study, tables: Tables, column: str) -> list[str] | None:
    """What a column of adverse events can hold: the texts that are there, grades, or true and false."""
    if column == "term_group":
        from prrt_outcomes.cohort.vocabulary import OTHER, extend_vocabulary

        return [*dict.fromkeys(extend_vocabulary(study.vocabulary)[column]["names"].values()), OTHER]
    field = next((field for field in load_schema("adverse_events").fields if field.name == column), None)
    if field is None:  # told as a name that the schema does not have
        return None
    if field.type == "boolean":
        return ["true", "false"]
    if field.type == "integer":
        return [str(number) for number in range(int(field.minimum or 0), int(field.maximum or 0) + 1)]
    if "adverse_events" not in tables:
        return None
    return sorted(set(tables["adverse_events"][column].dropna().astype(str)))


_readers = _values("assessments.reader", "lesions.reader")


def _readers_of_endpoints(study: Study, tables: Tables, above: str) -> list[str] | None:
    """Readers, and those that the responses have beside them: after adjudication, and of laboratory values."""
    readers = _readers(study, tables, above)
    if readers is None:
        return None
    adjudicated = ["adjudicated"] if study.response.adjudicator else []
    return [*readers, *adjudicated, *(["laboratory"] if study.response.markers else [])]


def _criteria_with_values(study: Study, tables: Tables, above: str) -> list[str] | None:
    """Criteria but for those that are judged by a laboratory value which no row of labs has."""
    if "labs" not in tables:
        return None
    found = set(tables["labs"]["analyte"].dropna().astype(str))
    markers = study.response.markers
    return [name for name in study.response.criterion_names if name not in markers or markers[name] in found]


def _reported_endpoints(study: Study, tables: Tables, above: str) -> list[str] | None:
    """Endpoints that are derived, and those that a row of reported_outcomes reports."""
    if "reported_outcomes" not in tables:
        return None
    derived = [endpoint.name for endpoint in study.endpoints if endpoint.origin != "reported"]
    reported = sorted(set(tables["reported_outcomes"]["endpoint"].dropna().astype(str)) - set(PRESETS))
    return list(dict.fromkeys((*PRESETS, *derived, *reported)))


def _accepted(study: Study, tables: Tables, above: str) -> Iterable[str]:
    from prrt_outcomes.cohort.plausibility import list_acceptable_problems

    return list_acceptable_problems()


KNOWN: dict[str, Known] = {
    "levelled_columns": _columns(*LEVELLED_TYPES),
    "covariates": _columns(*LEVELLED_TYPES, "number"),
    "dates": _columns("date", "partial"),
    "codes": _codes,
    "codes_or_unknown": _with(_codes, UNKNOWN),
    "criteria": lambda study, tables, above: study.response.criterion_names,
    "columns_of_events": lambda study, tables, above: (*load_schema("adverse_events").names, "term_group"),
    "groups": lambda study, tables, above: (WHOLE, *study.response.groups, *_RADIONUCLIDES),
    "tests": lambda study, tables, above: list_tests(study),
    "acceptable": _accepted,
    "readers": _readers,
    "readers_of_endpoints": _readers_of_endpoints,
    "criteria_with_values": _criteria_with_values,
    "reported_endpoints": _reported_endpoints,
    "filled_origins": _filled_origins,
    "filled_columns": _filled_columns,
    "values_of_events": _values_of_events,
    "kinds_of_therapy": _with(_values("therapies.kind"), "prrt"),
    "levels": _levels,
    "levels_or_unknown": _with(_levels, UNKNOWN),
    "scales": _values("questionnaires.scale"),
}
"""Names that there are, of the study, its tables, and the last key of a mapping above; None where not known."""


def check_names(study: Study, tables: Tables | None = None) -> tuple[Problem, ...]:
    """Find settings that name what is not there, each with the nearest known name.

    tables : typed tables that are fit for use, `patients` with its derived columns; None for the names that need none
    Returns problems whose column is the dotted key, one a key; with tables those alone that need them.
    """
    unnamed = {
        found.column: found for naming in NAMINGS["of_schema"] for found in _check_naming(naming, study, {})
    }
    if tables is None:
        return tuple(unnamed.values())
    found = [problem for naming in NAMINGS["of_data"] for problem in _check_naming(naming, study, tables)]
    return tuple(problem for problem in found if problem.column not in unnamed)


def _check_naming(naming: Mapping[str, str], study: Study, tables: Tables) -> list[Problem]:
    """Names of settings of one form that are none of those that there are."""
    places = [found for place in naming["places"].split() for found in _walk(study, place.split("."))]
    asked = {above: KNOWN[naming["known"]](study, tables, above) for _, above, _ in places}
    found, named, severity = [], set(), naming.get("severity", "error")
    for key, above, value in places:
        names = asked[above]
        known = None if names is None else list(names)
        if known is None or value in known:
            named.add(key.rpartition(".")[0])
        else:
            expected = suggest(value, known, f"{naming['what']}: {', '.join(known) or 'none'}")
            words = {"problem": naming["problem"], "expected": expected, "severity": severity}
            found.append(tell_setting("unknown_name", key, value, **words))
    if severity != SEVERAL:
        return found
    is_warning = (problem.column.rpartition(".")[0] in named for problem in found)
    return [replace(p, severity="warning" if w else "error") for p, w in zip(found, is_warning, strict=True)]


def _walk(node: Any, parts: list[str], key: str = "", above: str = "") -> Iterator[tuple[str, str, str]]:
    """Dotted key, last key of a mapping above, and name, of each setting that is written at a place."""
    if not parts:
        if isinstance(node, str | bool | int):
            yield key, above, str(node).lower() if isinstance(node, bool) else str(node)
        return
    first, rest = parts[0], parts[1:]
    if first == "~":
        yield from ((join_key(key, name), name, name) for name in node)
    elif first == "*":
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for name, child in items:
            yield from _walk(child, rest, join_key(key, name), name if isinstance(name, str) else above)
    elif first in getattr(node, "model_fields_set", ()):
        yield from _walk(getattr(node, first), rest, join_key(key, first), above)

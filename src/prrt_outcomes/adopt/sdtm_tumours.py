"""SDTM of tumours: responses (RS), and lesions from their identification (TU) and their results (TR)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from prrt_outcomes.adopt.cdisc import DataSet, Reading, first_filled, load_terms
from prrt_outcomes.adopt.plan import StudyPlan

RECIST = "recist_1_1"
PLACES = ("TULOC", "TUSTRESC", "TUORRES")
OWN = "own "
WHOLE_DATE = 10


def plan_tumours(plan: StudyPlan, domains: Mapping[str, list[DataSet]]) -> None:
    """Add assessments and lesions, and the reader whose readings count."""
    readers = _choose_reader(plan, domains)
    for responses in domains["RS"]:
        _plan_responses(plan, responses, readers)
    for results in domains["TR"]:
        if _plan_lesions(plan, results, domains["TU"][:1], readers):
            _plan_scans(plan, results, domains["RS"], readers)


def _choose_reader(plan: StudyPlan, domains: Mapping[str, list[DataSet]]) -> bool:
    """Whether there are several readers; the one that counts is written as a setting, which is a doubt."""
    found = [
        (name, data, first_filled(data.frame, (f"{name}EVALID", f"{name}EVAL")))
        for name in ("RS", "TR")
        for data in domains[name]
    ]
    names = sorted({text for _, _, texts in found for text in texts} - {""})
    if len(names) < 2:
        return False
    accepted = [
        text
        for name, data, texts in found
        if f"{name}ACPTFL" in data.frame
        for text in texts[data.frame[f"{name}ACPTFL"] == "Y"]
    ]
    investigator = next((text for text in names if text.upper() == "INVESTIGATOR"), names[0])
    chosen = max(sorted(set(accepted)), key=accepted.count) if accepted else investigator
    n = accepted.count(chosen)
    why = f"accepted in {n} rows (ACPTFL)" if n else "no reading is marked as accepted"
    plan.settings["response"] = {"reader": chosen}
    plan.doubts.append(f"of the readers {', '.join(names)} the one that counts is {chosen}: {why}")
    return True


def _start(reading: Reading, prefix: str, date: str, readers: bool) -> Reading:
    reading.column("patient_id", "USUBJID")
    if readers:
        reading.column("reader", f"{prefix}EVALID", f"{prefix}EVAL")
    reading.date(date, f"{prefix}DTC")
    return reading


def _plan_responses(plan: StudyPlan, responses: DataSet, readers: bool) -> None:
    """Overall response, and to its rows those of the non-target lesions and of new lesions."""
    for code, ours in load_terms()["responses"].items():
        reading = Reading(plan, "assessments", responses).choose("RSTESTCD", [code])
        if reading.rows.empty:
            continue
        _start(reading, "RS", "assessment_date", readers)
        texts = [text for text in reading.rows.get("RSCAT", pd.Series(dtype=str)).unique() if text]
        codes = {text: re.sub(r"[\W_]+", " ", text.lower()).strip().replace(" ", "_") for text in texts}
        if len(texts) == 1:
            reading.source.add_constant("reported_criterion", codes[texts[0]], f"RSCAT is {texts[0]}")
        elif texts:
            reading.codes("reported_criterion", "RSCAT", known={t.upper(): c for t, c in codes.items()})
        else:
            reading.source.add_constant("reported_criterion", RECIST)
            reading.doubt("RSCAT does not name the criterion; the responses are read as by RECIST 1.1")
        reading.codes(ours, "RSSTRESC", "RSORRES")
        if code == "NEWLPROG" and "EQUIVOCAL" in set(reading.rows["RSSTRESC"]):
            reading.doubt("an equivocal new lesion is read as none, an unequivocal one as new lesion")
        reading.close(merge=True)


def _plan_lesions(plan: StudyPlan, results: DataSet, identified: Sequence[DataSet], readers: bool) -> bool:
    """Diameters and states of lesions, a mapping for each test code and state; whether there are any."""
    sizes = _list_sizes(results, identified)
    for code, ours, place in sizes:
        number, states = _list_states(results, code)
        for state, (name, texts) in states.items():
            reading = Reading(plan, "lesions", results).choose("TRTESTCD", [code])
            _join_tumours(reading, identified, readers)
            places = _of_tumours("TULOC") if place == "others" else (place,) if place != "all" else ()
            for joined in places:
                if joined in reading.rows:
                    reading.choose(joined, _list_nodes(identified), out=place == "others")
                elif place != "others":
                    reading.rows = reading.rows.iloc[:0]
            if state == "measured":
                for other, held in list(states.values())[1:]:
                    reading.choose(other, held, out=True)
            else:
                reading.choose(name, texts)
            if reading.rows.empty:
                continue
            _place_lesion(reading, readers, state)
            has_number = pd.to_numeric(reading.rows[number], "coerce").notna().any()
            if state in ("measured", "too_small") and has_number:
                reading.column(ours, number)
                reading.unit(ours, "TRSTRESU", "mm")
            reading.close(merge=True)
    _plan_states(plan, results, identified, readers, [code for code, *_ in sizes])
    return "lesions" in plan.tables


def _list_sizes(results: DataSet, identified: Sequence[DataSet]) -> list[tuple[str, str, str]]:
    codes = set(results.frame["TRTESTCD"])
    nodes = _list_nodes(identified)
    found = [("LDIAM", "longest_mm", "all")] if "LDIAM" in codes else []
    if "DIAMETER" in codes and not found:
        found = [("DIAMETER", "longest_mm", "others" if nodes else "all")]
        found += [("DIAMETER", "perpendicular_mm", place) for place in _of_tumours("TULOC") if nodes]
    return found + [(code, "perpendicular_mm", "all") for code in ("LPERP", "SAXIS") if code in codes]


def _list_nodes(identified: Sequence[DataSet]) -> list[str]:
    return sorted({t for data in identified for t in data.frame.get("TULOC", ()) if "NODE" in t.upper()})


def _list_states(results: DataSet, code: str) -> tuple[str, dict[str, tuple[str, list[str]]]]:
    """Variable of the size, and for each state of a lesion the variable and texts that say it."""
    number = "TRSTRESN" if results.is_filled("TRSTRESN") else "TRSTRESC"
    rows = results.frame[results.frame["TRTESTCD"] == code]
    texts = {n: list(rows[n].unique()) for n in (number, "TRSTAT", "TRORRES", "TRSTRESC") if n in rows}
    small = {n: [t for t in texts.get(n, ()) if "too small" in t.lower()] for n in ("TRORRES", "TRSTRESC")}
    name = max(small, key=lambda name: len(small[name]))
    found = {
        "absent": (number, [text for text in texts[number] if pd.to_numeric(text, errors="coerce") == 0]),
        "not_evaluated": ("TRSTAT", [text for text in texts.get("TRSTAT", ()) if text.upper() == "NOT DONE"]),
        "too_small": (name, small[name]),
    }
    return number, {"measured": ("", []), **{state: said for state, said in found.items() if said[1]}}


def _join_tumours(reading: Reading, identified: Sequence[DataSet], readers: bool) -> None:
    """Join to each result the identification of its lesion, which says the organ and whether it is new."""
    keys = {"USUBJID": "USUBJID", "TRLNKID": "TULNKID"}
    for tumours in identified:
        frame, chosen = tumours.frame, {}
        if "TUTESTCD" in frame and frame["TUTESTCD"].nunique() > 1 and "TUMIDENT" in set(frame["TUTESTCD"]):
            chosen = {"TUTESTCD": ["TUMIDENT"]}
            frame = frame[frame["TUTESTCD"] == "TUMIDENT"]
        columns = [name for name in PLACES if name in frame]
        if not frame.duplicated(list(keys.values())).any():
            reading.join(tumours, keys, columns, "", **({"filter": chosen} if chosen else {}))
            continue
        held = {*frame, *reading.rows}
        parts = {part: frame for part in ("EVALID", "EVAL") if {f"TU{part}", f"TR{part}"} <= held}
        if len(parts) > 1:
            is_named = frame["TUEVALID"] != ""
            parts = {"EVALID": frame[is_named], "EVAL": frame[~is_named]}
        own = {part: {**keys, f"TR{part}": f"TU{part}"} for part in parts}
        if not parts or any(rows.duplicated(list(own[part].values())).any() for part, rows in parts.items()):
            reading.doubt(f"{tumours.file.name} is not joined: a lesion stands there in several rows")
            continue
        for part in (part for part, rows in parts.items() if len(rows)):
            more = {"TUEVALID": [""]} if part == "EVAL" and len(parts) > 1 else {}
            prefix = OWN if part == "EVAL" else ""
            settings: dict[str, Any] = {"prefix": prefix, "filter": chosen | more}
            reading.join(tumours, own[part], columns, **{name: v for name, v in settings.items() if v})


def _of_tumours(*names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{name}" for name in names for prefix in ("", OWN))


def _place_lesion(reading: Reading, readers: bool, state: str = "") -> None:
    """What a row of a lesion has beside its size."""
    if reading.rows.empty:
        return
    reading.require("TRLNKID")
    _start(reading, "TR", "assessment_date", readers)
    reading.column("lesion_id", "TRLNKID")
    reading.codes("role", *_of_tumours("TUSTRESC", "TUORRES"), "TRGRPID")
    names = reading.column("organ", *_of_tumours("TULOC"))
    if names:
        places = [text for text in reading.texts(*names).unique() if text]
        reading.codes("lymph_node", *names, known={text.upper(): "NODE" in text.upper() for text in places})
    if state:
        reading.source.add_constant("state", state)


def _plan_states(
    plan: StudyPlan, results: DataSet, identified: Sequence[DataSet], readers: bool, sizes: Sequence[str]
) -> None:
    """Lesions that are followed by eye; those that have diameters have their state by these."""
    measured = results.frame[results.frame["TRTESTCD"].isin(sizes)]
    reading = Reading(plan, "lesions", results).choose("TRTESTCD", ["TUMSTATE"])
    if reading.rows.empty:
        return
    _join_tumours(reading, identified, readers)
    _place_lesion(reading, readers)
    name = next((name for name in ("TRGRPID", "TUSTRESC", "TUORRES") if name in reading.rows), None)
    if name is not None:
        keys = ["USUBJID", "TRLNKID"]
        lesions = pd.MultiIndex.from_frame(measured[keys])
        known = pd.MultiIndex.from_frame(reading.rows[keys]).isin(lesions)
        by_size = set(reading.rows.loc[known, name]) - set(reading.rows.loc[~known, name])
        reading.choose(name, by_size, out=True)
    reading.codes("state", "TRSTRESC", "TRORRES", "TRSTAT")
    if "EQUIVOCAL" in set(reading.rows["TRSTRESC"]):
        reading.doubt("an equivocal new lesion is read as not evaluated, an unequivocal one as new lesion")
    reading.close(merge=True)


def _plan_scans(plan: StudyPlan, results: DataSet, responses: Sequence[DataSet], readers: bool) -> None:
    """Scans that TR holds, such as those of the screening, which have no response: one row of each day and reader."""
    frame = results.frame[results.frame["TRDTC"].str.match(r"\d{4}-\d{2}-\d{2}")]
    if frame.empty:
        return
    who = [name for name in ("TREVAL", "TREVALID") if readers and name in frame]
    days = frame[["USUBJID", *who]].assign(day=frame["TRDTC"].str[:WHOLE_DATE])
    times = days.assign(text=frame["TRDTC"]).drop_duplicates()
    again = times.loc[times.duplicated(list(days)), "text"]
    constants = [source.settings.get("constants", {}) for source in plan.tables.get("assessments", ())]
    criteria = [own.get("reported_criterion") for own in constants]
    reading = Reading(plan, "assessments", results)
    keys = ["USUBJID", "TRDTC", *who]
    reading.source.settings["pivot"] = {"by": "TRTESTCD", "value": "TRTESTCD", "keys": keys}
    reading.source.evidence["pivot"] = "the rows of one day are one scan"
    reading.choose("TRDTC", set(again), out=True)
    _start(reading, "TR", "assessment_date", readers)
    reading.source.add_constant("reported_criterion", next(filter(None, criteria), RECIST), "the scans of TR")
    reading.close(merge=True)
    if responses:
        every = pd.concat([data.frame[["USUBJID", "RSDTC"]] for data in responses])
        known = set(every["USUBJID"] + every["RSDTC"].str[:WHOLE_DATE])
        found = set(days["USUBJID"] + days["day"])
        words = f"{len(found - known)} of {len(found)} scans of {results.file.name} have no response in RS"
        plan.notes.append(words)

"""SDTM: domains of a clinical trial to the tables of a study."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from prrt_outcomes.adopt import cdisc
from prrt_outcomes.adopt.coding import name_agents
from prrt_outcomes.adopt.plan import StudyPlan, name_some, say
from prrt_outcomes.adopt.sdtm_tumours import plan_tumours

PATTERN = "{}([a-z0-9]{{2}})?(_.*)?"  # of the names of files


def plan_sdtm(paths: Sequence[Path]) -> StudyPlan:
    """Plan a study from a folder of SDTM data sets, or from the files themselves.

    Raises InputError when there is no DM or a file cannot be read.
    """
    plan = StudyPlan()
    domains = cdisc.find_data_sets(paths, PATTERN, "sdtm", plan)
    people = cdisc.refuse_without(domains, "DM", "sdtm", paths)
    plan.title = next(iter(people.frame.get("STUDYID", ())), "")
    _plan_patients(plan, people)
    for exposure in domains["EX"]:
        _plan_cycles(plan, exposure)
    for medication in domains["CM"]:
        _plan_therapies(plan, medication, "CM")
    _plan_follow_up(plan, people, domains)
    plan_tumours(plan, domains)
    for laboratory in domains["LB"]:
        _plan_labs(plan, laboratory)
    for events in domains["AE"]:
        _plan_adverse_events(plan, events)
    has_scans = "assessments" in plan.tables
    plan.settings["endpoints"] = ["pfs", "os", "ttp"] if has_scans else ["os"]
    cdisc.list_unplaced(plan, domains)
    return plan


def _plan_patients(plan: StudyPlan, people: cdisc.DataSet) -> None:
    reading = cdisc.Reading(plan, "patients", people)
    cdisc.place_patient(reading)
    if people.is_filled("BRTHDTC") and people.frame["BRTHDTC"].str.len().isin([0, 10, 16, 19]).all():
        reading.date("birth_date", "BRTHDTC")
    cdisc.place_arm(reading, "ACTARM", "ARM")
    reading.close()


def _plan_follow_up(
    plan: StudyPlan, people: cdisc.DataSet, domains: Mapping[str, list[cdisc.DataSet]]
) -> None:
    """Death and last contact: DM, with the deaths of DS and the last contacts of SS."""
    reading = cdisc.Reading(plan, "follow_up", people)
    reading.column("patient_id", "USUBJID")
    status, death, contact = ["DTHFL"], ["DTHDTC"], ["RFPENDTC", "RFENDTC", "DMDTC", "RFSTDTC"]
    for disposition in domains["DS"][:1]:
        words = [text for text in disposition.frame["DSDECOD"].unique() if text.upper() == "DEATH"]
        if words:
            deaths = disposition.frame[disposition.frame["DSDECOD"].isin(words)]
            latest = "DSSTDTC" if deaths["USUBJID"].duplicated().any() else ""
            columns, chosen = ["DSDECOD", "DSSTDTC"], {"DSDECOD": words}
            reading.join(disposition, {"USUBJID": "USUBJID"}, columns, latest, filter=chosen)
            status, death = [*status, "DSDECOD"], [*death, "DSSTDTC"]
    for survival in domains["SS"][:1]:
        reading.join(survival, {"USUBJID": "USUBJID"}, ["SSDTC"], latest="SSDTC")
        contact = ["SSDTC", *contact]
    reading.date("last_contact_date", *death, *contact)
    reading.date("death_date", *death)
    if not cdisc.place_vital_status(reading, *status):
        reading.source.add_constant("vital_status", "alive")
        reading.doubt("no variable says who has died (DTHFL of DM, DEATH in DS); all are read as alive")
    listed = reading.source.settings["columns"].get("last_contact_date", ())
    lacking = reading.texts(*([listed] if isinstance(listed, str) else listed)) == ""
    if lacking.any():
        reading.doubt(f"{lacking.sum()} patients without any date of contact are left out")
        reading.choose("USUBJID", reading.rows.loc[lacking, "USUBJID"], out=True)
    reading.close()


def _plan_cycles(plan: StudyPlan, exposure: cdisc.DataSet) -> None:
    """Doses of a radiopharmaceutical as cycles; where there are none, doses of the trial treatment, as a doubt."""
    reading = cdisc.Reading(plan, "cycles", exposure)
    names = [text for text in exposure.frame["EXTRT"].unique() if text]
    radioactive = name_agents(names, reading.doubt)
    if radioactive:
        reading.choose("EXTRT", radioactive)
        _plan_therapies(plan, exposure, "EX", radioactive)
    for name, values in {"EXDOSE": ["0", "0.0"], "EXOCCUR": ["N"]}.items():
        if radioactive and name in reading.rows:
            reading.choose(name, values, out=True)
    reading.column("patient_id", "USUBJID")
    reading.date("cycle_date", "EXSTDTC")
    if not radioactive:
        reading.source.add_constant("radiopharmaceutical", "other")
        shown = name_some(map(repr, names))
        reading.doubt(say("not_radioactive", file=exposure.file.name, names=shown))
        if reading.rows.duplicated(["USUBJID", "EXSTDTC"]).any() and "DOMAIN" in reading.rows:
            keys = ["USUBJID", "EXSTDTC"]
            reading.source.settings["pivot"] = {"by": "DOMAIN", "value": "DOMAIN", "keys": keys}
            reading.source.evidence["pivot"] = "doses of one day are one row"
        reading.close()
        return
    known = {text.upper(): code for text, code in radioactive.items()}
    reading.codes("radiopharmaceutical", "EXTRT", known=known)
    if reading.column("activity_gbq", "EXDOSE"):
        reading.unit("activity_gbq", "EXDOSU", "GBq")
    reading.close()


def _plan_therapies(
    plan: StudyPlan, medication: cdisc.DataSet, prefix: str, cycles: Iterable[str] = ()
) -> None:
    """Drugs against the tumour and somatostatin analogues; every other drug is left out, which is a doubt."""
    frame = medication.frame
    coded = f"{prefix}DECOD"
    is_coded = coded in frame and bool((frame[coded] != "").all())
    name = coded if is_coded else f"{prefix}TRT"
    if name not in frame:
        return
    terms = cdisc.load_terms()
    drugs = [text for text in frame[name].unique() if text not in cycles]
    known = {t: next((kind for kind, words in terms["drugs"].items() if _holds(t, words)), "") for t in drugs}
    kinds = {text: kind for text, kind in known.items() if kind}
    by_route = [text for text in kinds if _holds(text, terms["by_route"])]
    others = cdisc.Reading(plan, "therapies", medication).choose(name, [*kinds, *cycles], out=True)
    if _plan_by_route(plan, medication, prefix, name, by_route):
        kinds = {text: kind for text, kind in kinds.items() if text not in by_route}
    reading = cdisc.Reading(plan, "therapies", medication).choose(name, kinds)
    if len(reading.rows):
        reading.codes("kind", name, known={text.upper(): kind for text, kind in kinds.items()})
        _place_therapy(reading, prefix, name)
    category = f"{prefix}CAT"
    categories = set(others.rows[category]) if category in frame else set()
    cancer = [text for text in sorted(categories) if _holds(text, terms["cancer_category"])]
    left = others.rows[~others.rows[category].isin(cancer)] if cancer else others.rows
    if cancer:
        others.choose(category, cancer)
        others.source.add_constant("kind", "other", f"by {category}")
        shown = name_some(map(repr, others.rows[name].unique()))
        others.doubt(say("kind_other", names=shown, category=category))
        _place_therapy(others, prefix, name)
    if len(left):
        shown = name_some(map(repr, left[name].unique()))
        counts = {"n": len(left), "total": len(frame), "file": medication.file.name}
        others.doubt(say("drugs_left_out", drugs=shown, **counts))


def _plan_by_route(
    plan: StudyPlan, medication: cdisc.DataSet, prefix: str, name: str, analogues: Sequence[str]
) -> bool:
    """Somatostatin analogues, of which the route says whether they act long; whether any acts shortly."""
    route = f"{prefix}ROUTE"
    reading = cdisc.Reading(plan, "therapies", medication).choose(name, analogues)
    routes = set(reading.rows[route]) if route in reading.rows else set()
    short = [text for text in sorted(routes) if text.upper() in cdisc.load_terms()["short_routes"]]
    if not short:
        return False
    for kind, out in {"ssa_short_acting": False, "ssa_long_acting": True}.items():
        reading = cdisc.Reading(plan, "therapies", medication).choose(name, analogues)
        reading.choose(route, short, out=out)
        if len(reading.rows):
            reading.source.add_constant("kind", kind, f"by {route}")
            _place_therapy(reading, prefix, name)
    return True


def _place_therapy(reading: cdisc.Reading, prefix: str, name: str) -> None:
    """What a row of a therapy has beside its kind; the variable with the name of the drug is known."""
    columns = cdisc.load_terms()["columns"]["therapies"] | {"drug": name}
    reading.fill({ours: theirs.replace("--", prefix) for ours, theirs in columns.items()})
    units = set(reading.rows[f"{prefix}DOSU"]) if f"{prefix}DOSU" in reading.rows else set()
    if units and units <= {"mg", "g", "ug", ""} and reading.column("dose_mg", f"{prefix}DOSE"):
        reading.unit("dose_mg", f"{prefix}DOSU", "mg")
    reading.close()


def _holds(text: str, words: Iterable[str]) -> bool:
    return any(word in text.casefold() for word in words)


def _plan_labs(plan: StudyPlan, laboratory: cdisc.DataSet) -> None:
    """Laboratory values in standard units, as measured in blood."""
    known = cdisc.load_terms()["analyte"]
    reading = cdisc.Reading(plan, "labs", laboratory).choose("LBTESTCD", known)
    if "LBSPEC" in reading.rows:
        words = [text.casefold() for text in cdisc.load_terms()["other_specimens"]]
        others = [text for text in reading.rows["LBSPEC"].unique() if _holds(text, words)]
        reading.choose("LBSPEC", others, out=True)
    columns = cdisc.load_terms()["columns"]
    has_standard = laboratory.is_filled("LBSTRESN") or laboratory.is_filled("LBSTRESC")
    values = columns["values" if has_standard else "original_values"]
    value = "LBSTRESN" if laboratory.is_filled("LBSTRESN") else "LBSTRESC" if has_standard else "LBORRES"
    if len(reading.rows) and value in reading.rows:
        reading.require(value)
        reading.fill(columns["labs"] | values | {"value": value})
        reading.close()


def _plan_adverse_events(plan: StudyPlan, events: cdisc.DataSet) -> None:
    """Adverse events by their CTCAE grade, or by severity, which is a doubt."""
    terms = cdisc.load_terms()
    reading = cdisc.Reading(plan, "adverse_events", events)
    reading.fill(terms["columns"]["adverse_events"])
    if not events.is_filled("AETOXGR") and reading.codes("grade", "AESEV", known=terms["severity"]):
        reading.doubt("AESEV is read as grade: mild 1, moderate 2, severe 3, life-threatening 4, fatal 5")
    if events.is_filled("AEREL"):
        texts = {text.upper() for text in reading.rows["AEREL"].unique()}
        graded = sorted(texts & {"POSSIBLE", "POSSIBLY RELATED", "REMOTE", "UNLIKELY", "UNLIKELY RELATED"})
        if graded:
            words = ", ".join(f"{text!r} = {'yes' if terms['related'][text] else 'no'}" for text in graded)
            reading.doubt(f"related to the treatment: {words}")
    reading.close()

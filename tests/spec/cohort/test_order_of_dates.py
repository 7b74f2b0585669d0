# ruff: noqa: E501
"""Dates of one patient that contradict each other, as a table of cases.

Each case writes some dates of patient P1, who is treated on 2014-05-20; the others are empty. A partial date
contradicts only where no day that it can mean would keep the order.
"""

import pytest

# dates that are written                                                | column of the fault | problem | severity
CASES = """
death 2014-05-19                                       | follow_up.death_date        | death before the first cycle | error
death 2014-05-20                                       |                             |                              |
death 2014-05                                          |                             |                              |
death 2014                                             |                             |                              |
death 2014-04                                          | follow_up.death_date        | death before the first cycle | error
death 2013                                             | follow_up.death_date        | death before the first cycle | error
progression 2014-05-19                                 | follow_up.progression_date  | progression before the first cycle | error
progression 2014-05                                    |                             |                              |
progression 2013-12                                    | follow_up.progression_date  | progression before the first cycle | error
last 2014-05-19                                        | follow_up.last_contact_date | last contact before the first cycle | error
last 2014                                              |                             |                              |
death 2015-03-01; last 2015-03-02                      | follow_up.last_contact_date | last contact after death     | error
death 2015-03-01; last 2015-02-27                      | follow_up.last_contact_date | last contact before death    | warning
death 2015-03; last 2015-03-31                         |                             |                              |
death 2015-03; last 2015-04-01                         | follow_up.last_contact_date | last contact after death     | error
progression 2015-03-02; death 2015-03-01               | follow_up.progression_date  | progression after death      | error
progression 2015-03-01; death 2015-03-01               |                             |                              |
progression 2015; death 2015-03-01                     |                             |                              |
progression 2015-03-02; last 2015-03-01                | follow_up.progression_date  | progression after the last contact | warning
birth 2014                                             |                             |                              |
birth 2015                                             | patients.birth_year         | birth after the first cycle  | error
diagnosis 2014-05-21                                   | patients.diagnosis_date     | diagnosis after the first cycle | error
diagnosis 2014-05                                      |                             |                              |
diagnosis 2014-06                                      | patients.diagnosis_date     | diagnosis after the first cycle | error
diagnosis 1950; birth 1951                             | patients.diagnosis_date     | diagnosis before birth       | error
diagnosis 1951; birth 1951                             |                             |                              |
scan 2010-01-01; diagnosis 2011                        | assessments.assessment_date | assessment before diagnosis  | warning
scan 2015-03-02; death 2015-03-01                      | assessments.assessment_date | assessment after death       | error
scan 2015-03-31; death 2015-03                         |                             |                              |
scan 2015-03-02; last 2015-03-01                       | assessments.assessment_date | assessment after the last contact | warning
cycle 2015-03-02; death 2015-03-01                     | cycles.cycle_date           | cycle after death            | error
sample 2015-03-02; death 2015-03-01                    | labs.sample_date            | sample after death           | error
therapy 2015-03-02; death 2015-03-01                   | therapies.start_date        | therapy after death          | error
therapy 2015; death 2015-03-01                         |                             |                              |
therapy 2012-03; end 2012-02                           | therapies.end_date          | end before the start         | error
therapy 2012-03; end 2012-03                           |                             |                              |
therapy 2012-03; end 2012                              |                             |                              |
therapy 2012-03-02; end 2012-03-01                     | therapies.end_date          | end before the start         | error
event 2014-06-02; stop 2014-06-01                      | adverse_events.end_date     | end before the onset         | error
event 2015-03-02; death 2015-03-01                     | adverse_events.onset_date   | adverse event after death    | error
"""


def rows():
    for line in CASES.strip().splitlines():
        written, place, problem, severity = (part.strip() for part in line.split("|"))
        yield pytest.param(written, place, problem, severity, id=written)


@pytest.mark.parametrize(("written", "place", "problem", "severity"), list(rows()))
def test_order(read_study, written, place, problem, severity):
    given = dict(part.split() for part in written.split("; "))
    death, last = given.get("death", ""), given.get("last", given.get("death", "2019"))
    status = "dead" if death else "alive"
    tables = {
        "patients": f"patient_id,birth_year,diagnosis_date\nP1,{given.get('birth', '')},{given.get('diagnosis', '')}\n",
        "cycles": "patient_id,cycle_date,radiopharmaceutical\nP1,2014-05-20,177Lu-DOTATATE\n",
        "follow_up": "patient_id,last_contact_date,vital_status,death_date,progression_date\n"
        f"P1,{last},{status},{death},{given.get('progression', '')}\n",
    }
    if "cycle" in given:
        tables["cycles"] += f"P1,{given['cycle']},177Lu-DOTATATE\n"
    if "scan" in given:
        tables["assessments"] = f"patient_id,assessment_date\nP1,{given['scan']}\n"
    if "sample" in given:
        tables["labs"] = f"patient_id,sample_date,analyte,value,unit\nP1,{given['sample']},alt,20,U/L\n"
    if "therapy" in given:
        tables["therapies"] = (
            f"patient_id,start_date,kind,end_date\nP1,{given['therapy']},surgery,{given.get('end', '')}\n"
        )
    if "event" in given:
        tables["adverse_events"] = (
            f"patient_id,onset_date,term,end_date\nP1,{given['event']},nausea,{given.get('stop', '')}\n"
        )
    problems = read_study(tables).problems
    if not place:
        assert problems == ()
        return
    table, column = place.split(".")
    found = [(p.table, p.column, p.problem, p.severity) for p in problems]
    assert (table, column, problem, severity) in found
    (told,) = (p for p in problems if p.problem == problem)
    assert (
        told.value
        == given[
            {
                "death_date": "death",
                "progression_date": "progression",
                "last_contact_date": "last",
                "birth_year": "birth",
                "diagnosis_date": "diagnosis",
                "assessment_date": "scan",
                "cycle_date": "cycle",
                "sample_date": "sample",
                "start_date": "therapy",
                "end_date": "end" if "end" in given else "stop",
                "onset_date": "event",
            }[column]
        ]
    )
    assert told.row == (3 if "cycle" in given else 2)
    assert told.expected.startswith(("a date not before ", "a date not after "))

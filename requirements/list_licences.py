"""List the licence of every library of a software bill of materials (CycloneDX) as csv: name, version, licence."""

import csv
import json
import sys
from pathlib import Path

LICENCE_CLASSIFIER = "License :: "


def read_licence(component: dict) -> str:
    """Expression, identifiers or names of the licences of a component; `not stated` where it has none."""
    told = []
    for entry in component.get("licenses", []):
        own = entry.get("license", {})
        told.append(entry.get("expression") or own.get("id") or own.get("name") or "")
    names = sorted({name.removeprefix(LICENCE_CLASSIFIER).splitlines()[0] for name in told if name})
    return "; ".join(names) or "not stated"


def main(bill: Path, target: Path) -> None:
    components = json.loads(bill.read_text(encoding="utf-8"))["components"]
    rows = [(one["name"], one.get("version", ""), read_licence(one)) for one in components]
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("name", "version", "licence"), *sorted(rows, key=lambda row: row[0].lower())]
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

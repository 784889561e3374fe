"""Writes records.json: the record rule, case by case. Each case says which other record it must equal, or which error it is.

`like` makes a case its own oracle: two records that mean the same give the same bits. The golden bits are added by
`ATTRITION_BLESS=1 cargo test --release --test vectors`.
"""

import json
import pathlib

NAN, INF = {"nonfinite": "nan"}, {"nonfinite": "inf"}
BASE = {"Age": 41, "Pay": 3200.5, "Remote": True, "Level": 3, "Site": "Oslo", "Hired": "2019-05-01"}
MISMATCH = "ATTRITION_SCHEMA_MISMATCH"

cases = []


def case(name, change, **expected):
    record = {**BASE, **change} if isinstance(change, dict) else change
    cases.append({"name": name, "input": record, "expected": expected})


def like(change):
    return {**BASE, **change}


case("a whole record", {}, warnings=[])
# Numbers.
case("a float that is whole", {"Age": 41.0}, like=BASE, warnings=[])
case("a truth value counts as 0 or 1", {"Age": True}, like=like({"Age": 1}), warnings=[["Age", "out_of_range"]])
case("minus zero is zero", {"Pay": -0.0}, like=like({"Pay": 0}), warnings=[["Pay", "out_of_range"]])
case("beyond the range of training", {"Age": 1000}, warnings=[["Age", "out_of_range"]])
case("a tiny number", {"Pay": 5e-324}, warnings=[["Pay", "out_of_range"]])
case("a huge number", {"Pay": 1.7976931348623157e308}, warnings=[["Pay", "out_of_range"]])
case("a text is no number", {"Age": "41"}, code=MISMATCH, columns=["Age"])
case("an infinite number", {"Pay": INF}, code=MISMATCH, columns=["Pay"])
# Truth values.
case("1 is true", {"Remote": 1}, like=BASE, warnings=[])
case("0.0 is false", {"Remote": 0.0}, like=like({"Remote": False}), warnings=[])
case("2 is no truth value", {"Remote": 2}, code=MISMATCH, columns=["Remote"])
case("a text is no truth value", {"Remote": "true"}, code=MISMATCH, columns=["Remote"])
# Categories.
case("a number by its text", {"Level": "3"}, like=BASE, warnings=[])
case("a float by its shortest text", {"Level": 3.0}, like=BASE, warnings=[])
case("3.0 as a text is another level", {"Level": "3.0"}, warnings=[["Level", "unseen"]])
case("an unseen text", {"Site": "Mars"}, warnings=[["Site", "unseen"]])
case("a blank is part of a level", {"Site": "Oslo "}, like=like({"Site": "Mars"}), warnings=[["Site", "unseen"]])
case(
    "an empty text is a level like any other", {"Site": ""}, like=like({"Site": "Mars"}), warnings=[["Site", "unseen"]]
)
case("beyond ASCII", {"Site": "Tromsø"}, warnings=[])
case(
    "composed and decomposed letters differ",
    {"Site": "Tromso\u0338"},
    like=like({"Site": "Mars"}),
    warnings=[["Site", "unseen"]],
)
case("an unseen number", {"Level": 77}, warnings=[["Level", "unseen"]])
case("a fraction where levels are whole", {"Level": 3.5}, like=like({"Level": 77}), warnings=[["Level", "unseen"]])
case("a truth value by its text", {"Site": True}, like=like({"Site": "true"}), warnings=[["Site", "unseen"]])
case("an infinite level", {"Level": INF}, code=MISMATCH, columns=["Level"])
# Instants.
case("an instant with its zone", {"Hired": "2019-05-01T00:00:00Z"}, like=BASE, warnings=[])
case("the same instant elsewhere", {"Hired": "2019-05-01T02:00:00+02:00"}, like=BASE, warnings=[])
case("no date", {"Hired": "last May"}, code=MISMATCH, columns=["Hired"])
case("a bare number is no instant", {"Hired": 17000}, code=MISMATCH, columns=["Hired"])
# Gaps.
for column in BASE:
    without = {k: v for k, v in BASE.items() if k != column}
    gap = [[column, "missing"]]
    case(f"null {column}", {column: None}, warnings=gap)
    cases.append(
        {"name": f"no {column}", "input": without, "expected": {"like": like({column: None}), "warnings": gap}}
    )
    case(f"NaN {column}", {column: NAN}, like=like({column: None}), warnings=gap)
case("an extra key", {"Shoe": [1, {"size": 43}]}, like=BASE, warnings=[])
# Many problems at once, none at all.
case("all problems at once", {"Age": "41", "Pay": "much", "Remote": 7}, code=MISMATCH, columns=["Age", "Pay", "Remote"])
cases.append({"name": "an empty record", "input": {}, "expected": {"code": MISMATCH}})
cases.append({"name": "nothing but other keys", "input": {"age": 41}, "expected": {"code": MISMATCH}})
cases.append({"name": "gaps only", "input": {"Age": None}, "expected": {"warnings": [[c, "missing"] for c in BASE]}})


def compact(value) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


path = pathlib.Path(__file__).with_name("records.json")
golden = {}
if path.exists():
    golden = {c["name"]: c["golden"] for c in json.loads(path.read_text(encoding="utf-8"))["cases"] if "golden" in c}
for c in cases:
    if c["name"] in golden:
        c["golden"] = golden[c["name"]]
head = {
    "artifact": "tests/artifacts/v1/records.attrition",
    "oracle": {"name": "decided here", "version": "1"},
    "tolerance": "bits",
    "what": "The record rule: `input` is scored by `artifact`; it equals the record `like`, has these `warnings` (column, "
    "kind), or is an error with this `code` in these `columns`. `golden` holds the bits of the probability.",
}
lines = [f"  {json.dumps(k)}: {compact(v)},\n" for k, v in head.items()]
body = ",\n".join("    " + compact(c) for c in cases)
path.write_text("{\n" + "".join(lines) + '  "cases": [\n' + body + "\n  ]\n}\n", encoding="utf-8")

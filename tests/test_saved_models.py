"""Models saved in every version of the format score as on their day: the files that `saved_models.rs` reads too."""

import json
import pathlib
import struct

import attrition
import pytest

FILES = sorted((pathlib.Path(__file__).resolve().parent / "artifacts").glob("v*/*.attrition"))


def bits(x):
    return struct.pack(">d", x).hex()


def test_there_are_saved_models():
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_scores_are_those_of_the_day(file):
    expected = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    model = attrition.load(file)
    assert bits(model.threshold) == expected["threshold"]
    cases = expected["cases"]
    for case in cases:
        one = model.predict_one(case["record"])
        assert bits(model.proba_one(case["record"])) == bits(one.proba) == case["proba"], case
        assert one.label == case["label"], case
    batch = model.predict_proba([case["record"] for case in cases])
    assert [bits(p) for p in batch] == [case["proba"] for case in cases]

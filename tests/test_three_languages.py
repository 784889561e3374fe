"""Python's scores equal Rust's to the last bit; `cargo test --test three_languages` wrote what is read here."""

import os
import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from score import score  # noqa: E402

FOLDERS = sorted((ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "three_languages").glob("*/scores.rust.bin"))


def test_there_is_something_to_compare():
    assert FOLDERS, "run `make test`, or `cargo test --release --test three_languages`, first"


@pytest.mark.parametrize("expected", FOLDERS, ids=lambda f: f.parent.name)
def test_scores_equal_rust(expected):
    want = np.fromfile(expected, dtype="<u8")
    got = score(expected.parent).view(np.uint64)
    assert want.size >= 10_000
    np.testing.assert_array_equal(got, want)

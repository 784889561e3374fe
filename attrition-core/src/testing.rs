//! What unit tests share: the reference files.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The JSON file `name` of the shared folder (`"reference/calibration.json"`), or `None` where it is not there.
///
/// The folder is `ATTRITION_SHARED`, or `shared` beside the repository. A test that gets `None` has said so and
/// returns; with `ATTRITION_REQUIRE_SHARED=1` it fails here. `{"nonfinite": "nan" | "inf" | "-inf"}` stays as it is
/// in the value; [`number`] and [`numbers`] understand it.
pub(crate) fn shared(name: &str) -> Option<Value> {
    let path = place().join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(e) if std::env::var_os("ATTRITION_REQUIRE_SHARED").is_some_and(|v| v == "1") => {
            panic!("cannot read {}: {e}, and ATTRITION_REQUIRE_SHARED=1", path.display());
        }
        Err(e) => {
            println!("skipped: cannot read {}: {e}; set ATTRITION_SHARED", path.display());
            None
        }
    }
}

/// The cases of `tests/vectors/preprocessing.json` for one step.
pub(crate) fn preprocessing_vectors(step: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/preprocessing.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases: Vec<Value> =
        vectors["cases"].as_array().unwrap().iter().filter(|c| c["step"] == step).cloned().collect();
    assert!(!cases.is_empty(), "no case of `{step}`");
    cases
}

fn place() -> PathBuf {
    std::env::var_os("ATTRITION_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from)
}

/// The shared folder, or `None` where it is not there; as [`shared`] otherwise.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = place();
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("ATTRITION_REQUIRE_SHARED").is_some_and(|v| v == "1");
    assert!(!required, "{} is not there, and ATTRITION_REQUIRE_SHARED=1", folder.display());
    println!("skipped: {} is not there; set ATTRITION_SHARED", folder.display());
    None
}

/// A number of a reference file.
pub(crate) fn number(value: &Value) -> f64 {
    match value.get("nonfinite").and_then(Value::as_str) {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        Some(other) => panic!("unknown nonfinite value {other}"),
        None => value.as_f64().unwrap_or_else(|| panic!("{value} is not a number")),
    }
}

/// A list of numbers of a reference file.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("{value} is not a list")).iter().map(number).collect()
}

/// Whether `got` is `want` to a relative or an absolute tolerance; equal infinities are close, NaN is close to NaN.
pub(crate) fn close(got: f64, want: f64, relative: f64, absolute: f64) -> bool {
    got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() <= absolute.max(relative * want.abs())
}

/// [`close`] for lists of equal length.
pub(crate) fn all_close(got: &[f64], want: &[f64], relative: f64, absolute: f64) -> bool {
    got.len() == want.len() && got.iter().zip(want).all(|(&g, &w)| close(g, w, relative, absolute))
}

//! The vectors of `tests/vectors`, read by Rust; pytest and `node --test` read the same files.

use std::path::{Path, PathBuf};

use attrition_core::ErrorKind;
use attrition_core::num::float;
use serde_json::Value;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file)
}

struct Vectors {
    file: &'static str,
    json: Value,
}

impl Vectors {
    fn read(file: &'static str) -> Vectors {
        let json: Value = serde_json::from_slice(&std::fs::read(path(file)).unwrap()).unwrap();
        for key in ["what", "oracle", "tolerance", "cases"] {
            assert!(!json[key].is_null(), "{file}: `{key}` is not there");
        }
        Vectors { file, json }
    }

    fn cases(&self) -> &[Value] {
        let cases = self.json["cases"].as_array().unwrap();
        assert!(!cases.is_empty(), "{}: no case", self.file);
        cases
    }

    /// How far `got` may be from `expected` in this case.
    fn tolerance<'a>(&'a self, case: &'a Value) -> &'a Value {
        case.get("tolerance").unwrap_or(&self.json["tolerance"])
    }
}

fn from_bits(text: &Value) -> f64 {
    f64::from_bits(u64::from_str_radix(text.as_str().unwrap(), 16).unwrap())
}

fn to_bits(x: f64) -> String {
    format!("{:016x}", x.to_bits())
}

/// How many floats lie between the two.
fn ulps(a: f64, b: f64) -> u64 {
    let ordered = |x: f64| {
        let i = x.to_bits() as i64;
        if i < 0 { i64::MIN - i } else { i }
    };
    ordered(a).abs_diff(ordered(b))
}

fn is_close(got: f64, expected: f64, tolerance: &Value) -> bool {
    if tolerance == "bits" {
        return got.to_bits() == expected.to_bits();
    }
    if let Some(n) = tolerance["ulp"].as_u64() {
        return ulps(got, expected) <= n;
    }
    let (relative, absolute) = (tolerance["relative"].as_f64().unwrap(), tolerance["absolute"].as_f64().unwrap());
    (got - expected).abs() <= absolute + relative * expected.abs()
}

/// Writes the golden values of a file anew when `ATTRITION_BLESS=1`.
fn bless(vectors: &Vectors, golden: &[String]) -> bool {
    if std::env::var("ATTRITION_BLESS").as_deref() != Ok("1") {
        return false;
    }
    let (head, _) = vectors.json.as_object().unwrap().iter().fold((String::new(), 0), |(mut s, n), (k, v)| {
        if k != "cases" {
            s.push_str(&format!("  {}: {},\n", Value::from(k.as_str()), v));
        }
        (s, n)
    });
    let cases: Vec<String> = vectors
        .cases()
        .iter()
        .zip(golden)
        .map(|(c, g)| {
            let mut c = c.clone();
            c["golden"] = g.as_str().into();
            format!("    {c}")
        })
        .collect();
    let text = format!("{{\n{head}  \"cases\": [\n{}\n  ]\n}}\n", cases.join(",\n"));
    std::fs::write(path(vectors.file), text).unwrap();
    true
}

#[test]
fn elementary_functions_are_near_the_truth_and_equal_to_their_golden_bits() {
    let vectors = Vectors::read("float.json");
    let mut golden = Vec::new();
    for case in vectors.cases() {
        let x: Vec<f64> = case["input"].as_array().unwrap().iter().map(from_bits).collect();
        let got = match (case["name"].as_str().unwrap(), x.as_slice()) {
            ("exp", &[x]) => float::exp(x),
            ("exp_m1", &[x]) => float::exp_m1(x),
            ("ln", &[x]) => float::ln(x),
            ("ln_1p", &[x]) => float::ln_1p(x),
            ("pow", &[x, y]) => float::pow(x, y),
            ("sigmoid", &[x]) => float::sigmoid(x),
            ("softplus", &[x]) => float::softplus(x),
            ("normal_cdf", &[x]) => float::normal_cdf(x),
            ("normal_quantile", &[x]) => float::normal_quantile(x),
            other => panic!("no such function: {other:?}"),
        };
        let expected = from_bits(&case["expected"]);
        assert!(
            is_close(got, expected, vectors.tolerance(case)),
            "{case}: got {got:e} ({}), {} ulp from {expected:e}",
            to_bits(got),
            ulps(got, expected)
        );
        golden.push(to_bits(got));
    }
    if !bless(&vectors, &golden) {
        for (case, got) in vectors.cases().iter().zip(&golden) {
            assert_eq!(case["golden"], got.as_str(), "{case}");
        }
    }
}

#[test]
fn every_kind_of_error_has_its_code() {
    let vectors = Vectors::read("errors.json");
    let listed: Vec<(String, String)> = vectors
        .cases()
        .iter()
        .map(|c| (c["input"].as_str().unwrap().to_owned(), c["expected"]["code"].as_str().unwrap().to_owned()))
        .collect();
    let ours: Vec<(String, String)> = ErrorKind::ALL.iter().map(|k| (format!("{k:?}"), k.code().to_owned())).collect();
    assert_eq!(listed, ours);
}

#[test]
fn every_vector_file_stands_in_the_table_of_the_readme() {
    let readme = std::fs::read_to_string(path("README.md")).unwrap();
    for entry in std::fs::read_dir(path("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "README.md" || readme.contains(&format!("`{name}`")),
            "{name} is not in tests/vectors/README.md"
        );
    }
}

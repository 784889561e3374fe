//! The vectors of `tests/vectors`, read by Rust; pytest and `node --test` read the same files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests: a broken vector file is a failed test"
)]

use std::path::{Path, PathBuf};

use attrition_core::learn::ranker;
use attrition_core::model::{Model, WarningKind};
use attrition_core::num::float;
use attrition_core::preprocess::{Block, FitRows, Form, Pipeline, PipelineParams, Prepared};
use attrition_core::profile::Profile;
use attrition_core::schema::{FieldKind, Role, Schema, ValueRef};
use attrition_core::train::{Calibration, Cv, Trainer};
use attrition_core::{Column, Error, ErrorKind, Run, Seed, Table};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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

fn blessing() -> bool {
    std::env::var("ATTRITION_BLESS").as_deref() == Ok("1")
}

/// Compares the golden values of a file with ours, or writes them anew when `ATTRITION_BLESS=1`.
fn compare_golden(vectors: &Vectors, golden: &[Option<String>]) {
    assert_eq!(vectors.cases().len(), golden.len());
    if !blessing() {
        for (case, got) in vectors.cases().iter().zip(golden) {
            assert_eq!(case["golden"].as_str(), got.as_deref(), "{case}");
        }
        return;
    }
    let head = vectors.json.as_object().unwrap().iter().filter(|(k, _)| *k != "cases");
    let head: String = head.map(|(k, v)| format!("  {}: {v},\n", Value::from(k.as_str()))).collect();
    let cases: Vec<String> = vectors
        .cases()
        .iter()
        .zip(golden)
        .map(|(c, g)| {
            let mut c = c.clone();
            if let Some(g) = g {
                c["golden"] = g.as_str().into();
            }
            format!("    {c}")
        })
        .collect();
    let text = format!("{{\n{head}  \"cases\": [\n{}\n  ]\n}}\n", cases.join(",\n"));
    std::fs::write(path(vectors.file), text).unwrap();
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
        golden.push(Some(to_bits(got)));
    }
    compare_golden(&vectors, &golden);
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

/// The model that records.json is scored with. It is made once and kept: an artifact of format 1 loads for ever.
fn records_model() -> Model {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/artifacts/v1/records.attrition");
    if blessing() && !file.exists() {
        make_records_model().save(&file).unwrap();
    }
    Model::load(file).unwrap()
}

/// One feature of each kind, a category of numbers among them.
fn make_records_model() -> Model {
    let n = 400_usize;
    let day = |i: usize| format!("20{:02}-{:02}-{:02}", 10 + i % 12, 1 + i % 11, 1 + i % 27);
    let table = Table::new(vec![
        Column::int("Age", (0..n).map(|i| 20 + (i * 7 % 41) as i64).collect()),
        Column::float(
            "Pay",
            (0..n).map(|i| if i % 19 == 0 { f64::NAN } else { 2000.0 + (i * 37 % 997) as f64 * 2.5 }).collect(),
        ),
        Column::bool("Remote", (0..n).map(|i| i % 3 == 0).collect()),
        Column::int("Level", (0..n).map(|i| 1 + (i % 5) as i64).collect()),
        Column::strings("Site", (0..n).map(|i| (i % 23 != 0).then(|| ["Oslo", "Bergen", "Tromsø"][i / 2 % 3]))),
        Column::strings("Hired", (0..n).map(|i| Some(day(i)))),
        Column::int("Left", (0..n).map(|i| i64::from((i * 7 % 41) % 7 < 2 || i % 15 == 0)).collect()),
    ])
    .unwrap();
    // The days as instants: what reading a CSV file makes of them.
    let mut csv = Vec::new();
    table.write_csv_to(&mut csv).unwrap();
    let table = Table::from_csv_bytes(&csv, &Default::default(), &Default::default()).unwrap();
    let schema = Schema::infer(&table).unwrap().target("Left", 1).unwrap();
    let schema = schema.kind("Level", FieldKind::Category).unwrap().role("Hired", Role::Feature).unwrap();
    Trainer::new(schema).cv(Cv::None).holdout(None).calibration(Calibration::None).fit(&table).unwrap()
}

/// A record's value as the core's; `{"nonfinite": …}` is a float that JSON cannot write.
fn value_ref(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Missing,
        Value::Bool(b) => ValueRef::Bool(*b),
        Value::String(s) => ValueRef::Text(s),
        Value::Number(n) => n.as_i64().map_or_else(|| ValueRef::Float(n.as_f64().unwrap()), ValueRef::Int),
        other => match other["nonfinite"].as_str() {
            Some("nan") => ValueRef::Float(f64::NAN),
            Some("inf") => ValueRef::Float(f64::INFINITY),
            _ => panic!("a feature of the records has the value {other}"),
        },
    }
}

fn pack(model: &Model, record: &Value) -> Result<Vec<f64>, Error> {
    let mut packed = Vec::new();
    model.pack(|_, name| record.get(name).map(value_ref), &mut packed)?;
    if !record.to_string().contains("nonfinite") {
        let mut from_json = Vec::new();
        model.pack_json(record.to_string().as_bytes(), &mut from_json)?;
        let bits = |x: &[f64]| x.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&packed), bits(&from_json), "{record}: by value and by JSON");
    }
    Ok(packed)
}

#[test]
fn records_follow_the_rule() {
    let vectors = Vectors::read("records.json");
    let model = records_model();
    let proba = |record: &Value| model.proba_packed(&pack(&model, record)?);
    let mut golden = Vec::new();
    for case in vectors.cases() {
        let (record, expected) = (&case["input"], &case["expected"]);
        if let Some(code) = expected["code"].as_str() {
            let error = proba(record).unwrap_err();
            assert_eq!(error.kind().code(), code, "{case}");
            if let (Error::SchemaMismatch { problems }, Some(columns)) = (&error, expected["columns"].as_array()) {
                assert_eq!(problems.iter().map(|p| p.column.as_str()).collect::<Vec<_>>(), *columns, "{case}");
            }
            golden.push(None);
            continue;
        }
        let got = proba(record).unwrap_or_else(|e| panic!("{case}: {e}"));
        if let Some(like) = expected.get("like") {
            assert_eq!(got.to_bits(), proba(like).unwrap().to_bits(), "{case}");
        }
        let prediction = model.predict_one_packed(&pack(&model, record).unwrap()).unwrap();
        assert_eq!(prediction.proba.to_bits(), got.to_bits(), "{case}");
        let warnings: Vec<Value> = prediction
            .warnings
            .iter()
            .map(|w| {
                let kind = match w.kind {
                    WarningKind::Missing => "missing",
                    WarningKind::Unseen => "unseen",
                    WarningKind::OutOfRange => "out_of_range",
                    WarningKind::NotComputable => "not_computable",
                };
                Value::from(vec![w.column.as_str(), kind])
            })
            .collect();
        assert_eq!(Value::from(warnings), expected["warnings"], "{case}");
        golden.push(Some(to_bits(got)));
    }
    compare_golden(&vectors, &golden);
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Preprocessing fitted on a table of features alone.
fn prepared(params: &Value, columns: Vec<Column>, y: &[u8]) -> Result<Prepared, Error> {
    let table = Table::new(columns)?;
    let mut schema = Schema::infer(&table)?;
    for name in table.names() {
        schema = schema.role(name, Role::Feature)?;
    }
    let params = PipelineParams::from_json(&params.to_string())?;
    let ranker = params.select.as_ref().and_then(ranker);
    let (bound, rows) = (schema.bind(&table)?, (0..y.len()).collect::<Vec<usize>>());
    let ranker = ranker.as_deref();
    let data =
        FitRows { schema: &schema, bound: &bound, rows: &rows, y, w: None, seed: Seed(0), ranker, form: Form::Linear };
    params.fit(data, &Run::new())
}

/// What a pipeline of one column and one feature makes of slots.
fn applied(pipeline: &Pipeline, slots: &[f64]) -> Vec<f64> {
    let (mut frame, mut features) = (Block::default(), Block::default());
    pipeline.start(slots.len(), &mut frame);
    frame.column_mut(0).copy_from_slice(slots);
    pipeline.apply(&mut frame, &mut features).unwrap();
    assert_eq!(features.n_columns(), 1);
    features.column(0).to_vec()
}

#[test]
fn encodings_and_selections_are_those_of_scikit_learn() {
    let vectors = Vectors::read("selection.json");
    for case in vectors.cases() {
        let (input, expected, tolerance) = (&case["input"], &case["expected"], vectors.tolerance(case));
        let near = |got: &[f64], expected: &[f64]| {
            assert_eq!(got.len(), expected.len(), "{}: {}", input["step"], case["name"]);
            for (i, (&g, &e)) in got.iter().zip(expected).enumerate() {
                assert!(is_close(g, e, tolerance), "{}: {}, {i}: {g} and {e}", input["step"], case["name"]);
            }
        };
        match input["step"].as_str().unwrap() {
            "target" => {
                let codes = numbers(&input["codes"]);
                let y: Vec<u8> = numbers(&input["y"]).iter().map(|&l| l as u8).collect();
                let levels = Column::strings("c", codes.iter().map(|&c| Some(["a", "b", "c", "d", "e"][c as usize])));
                let params =
                    json!({"category": {"encode": "target", "scale": "none", "smoothing": input["smoothing"]}});
                let pipeline = prepared(&params, vec![levels], &y).unwrap().pipeline;
                near(&applied(&pipeline, &[0.0, 1.0, 2.0, 3.0, 4.0]), &numbers(&expected["levels"]));
                near(&applied(&pipeline, &[-1.0]), &[expected["unseen"].as_f64().unwrap()]);
            }
            "select" => {
                let data = &vectors.json["selection"];
                let y: Vec<u8> = numbers(&data["y"]).iter().map(|&l| l as u8).collect();
                let columns = data["columns"].as_array().unwrap().iter().enumerate();
                let columns = columns.map(|(j, x)| Column::float(format!("x{j}"), numbers(x))).collect();
                let kept: Vec<bool> = serde_json::from_value(expected.clone()).unwrap();
                match prepared(&json!({"select": input["params"]}), columns, &y) {
                    Ok(p) => assert_eq!(p.pipeline.selection().unwrap().kept(), kept, "{}", case["name"]),
                    // A selection that keeps nothing is refused.
                    Err(e) => {
                        assert!(
                            !kept.contains(&true) && e.to_string().contains("keeps nothing"),
                            "{}: {e}",
                            case["name"]
                        )
                    }
                }
            }
            other => panic!("no such step: {other}"),
        }
    }
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

#[test]
fn profiles_have_their_golden_bytes() {
    let vectors = Vectors::read("profile.json");
    let run = Run::new();
    let golden: Vec<Option<String>> = vectors
        .cases()
        .iter()
        .map(|case| {
            let employees = &case["input"]["employees"];
            if employees.is_null() {
                let table = Table::from_json(case["input"]["columns"].to_string().as_bytes()).unwrap();
                let bytes = Profile::of(&table, &run).unwrap().to_bytes().unwrap();
                return Some(String::from_utf8(bytes).unwrap());
            }
            let (n, seed) = (employees["n_rows"].as_u64().unwrap(), employees["seed"].as_u64().unwrap());
            let table = attrition_core::datasets::employees(n as usize, seed).unwrap();
            let bytes = Profile::of(&table, &run).unwrap().to_bytes().unwrap();
            Some(Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect())
        })
        .collect();
    compare_golden(&vectors, &golden);
}

//! Scores that must be equal to the last bit in Rust, Python and Node.
//!
//! For each data set this test writes a folder `three_languages/NAME` under the target folder: `attrition.model`,
//! `rows.json` (10,000 rows with gaps and values that training never saw) and `scores.rust.bin` (float64,
//! little-endian). `tests/test_three_languages.py` and `tests/three_languages.test.mjs` score the same rows, in a batch and
//! alone, and compare.

mod shared;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use attrition_core::preprocess::PipelineParams;
use attrition_core::rng::Rng;
use attrition_core::table::Values;
use attrition_core::train::{TrainOptions, train};
use attrition_core::{Column, Run, Seed, Table, Value, datasets};
use serde_json::json;
use shared::shared;

const ROWS: usize = 10_000;

fn folder(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Path::new(env!("CARGO_MANIFEST_DIR")).join(target).join("three_languages").join(name)
}

/// One cell, as it may arrive one day: itself, nothing, a level nobody saw, a number out of range or of another storage.
fn disturbed(value: Value, rng: &mut Rng) -> Value {
    let draw = rng.uniform();
    match value {
        _ if draw < 0.08 => Value::Missing,
        Value::Text(_) if draw < 0.12 => Value::from("no such level ✗"),
        Value::Text(t) if draw < 0.13 => Value::Text(t + " "),
        Value::Int(i) if draw < 0.12 => Value::Float(i as f64 + 0.5),
        Value::Int(i) if draw < 0.16 => Value::Float(i as f64),
        Value::Int(i) if draw < 0.18 => Value::Int(i * 1000),
        Value::Float(x) if draw < 0.12 => Value::Float(-x * 1e6),
        other => other,
    }
}

fn write(name: &str, table: &Table, target: &str, positive: Value, learner: &str) {
    let options =
        TrainOptions { target: Some(target.into()), positive, learner: [learner].into(), ..TrainOptions::default() };
    write_with(name, table, &options);
}

fn write_with(name: &str, table: &Table, options: &TrainOptions) {
    let model = train(table, options, &Run::new()).unwrap();
    let mut rng = Seed(7).stream("three_languages", 0);
    let rows: Vec<BTreeMap<&str, Value>> = (0..ROWS)
        .map(|i| {
            // The first rows as they are, the others disturbed.
            let cell = |c: &Column, rng: &mut Rng| {
                let value = c.get(i % table.n_rows());
                if i < 100 { value } else { disturbed(value, rng) }
            };
            table.columns().iter().map(|c| (c.name(), cell(c, &mut rng))).collect()
        })
        .collect();
    let single: Vec<f64> = rows.iter().map(|r| model.proba_json(&serde_json::to_vec(r).unwrap()).unwrap()).collect();
    let json = serde_json::to_vec(&rows).unwrap();
    let batch = model.predict_proba(&Table::from_json(&json).unwrap()).unwrap();
    assert_eq!(batch.len(), ROWS);
    for (row, (a, b)) in single.iter().zip(&batch).enumerate() {
        assert_eq!(a.to_bits(), b.to_bits(), "{name}, row {row}: {a} alone, {b} in a batch");
    }
    let mut packed = Vec::new();
    let mut all = Vec::new();
    for row in &rows {
        model.pack_json(&serde_json::to_vec(row).unwrap(), &mut packed).unwrap();
        all.extend_from_slice(&packed);
    }
    let from_packed = model.predict_proba_packed(&all, &Run::new()).unwrap();
    assert!(from_packed.iter().zip(&batch).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}: packed rows");
    let distinct: std::collections::BTreeSet<u64> = batch.iter().map(|p| p.to_bits()).collect();
    assert!(distinct.len() > 20, "{name}: only {} different scores", distinct.len());

    let folder = folder(name);
    std::fs::create_dir_all(&folder).unwrap();
    model.save(folder.join("attrition.model")).unwrap();
    std::fs::write(folder.join("rows.json"), json).unwrap();
    std::fs::write(folder.join("scores.rust.bin"), batch.iter().flat_map(|p| p.to_le_bytes()).collect::<Vec<u8>>())
        .unwrap();
}

#[test]
fn embedded_employees() {
    let table = datasets::employees(3000, 5).unwrap();
    write("employees", &table, "Attrition", Value::from("Yes"), "logistic");
    write("employees_linfa_tree", &table, "Attrition", Value::from("Yes"), "linfa_tree");
    write("employees_boosting", &table, "Attrition", Value::from("Yes"), "boosting");
}

/// The employees with the day they were hired, and gaps.
fn dated_employees() -> Table {
    let options = json!({"n_rows": 2000, "seed": 9, "missing": {"rate": 0.05}}).to_string();
    let options: datasets::EmployeeOptions = serde_json::from_str(&options).unwrap();
    let table = options.generate(&Run::new()).unwrap();
    let mut rng = Seed(9).stream("three_languages hired", 0);
    // Microseconds since 1970, to the second, from 1990 on.
    let hired: Vec<i64> = (0..2000).map(|_| (7300 * 86_400 + rng.below(1_000_000_000) as i64) * 1_000_000).collect();
    let hired = Column::new("HireDate", Values::Time(hired.into(), None)).unwrap();
    Table::new(table.columns().iter().cloned().chain([hired]).collect()).unwrap()
}

#[test]
fn every_step_of_preprocessing() {
    let preprocess = json!({
        "hr_features": true,
        "derive": {
            "Tenure": "years(HireDate, date('2026-01-01'))",
            "Pressed": "OverTime == 'Yes' and (WorkLifeBalance < 2 or DistanceFromHome / (RemoteDays + 1) > 10)",
            "PayPerYear": "MonthlyIncome / (TotalWorkingYears + 1)",
            "Season": "if(quarter(HireDate) == 4, weekday(HireDate), -month(HireDate))",
            "Root": "sqrt(abs(Age - 40)) + exp(-RemoteDays) + log(max(YearsAtCompany, 1)) + log1p(TrainingTimesLastYear)"
        },
        "number": {"transform": "yeo_johnson", "skew_limit": 0.5},
        "category": {"min_share": 0.02},
        "columns": {
            "Age": {"spline": {"n_knots": 6}},
            "DistanceFromHome": {"transform": "none", "scale": "min_max", "spline": {"n_knots": 4, "degree": 1}},
            "MonthlyIncome": {"clip": [0.01, 0.99], "transform": "quantile_normal", "skew_limit": null},
            "EngagementScore": {"clip": [0.01, 0.99], "transform": "box_cox", "skew_limit": null, "scale": "robust"},
            "PercentSalaryHike": {"transform": "log1p", "impute": "mean", "skew_limit": null},
            "JobRole": {"encode": "target"},
            "EducationField": {"encode": "frequency"},
            "BusinessTravel": {"encode": "ordinal", "order": ["Never", "Rarely", "Often"]},
            "MaritalStatus": {"drop_first": true},
            "JobLevel": {"drop": true}
        },
        "select": {"method": "mutual_information", "keep": 0.8},
        "resample": {"method": "smote_nc", "ratio": 0.6}
    });
    let options = TrainOptions {
        target: Some("Attrition".into()),
        positive: Value::from("Yes"),
        learner: ["logistic"].into(),
        preprocess: PipelineParams::from_json(&preprocess.to_string()).unwrap(),
        ..TrainOptions::default()
    };
    write_with("employees_preprocess", &dated_employees(), &options);
}

#[test]
fn shared_data_sets() {
    for (name, file, target, positive, learner) in [
        ("ibm_hr", "data/ibm_hr_attrition.csv", "Attrition", Value::from("Yes"), "auto"),
        ("hr_turnover", "data/hr_comma_sep.csv", "left", Value::from(1), "boosting"),
        ("adult", "data/adult.csv", "income", Value::from(">50K"), "glassbox"),
    ] {
        let Some(path) = shared(file) else { return };
        write(name, &Table::read_csv(path).unwrap(), target, positive, learner);
    }
}

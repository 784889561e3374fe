//! Models saved in every version of the format, `tests/artifacts/vN/`, score for ever as on the day they were saved;
//! `tests/test_saved_models.py` and `tests/saved_models.test.mjs` read the same files.
//!
//! `ATTRITION_BLESS=1 cargo test --release -p attrition --test saved_models` writes what is not there yet. It never
//! writes over a file.

use std::path::{Path, PathBuf};

use attrition_core::artifact::FORMAT_VERSION;
use attrition_core::learn::Learner;
use attrition_core::model::Model;
use attrition_core::num::float;
use attrition_core::preprocess::PipelineParams;
use attrition_core::schema::{FieldKind, Role, Schema};
use attrition_core::table::{Buffer, Values};
use attrition_core::train::{Calibration, Cv, Trainer};
use attrition_core::{Column, Run, Seed, Table};
use serde_json::{Value, json};

fn blessing() -> bool {
    std::env::var("ATTRITION_BLESS").as_deref() == Ok("1")
}

fn folder(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/artifacts/v{version}"))
}

/// The saved models of a version of the format.
fn saved(version: u32) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder(version)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|file| file.extension().is_some_and(|e| e == "attrition")).collect();
    files.sort();
    files
}

fn bits(x: f64) -> String {
    format!("{:016x}", x.to_bits())
}

/// A feature of every kind, a category of numbers among them. Few different values, so that the files stay small.
fn table() -> Table {
    let mut r = Seed(1).stream("saved_models", 0);
    let (mut age, mut pay, mut remote, mut level, mut site, mut hired, mut left) =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..300 {
        let (a, p, is_remote, l) = (20 + r.below(40), 2000 + 50 * r.below(60), r.below(3) == 0, 1 + r.below(5));
        let s = [None, Some("Oslo"), Some("Bergen"), Some("Tromsø"), Some("Oslo"), Some("Bergen")][r.below(6)];
        let day = 14_600 + 61 * r.below(60);
        let z = 0.5 - 0.07 * (a as f64 - 35.0) - 0.0008 * (p as f64 - 3000.0) - 0.3 * l as f64
            + if s == Some("Tromsø") { 1.0 } else { 0.0 }
            + if is_remote { -0.8 } else { 0.0 }
            + (day as f64 - 16_400.0) / 2000.0;
        left.push(i64::from(r.uniform() < float::sigmoid(z)));
        age.push(a as i64);
        pay.push(if r.below(15) == 0 { f64::NAN } else { p as f64 + 0.5 });
        remote.push(is_remote);
        level.push(l as i64);
        site.push(s);
        hired.push(day as i64 * 86_400_000_000);
    }
    Table::new(vec![
        Column::int("Age", age),
        Column::float("Pay", pay),
        Column::bool("Remote", remote),
        Column::int("Level", level),
        Column::strings("Site", site),
        Column::new("Hired", Values::Time(Buffer::from(hired), None)).unwrap(),
        Column::int("Left", left),
    ])
    .unwrap()
}

/// Every kind of step.
fn every_step() -> Value {
    json!({
        "derive": {
            "Tenure": "years(Hired, date('2026-01-01'))",
            "PayPerAge": "Pay / Age",
            "AgeGroup": "band(Age, 30, 40, 50)",
            "PayBand": "band(Pay, 2800, 3600, 4400)",
            "AtHome": "Remote and Site == 'Oslo'"
        },
        "columns": {
            "Age": {"clip": [0.02, 0.98], "transform": "yeo_johnson"},
            "Pay": {"impute": "mean", "transform": "quantile_normal", "scale": "min_max"},
            "Hired": {"scale": "robust", "spline": {"n_knots": 4, "degree": 2}},
            "Level": {"encode": "ordinal", "order": ["1", "2", "3", "4", "5"], "scale": "none"},
            "Site": {"encode": "target", "impute": "mode"},
            "Tenure": {"transform": "log1p", "impute": {"constant": 10}},
            "PayPerAge": {"transform": "box_cox", "skew_limit": 0.1},
            "AgeGroup": {"encode": "frequency"},
            "PayBand": {"drop_first": true}
        },
        "select": {"method": "rfe", "keep": 16},
        "resample": {"method": "smote_nc"}
    })
}

fn trainer(table: &Table) -> Trainer {
    let schema = Schema::infer(table).and_then(|s| s.target("Left", 1)).and_then(|s| s.role("Hired", Role::Feature));
    Trainer::new(schema.and_then(|s| s.kind("Level", FieldKind::Category)).unwrap()).cv(Cv::Folds(3)).holdout(None)
}

fn train(learner: &str, of_learner: &Value, calibration: Calibration, preprocess: &Value) -> Model {
    let table = table();
    let params = PipelineParams::from_json(&preprocess.to_string()).unwrap();
    let trainer = trainer(&table).learner(Learner::from_name(learner, Some(of_learner)).unwrap()).preprocess(params);
    trainer.calibration(calibration).seed(7).fit(&table).unwrap()
}

/// A blend of small learners, by the first seed whose folds take one.
fn train_blend() -> Model {
    let table = table();
    let small = [
        ("logistic", json!({})),
        ("boosting", json!({"n_trees": 12, "max_leaves": 6})),
        ("forest", json!({"n_trees": 4, "max_leaves": 12})),
    ];
    let learners = small.map(|(name, params)| Learner::from_name(name, Some(&params)).unwrap());
    let fit = |seed| trainer(&table).learners(learners.clone()).blend(true).seed(seed).fit(&table).unwrap();
    (0..100).map(fit).find(|m| m.members().len() > 1).unwrap()
}

/// Rows with gaps, levels that training never saw, and values beyond its range. Each column has one type over all
/// rows, so that they make a table too.
fn records() -> Vec<Value> {
    vec![
        json!({"Age": 41, "Pay": 3200.5, "Remote": true, "Level": 3, "Site": "Oslo", "Hired": "2019-05-01"}),
        json!({"Age": 23, "Pay": 2050.5, "Remote": false, "Level": 1, "Site": "Tromsø", "Hired": "2011-12-31"}),
        json!({"Age": 58, "Pay": 4900.25, "Remote": false, "Level": 5, "Site": "Bergen", "Hired": "2014-02-28"}),
        json!({"Age": 30.5, "Pay": 3000, "Remote": true, "Level": 2, "Site": "Bergen", "Hired": "2016-02-29T12:34:56.789012Z"}),
        json!({"Age": 35, "Pay": 3100.5, "Remote": false, "Level": 4, "Site": null, "Hired": "2015-06-15"}),
        json!({"Age": null, "Pay": null, "Remote": null, "Level": null, "Site": null, "Hired": null}),
        json!({"Age": 28}),
        json!({"Remote": true}),
        json!({"Site": "Tromsø", "Level": 5}),
        json!({"Hired": "2013-03-03T00:00:00+05:30"}),
        json!({"Age": 33, "Pay": 2500.5, "Remote": false, "Level": 9, "Site": "Atlantis", "Hired": "2015-06-15"}),
        json!({"Age": 33, "Pay": 2500.5, "Remote": false, "Level": 2, "Site": "", "Hired": "2015-06-15", "Hobby": "chess"}),
        json!({"Age": -5, "Pay": 1e12, "Remote": true, "Level": 3, "Site": "Oslo", "Hired": "1969-12-31T23:59:59.999999Z"}),
        json!({"Age": 1000, "Pay": -0.0, "Remote": false, "Level": 3, "Site": "Oslo", "Hired": "2199-01-01"}),
        json!({"Age": 0, "Pay": 3000.5, "Remote": true, "Level": 2, "Site": "Oslo", "Hired": "2030-01-01"}),
        json!({"Age": 44, "Pay": 5e-324, "Remote": false, "Level": 1, "Site": "Oslo", "Hired": "2012-07-07"}),
    ]
}

fn pack(model: &Model, record: &Value) -> Vec<f64> {
    let mut packed = Vec::new();
    model.pack_json(record.to_string().as_bytes(), &mut packed).unwrap();
    packed
}

/// What the other languages and later versions compare with: one case a line.
fn expectation(model: &Model) -> String {
    let case = |record: &Value| {
        let packed = pack(model, record);
        let one = model.predict_one_packed(&packed).unwrap();
        let label = serde_json::to_value(&one.label).unwrap();
        json!({"record": record, "packed": packed, "proba": bits(one.proba), "label": label}).to_string()
    };
    let cases: Vec<String> = records().iter().map(case).collect();
    format!(
        "{{\n  \"attrition_version\": {},\n  \"digest\": \"{}\",\n  \"threshold\": \"{}\",\n  \"cases\": [\n    {}\n  ]\n}}\n",
        json!(model.training().attrition_version),
        model.digest(),
        bits(model.threshold()),
        cases.join(",\n    ")
    )
}

fn bless() {
    let folder = folder(FORMAT_VERSION);
    std::fs::create_dir_all(&folder).unwrap();
    let (none, few) = (json!({}), json!({"n_trees": 12, "max_leaves": 12}));
    // Trees of more leaves than a word has bits.
    let large = json!({"n_trees": 3, "max_leaves": 60, "min_leaf_rows": 1});
    for (name, learner, params, calibration, preprocess) in [
        ("logistic", "logistic", &none, Calibration::None, json!({})),
        ("logistic_sigmoid", "logistic", &none, Calibration::Sigmoid, json!({})),
        ("logistic_isotonic", "logistic", &none, Calibration::Isotonic, json!({})),
        ("linfa_tree", "linfa_tree", &none, Calibration::None, json!({})),
        ("preprocess", "logistic", &none, Calibration::Sigmoid, every_step()),
        ("boosting", "boosting", &few, Calibration::None, json!({})),
        ("forest", "forest", &large, Calibration::Isotonic, json!({})),
        ("tree", "tree", &none, Calibration::None, json!({"category": {"encode": "one_hot"}})),
        ("glassbox", "glassbox", &none, Calibration::Sigmoid, json!({})),
        ("glassbox_boosting", "glassbox", &json!({"fit": "boosting"}), Calibration::None, json!({})),
    ] {
        let file = folder.join(name).with_extension("attrition");
        if !file.exists() {
            train(learner, params, calibration, &preprocess).save(&file).unwrap();
        }
    }
    let blend = folder.join("blend.attrition");
    if !blend.exists() {
        train_blend().save(&blend).unwrap();
    }
    for file in saved(FORMAT_VERSION) {
        let json = file.with_extension("json");
        if !json.exists() {
            std::fs::write(json, expectation(&Model::load(&file).unwrap())).unwrap();
        }
    }
}

fn check(file: &Path, version: u32) {
    let at = file.display();
    let json = std::fs::read(file.with_extension("json")).unwrap_or_else(|e| panic!("{at}: its .json: {e}"));
    let expected: Value = serde_json::from_slice(&json).unwrap();
    let bytes = std::fs::read(file).unwrap();
    assert!(bytes.len() < 100_000, "{at} is to stay small");
    let model = Model::load(file).unwrap();
    assert_eq!(Value::from(model.training().attrition_version.as_str()), expected["attrition_version"], "{at}");
    assert_eq!(bits(model.threshold()), expected["threshold"], "{at}");
    assert!(model.profile().unwrap().column("Age").unwrap().n_rows() > 0, "{at}");
    if version == FORMAT_VERSION {
        assert_eq!(model.digest(), expected["digest"], "{at}");
        assert!(model.to_bytes().unwrap() == bytes, "{at}: saved again, it has other bytes");
    }
    let cases = expected["cases"].as_array().unwrap();
    assert!(!cases.is_empty(), "{at}");
    let mut rows = Vec::new();
    for case in cases {
        let packed = pack(&model, &case["record"]);
        assert_eq!(json!(packed), case["packed"], "{at}: {case}");
        let one = model.predict_one_packed(&packed).unwrap();
        assert_eq!(bits(one.proba), case["proba"], "{at}: {case}");
        assert_eq!(serde_json::to_value(&one.label).unwrap(), case["label"], "{at}: {case}");
        rows.extend(packed);
    }
    let records: Vec<&Value> = cases.iter().map(|case| &case["record"]).collect();
    let table = Table::from_json(&serde_json::to_vec(&records).unwrap()).unwrap();
    let batches = [model.predict_proba_packed(&rows, &Run::new()).unwrap(), model.predict_proba(&table).unwrap()];
    for batch in batches {
        assert_eq!(batch.len(), cases.len());
        for (got, case) in batch.into_iter().zip(cases) {
            assert_eq!(bits(got), case["proba"], "{at}: {case}");
        }
    }
}

#[test]
fn models_saved_in_every_version_score_as_on_their_day() {
    if blessing() {
        bless();
    }
    for version in 1..=FORMAT_VERSION {
        let files = saved(version);
        assert!(!files.is_empty(), "no model of format version {version}");
        files.iter().for_each(|file| check(file, version));
    }
}

//! Contributions and terms against the scores they explain.

use super::*;
use crate::Run;
use crate::rng::Seed;
use crate::table::{Column, Table};
use crate::train::{TrainOptions, train};

/// A bend, a category, a truth value, gaps.
fn people(n: usize) -> Table {
    let mut r = Seed(17).stream("people", 0);
    let (mut age, mut site, mut late, mut left) = (vec![], vec![], vec![], vec![]);
    for _ in 0..n {
        let a = 20.0 + 40.0 * r.uniform();
        let s = ["Oslo", "Bern", "Lima"][r.below(3)];
        let l = r.below(3) == 0;
        let z = 0.006 * (a - 40.0) * (a - 40.0) + if s == "Lima" { 1.2 } else { 0.0 } + f64::from(u8::from(l)) - 2.5;
        left.push(Some(if r.uniform() < float::sigmoid(z) { "Yes" } else { "No" }));
        age.push(if r.below(8) == 0 { f64::NAN } else { a });
        site.push((r.below(10) != 0).then_some(s));
        late.push(i64::from(l));
    }
    let columns = vec![
        Column::float("Age", age),
        Column::strings("Site", site),
        Column::int("Late", late),
        Column::strings("Left", left),
    ];
    Table::new(columns).unwrap()
}

fn options(learner: &str, calibration: Option<&str>) -> TrainOptions {
    TrainOptions {
        target: Some("Left".into()),
        positive: Value::from("Yes"),
        learner: [learner].into(),
        calibration: calibration.map(str::to_owned),
        ..TrainOptions::default()
    }
}

#[test]
fn contributions_of_additive_learners_sum_to_the_log_odds() {
    let table = people(900);
    for learner in ["logistic", "glassbox"] {
        for calibration in [None, Some("sigmoid")] {
            let model = train(&table, &options(learner, calibration), &Run::new()).unwrap();
            for record in [
                r#"{"Age": 33.5, "Site": "Lima", "Late": 1}"#,
                r#"{"Age": null, "Site": "Rome", "Late": 0}"#,
                r#"{"Site": "Bern"}"#,
                r#"{"Age": 1e300, "Site": "Oslo", "Late": 7}"#,
            ] {
                let parts = model.contributions_json(record.as_bytes()).unwrap();
                let sum: f64 = parts.iter().map(|p| p.1).sum();
                let mut row = Vec::new();
                model.pack_json(record.as_bytes(), &mut row).unwrap();
                let proba = model.proba_packed(&row).unwrap();
                assert!((float::sigmoid(sum) - proba).abs() < 1e-12, "{learner} {record}: {sum} {proba}");
                assert_eq!(parts.last().unwrap().0, BASE);
            }
        }
    }
}

#[test]
fn terms_of_glassbox_are_what_contributions_add_up() {
    let table = people(900);
    let model = train(&table, &options("glassbox", None), &Run::new()).unwrap();
    let terms = model.terms().unwrap();
    assert_eq!(terms.len(), 3);
    for term in &terms {
        let column = model.row_spec().fields().iter().position(|f| f.name == term.column).unwrap();
        assert!(matches!(term.values.last().unwrap().value, Value::Missing));
        for value in &term.values {
            let mut row = vec![f64::NAN; 3];
            row[column] = match &value.value {
                Value::Missing => f64::NAN,
                Value::Text(level) => {
                    let fields = model.row_spec().fields();
                    fields[column].vocabulary.iter().position(|l| l == level).unwrap() as f64
                }
                other => other.as_f64().unwrap(),
            };
            assert_eq!(model.contributions_packed(&row).unwrap()[column].1.to_bits(), value.contribution.to_bits());
            let (low, high) = (value.low.unwrap(), value.high.unwrap());
            assert!(low <= value.contribution && value.contribution <= high);
        }
    }
    let age = terms.iter().find(|t| t.column == "Age").unwrap();
    assert!(age.values.len() >= 20, "{}", age.values.len());
    // Both ends lie above the middle.
    let effect = |i: usize| age.values[i].contribution;
    assert!(effect(0) > effect(12) && effect(24) > effect(12));
    // Wider where a value is at the edge.
    let width = |i: usize| age.values[i].high.unwrap() - age.values[i].low.unwrap();
    assert!(width(24) > width(12));
}

/// Whether an overtime hour counts depends on the site.
fn crossed(n: usize) -> Table {
    let mut r = Seed(19).stream("crossed", 0);
    let (mut hours, mut site, mut left) = (vec![], vec![], vec![]);
    for _ in 0..n {
        let h = 10.0 * r.uniform();
        let s = ["Oslo", "Bern", "Lima"][r.below(3)];
        let z = [0.5, -0.5, 0.0][["Oslo", "Bern", "Lima"].iter().position(|x| *x == s).unwrap()] * (h - 5.0) - 1.0;
        left.push(Some(if r.uniform() < float::sigmoid(z) { "Yes" } else { "No" }));
        hours.push(if r.below(8) == 0 { f64::NAN } else { h });
        site.push(Some(s));
    }
    Table::new(vec![Column::float("Hours", hours), Column::strings("Site", site), Column::strings("Left", left)])
        .unwrap()
}

#[test]
fn a_pair_is_a_term_and_half_of_each_contribution() {
    let model = train(&crossed(3000), &options("glassbox", None), &Run::new()).unwrap();
    let terms = model.terms().unwrap();
    let pair = terms.iter().find(|t| t.column.contains(" × ")).unwrap();
    assert_eq!(pair.column, "Hours × Site");
    assert!(pair.importance > 0.3);
    let of = |start: &str, end: &str| {
        let text = |v: &TermValue| if let Value::Text(t) = &v.value { t.clone() } else { String::new() };
        pair.values.iter().find(|v| text(v).starts_with(start) && text(v).ends_with(end)).unwrap().contribution
    };
    assert!(of("<", "Oslo") < -0.5 && of("≥", "Oslo") > 0.5 && of("<", "Bern") > 0.5);
    let record = br#"{"Hours": 9.5, "Site": "Oslo"}"#;
    let parts = model.contributions_json(record).unwrap();
    let mut row = Vec::new();
    model.pack_json(record, &mut row).unwrap();
    let sum: f64 = parts.iter().map(|p| p.1).sum();
    assert!((float::sigmoid(sum) - model.proba_packed(&row).unwrap()).abs() < 1e-12);
    assert!(parts[0].1 > 0.3 && parts[1].1 > 0.3, "{parts:?}");
}

#[test]
fn a_written_term_is_what_scores() {
    let table = people(900);
    for calibration in [None, Some("sigmoid")] {
        let model = train(&table, &options("glassbox", calibration), &Run::new()).unwrap();
        let written = model
            .with_term("Age", &[(Value::Float(30.0), 0.5), (Value::Int(50), -0.5), (Value::Missing, 0.25)])
            .and_then(|m| m.with_term("Site", &[(Value::from("Lima"), 0.0)]))
            .unwrap();
        let parts = |m: &Model, record: &str| m.contributions_json(record.as_bytes()).unwrap();
        for (age, want) in [("20", 0.5), ("30", 0.5), ("35", 0.25), ("40", 0.0), ("60.5", -0.5), ("null", 0.25)] {
            let record = format!(r#"{{"Age": {age}, "Site": "Oslo", "Late": 1}}"#);
            let (old, new) = (parts(&model, &record), parts(&written, &record));
            assert!((new[0].1 - want).abs() < 1e-9, "{age}: {}", new[0].1);
            // The other columns and the base are as they were, and the score is the sum.
            assert!(old[1..] == new[1..], "{old:?} {new:?}");
            let sum: f64 = new.iter().map(|p| p.1).sum();
            let proba = written.proba_json(record.as_bytes()).unwrap();
            assert!((float::sigmoid(sum) - proba).abs() < 1e-12);
        }
        let lima = r#"{"Age": 30, "Site": "Lima"}"#;
        assert!(parts(&model, lima)[1].1 > 0.3 && parts(&written, lima)[1].1.abs() < 1e-12);
        // What terms() shows can be written back, and nothing changes but that intervals are gone.
        let mut same = model.clone();
        for term in model.terms().unwrap() {
            let values: Vec<(Value, f64)> = term.values.iter().map(|v| (v.value.clone(), v.contribution)).collect();
            same = same.with_term(&term.column, &values).unwrap();
        }
        for (a, b) in model.terms().unwrap().iter().zip(same.terms().unwrap()) {
            assert_eq!(a.column, b.column);
            for (a, b) in a.values.iter().zip(&b.values) {
                assert!((a.contribution - b.contribution).abs() < 1e-9 && b.low == Some(b.contribution));
            }
        }
        let edits = &written.training().edits;
        assert_eq!(edits.iter().map(|e| e.term.as_str()).collect::<Vec<_>>(), ["Age", "Site"]);
        let Fitted::Glassbox(old) = model.members()[0].fitted() else { panic!() };
        let kept: crate::learn::Term = serde_json::from_value(edits[0].before.clone()).unwrap();
        assert_eq!(kept, old.terms[0]);
        assert!(edits[0].digest_after.as_ref().is_some_and(|d| *d != edits[0].digest_before && d.len() == 64));
        assert!(model.training().edits.is_empty() && written.training().to_string().contains("`Age` was written"));
        assert_eq!(written.threshold(), model.threshold());
    }
}

#[test]
fn a_dropped_column_has_no_effect_and_takes_its_pairs_along() {
    let model = train(&crossed(3000), &options("glassbox", None), &Run::new()).unwrap();
    let scores =
        |m: &Model, hours: f64| m.proba_json(format!(r#"{{"Hours": {hours}, "Site": "Oslo"}}"#).as_bytes()).unwrap();
    let without = model.without_term("Hours").unwrap();
    assert_eq!(scores(&without, 1.0), scores(&without, 9.0));
    assert!(without.terms().unwrap().iter().all(|t| !t.column.contains(" × ")));
    let single = model.without_term("Hours × Site").unwrap();
    assert!(single.terms().unwrap().iter().all(|t| t.column != "Hours × Site"));
    assert_eq!(single.training().edits[0].term, "Hours × Site");
    assert!(single.training().edits[0].digest_after.is_none());
    assert!(scores(&model, 9.0) - scores(&model, 1.0) > 0.3);
}

#[test]
fn what_cannot_be_written_is_explained() {
    let table = people(600);
    let model = train(&table, &options("glassbox", None), &Run::new()).unwrap();
    let refused =
        |m: &Model, column: &str, values: &[(Value, f64)]| m.with_term(column, values).unwrap_err().to_string();
    let one = [(Value::Int(1), 0.1)];
    for (column, values, words) in [
        ("Agee", &one[..], "did you mean `Age`?"),
        ("Left", &one[..], "a column that has a term"),
        ("Age", &[], "at least one pair"),
        ("Age", &[(Value::Int(1), f64::NAN)], "finite contributions"),
        ("Age", &[(Value::Int(1), 0.1), (Value::Float(1.0), 0.2)], "each value once"),
        ("Age", &[(Value::from("old"), 0.1)], "number"),
        ("Site", &[(Value::from("Limo"), 0.1)], "did you mean `Lima`?"),
        ("Late", &[(Value::Float(f64::INFINITY), 0.1)], "Late"),
    ] {
        let message = refused(&model, column, values);
        assert!(message.contains(words), "{column}: {message}");
    }
    assert!(model.without_term("Site × Age").unwrap_err().to_string().contains("a column that has a term"));
    let logistic = train(&table, &options("logistic", None), &Run::new()).unwrap();
    assert!(refused(&logistic, "Age", &one).contains("glassbox"));
    let blend = Model::blended(&[(&model, 0.5), (&model, 0.5)]).unwrap();
    assert!(refused(&blend, "Age", &one).contains("blend"));
    // Preprocessing: clipped, gaps filled; and several features of one column.
    let steps = |json: &str| TrainOptions {
        preprocess: crate::preprocess::PipelineParams::from_json(json).unwrap(),
        ..options("glassbox", None)
    };
    let clipped = train(
        &table,
        &steps(r#"{"columns": {"Age": {"clip": [0.1, 0.9], "impute": "median", "indicator": false}}}"#),
        &Run::new(),
    )
    .unwrap();
    let age = [(Value::Int(30), 0.2), (Value::Int(40), -0.2)];
    let written = clipped.with_term("Age", &age).unwrap();
    assert!((written.contributions_json(br#"{"Age": 35}"#).unwrap()[0].1).abs() < 1e-9);
    let message = refused(&clipped, "Age", &[age[0].clone(), age[1].clone(), (Value::Missing, 3.0)]);
    assert!(message.contains("gap"), "{message}");
    let hot = train(&table, &steps(r#"{"category": {"encode": "one_hot"}}"#), &Run::new()).unwrap();
    let message = refused(&hot, "Site", &[(Value::from("Lima"), 0.1)]);
    assert!(message.contains("features"), "{message}");
}

#[test]
fn trees_that_ask_one_column_each_are_additive() {
    let table = people(900);
    let with = |params: serde_json::Value, json: &str| TrainOptions {
        params: Some(params),
        preprocess: crate::preprocess::PipelineParams::from_json(json).unwrap(),
        ..options("boosting", Some("sigmoid"))
    };
    let alone = serde_json::json!([["Age"], ["Site"], ["Late"]]);
    for (params, preprocess) in [
        (serde_json::json!({"n_trees": 60}), "{}"),
        (serde_json::json!({"n_trees": 40, "max_leaves": 6, "interactions": alone}), "{}"),
        (serde_json::json!({"n_trees": 40}), r#"{"category": {"encode": "one_hot"}}"#),
    ] {
        let model = train(&table, &with(params, preprocess), &Run::new()).unwrap();
        for record in [
            r#"{"Age": 33.5, "Site": "Lima", "Late": 1}"#,
            r#"{"Age": null, "Site": "Rome", "Late": 0}"#,
            r#"{"Age": 59, "Site": null, "Late": 0}"#,
        ] {
            let parts = model.contributions_json(record.as_bytes()).unwrap();
            let sum: f64 = parts.iter().map(|p| p.1).sum();
            let proba = model.proba_json(record.as_bytes()).unwrap();
            assert!((float::sigmoid(sum) - proba).abs() < 1e-9, "{record}: {sum} {proba}");
            // One column's contribution does not hang on the others.
            let age = model.contributions_json(br#"{"Age": 59, "Site": "Bern", "Late": 1}"#).unwrap()[0].1;
            assert!(!record.contains("59") || age.to_bits() == parts[0].1.to_bits());
        }
        let terms = model.terms().unwrap();
        assert_eq!(terms.len(), 3);
        assert!(terms.iter().all(|t| t.importance > 0.0 && t.values.iter().all(|v| v.low.is_none())));
    }
    let deep = train(
        &table,
        &with(serde_json::json!({"n_trees": 20, "max_leaves": 6, "column_fraction": 1}), "{}"),
        &Run::new(),
    )
    .unwrap();
    assert!(deep.terms().unwrap_err().to_string().contains("max_leaves = 2"));
}

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

//! The table of the benches: 30 features, 20 numbers and 10 categories of 8 levels, as in the peers' runs.
#![allow(dead_code, reason = "each bench uses a part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use attrition_core::model::Model;
use attrition_core::num::float;
use attrition_core::table::{Buffer, Values};
use attrition_core::train::{TrainOptions, train};
use attrition_core::{Column, Run, Seed, Table, Value};

pub const N_NUMBERS: usize = 20;
pub const N_CATEGORIES: usize = 10;
const LEVELS: [&str; 8] = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"];

/// `n` rows with the target `left` (0 or 1).
pub fn table(n: usize, seed: u64) -> Table {
    let mut odds = vec![-2.0; n];
    let levels = Arc::new(LEVELS.map(str::to_owned).to_vec());
    let mut columns = Vec::new();
    for j in 0..N_NUMBERS {
        let mut rng = Seed(seed).stream("number", j as u64);
        // Three decimals, as measured values have.
        let x: Vec<f64> = (0..n).map(|_| (rng.normal() * 1000.0).round() / 1000.0).collect();
        odds.iter_mut().zip(&x).for_each(|(o, v)| *o += v * (j as f64 / 40.0 - 0.2));
        columns.push(Column::float(format!("x{j:02}"), x));
    }
    for j in 0..N_CATEGORIES {
        let mut rng = Seed(seed).stream("category", j as u64);
        let codes: Vec<u32> = (0..n).map(|_| rng.below(LEVELS.len()) as u32).collect();
        odds.iter_mut().zip(&codes).for_each(|(o, &k)| *o += f64::from(k) * (j as f64 / 60.0 - 0.05));
        let values = Values::Codes(Buffer::from(codes), Arc::clone(&levels));
        columns.push(Column::new(format!("c{j:02}"), values).unwrap());
    }
    let mut rng = Seed(seed).stream("target", 0);
    columns.push(Column::int("left", odds.iter().map(|&o| i64::from(rng.uniform() < float::sigmoid(o))).collect()));
    Table::new(columns).unwrap()
}

pub fn options() -> TrainOptions {
    TrainOptions { target: Some("left".into()), learner: ["logistic"].into(), ..TrainOptions::default() }
}

/// A logistic model of 30 raw fields.
pub fn model() -> Model {
    train(&table(20_000, 1), &TrainOptions { cv: Some(2), ..options() }, &Run::new()).unwrap()
}

/// 200 trees × 31 leaves, rate 0.1, 255 bins, as the peers' runs have them.
pub fn boosting_params() -> serde_json::Value {
    serde_json::json!({ "n_trees": 200, "learning_rate": 0.1, "max_leaves": 31, "max_bins": 255, "min_leaf_rows": 20,
        "row_fraction": 1, "column_fraction": 1 })
}

/// A model of trees of that shape.
pub fn boosting_model() -> Model {
    let options = TrainOptions {
        learner: ["boosting"].into(),
        params: Some(boosting_params()),
        cv: None,
        holdout: None,
        calibration: None,
        ..options()
    };
    train(&table(100_000, 1), &options, &Run::new()).unwrap()
}

pub fn record(table: &Table, row: usize) -> BTreeMap<String, Value> {
    let features = table.columns().iter().filter(|c| c.name() != "left");
    features.map(|c| (c.name().to_owned(), c.get(row))).collect()
}

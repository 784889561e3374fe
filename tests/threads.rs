//! Same seed, same bytes: whatever the number of threads.

use attrition_core::train::{TrainOptions, cross_validate, train};
use attrition_core::{Run, Table, Value, datasets};

const THREADS: [usize; 4] = [1, 2, 3, 8];

fn options(learner: &str) -> TrainOptions {
    TrainOptions {
        target: Some("Attrition".into()),
        positive: Value::from("Yes"),
        learner: [learner].into(),
        cv: Some(3),
        ..TrainOptions::default()
    }
}

/// More rows than one piece of parallel work holds.
fn table() -> Table {
    datasets::employees(10_000, 3).unwrap()
}

#[test]
fn models_and_their_scores_are_the_same_bytes_at_any_number_of_threads() {
    let table = table();
    for learner in ["logistic", "glassbox", "boosting", "tree", "linfa_logistic", "linfa_tree"] {
        let runs: Vec<(Vec<u8>, Vec<u64>)> = THREADS
            .iter()
            .map(|&n| {
                let run = Run::new().n_threads(Some(n));
                let model = train(&table, &options(learner), &run).unwrap();
                let scores = model.predict_proba_with(&table, &run).unwrap();
                (model.to_bytes().unwrap(), scores.iter().map(|p| p.to_bits()).collect())
            })
            .collect();
        for (n, run) in THREADS.iter().zip(&runs) {
            assert!(run.0 == runs[0].0, "{learner}: another artifact at {n} threads");
            assert!(run.1 == runs[0].1, "{learner}: other scores at {n} threads");
        }
    }
}

#[test]
fn out_of_fold_predictions_are_the_same_bits_at_any_number_of_threads() {
    let table = table();
    let runs: Vec<Vec<u64>> = THREADS
        .iter()
        .map(|&n| {
            let cv = cross_validate(&table, &options("logistic"), None, &Run::new().n_threads(Some(n))).unwrap();
            cv.predictions.iter().map(|p| p.to_bits()).collect()
        })
        .collect();
    assert!(runs.iter().all(|r| r == &runs[0]));
}

#[test]
fn another_seed_gives_other_folds() {
    let table = table();
    let predictions = |seed| {
        let options = TrainOptions { seed, ..options("logistic") };
        cross_validate(&table, &options, None, &Run::new()).unwrap().predictions
    };
    assert_eq!(predictions(1), predictions(1));
    assert_ne!(predictions(1), predictions(2));
}

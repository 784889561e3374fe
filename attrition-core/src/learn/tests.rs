//! What every learner promises, and what logistic regression promises beyond it.

use super::*;
use crate::preprocess::DesignColumn;
use crate::{CancelToken, ErrorKind};

/// Rows of two dense columns and two one-hot groups, labels drawn from a known logistic model.
pub(super) fn example(n: usize, seed: u64) -> (Design, Vec<u8>, Vec<f64>) {
    let mut rng = Seed(seed).stream("example", 0);
    let (mut a, mut b, mut g, mut h) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut y, mut w) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let (x1, x2) = (rng.normal(), rng.normal() * 3.0 + 1.0);
        let (c1, c2) = (rng.below(4) as u32, rng.below(3) as u32);
        let z = -1.0 + 0.8 * x1 - 0.3 * x2 + [0.0, 0.7, -0.4, 0.2][c1 as usize % 4] + 0.5 * f64::from(c2);
        y.push(u8::from(rng.uniform() < crate::num::float::sigmoid(z)));
        w.push(rng.below(3) as f64);
        a.push(x1);
        b.push(x2);
        g.push(c1);
        h.push(c2);
    }
    let columns = vec![
        DesignColumn::Dense(a),
        // Code 3 of four is a row of zeros.
        DesignColumn::Indicators { codes: g, n_levels: 3 },
        DesignColumn::Dense(b),
        DesignColumn::Indicators { codes: h, n_levels: 3 },
    ];
    let names = ["a", "g=0", "g=1", "g=2", "b", "h=0", "h=1", "h=2"].map(str::to_owned).to_vec();
    (Design { n_rows: n, columns, names }, y, w)
}

pub(super) fn take(x: &Design, rows: &[usize]) -> Design {
    let columns = x
        .columns
        .iter()
        .map(|c| match c {
            DesignColumn::Dense(v) => DesignColumn::Dense(rows.iter().map(|&r| v[r]).collect()),
            DesignColumn::Levels { codes, n_levels } => {
                DesignColumn::Levels { codes: rows.iter().map(|&r| codes[r]).collect(), n_levels: *n_levels }
            }
            DesignColumn::Indicators { codes, n_levels } => {
                DesignColumn::Indicators { codes: rows.iter().map(|&r| codes[r]).collect(), n_levels: *n_levels }
            }
        })
        .collect();
    Design { n_rows: rows.len(), columns, names: x.names.clone() }
}

fn all() -> Vec<Learner> {
    Learner::NAMES.iter().map(|name| Learner::from_name(name, None).unwrap()).collect()
}

fn fit(p: &LogisticParams, x: &Design, y: &[u8], w: Option<&[f64]>) -> Logistic {
    p.fit_design(x, y, w, &Run::new()).unwrap()
}

fn every_penalty() -> Vec<LogisticParams> {
    let p = LogisticParams::default().c(0.3);
    [Penalty::L2, Penalty::L1, Penalty::Elasticnet, Penalty::None].map(|penalty| p.clone().penalty(penalty)).to_vec()
}

fn assert_near(a: &Logistic, b: &Logistic, tolerance: f64) {
    for (a, b) in a.coef.iter().chain([&a.intercept]).zip(b.coef.iter().chain([&b.intercept])) {
        assert!((a - b).abs() <= tolerance, "{a} {b}");
    }
}

#[test]
fn tables_agree_with_structs_and_names_round_trip() {
    for learner in all() {
        params::tests::table_agrees(learner.name(), learner.param_specs(), &learner.params_json());
        learner.check().unwrap();
        let again = Learner::from_name(learner.name(), Some(&learner.params_json())).unwrap();
        assert_eq!(again, learner);
        let text = serde_json::to_string(&learner).unwrap();
        assert!(text.starts_with(&format!("{{\"type\":\"{}\"", learner.name())), "{text}");
        assert_eq!(serde_json::from_str::<Learner>(&text).unwrap(), learner);
    }
}

#[test]
fn unknown_names_and_bad_values_are_explained() {
    let message = |name: &str, params: Value| Learner::from_name(name, Some(&params)).unwrap_err().to_string();
    assert!(message("logistc", Value::Null).contains("did you mean `logistic`?"));
    let m = message("logistic", serde_json::json!({ "C": 1.0 }));
    assert!(m.contains("did you mean `c`?") && m.contains("penalty, c, l1_ratio"), "{m}");
    let m = message("logistic", serde_json::json!({ "c": -1 }));
    assert_eq!(m, "invalid parameter `c`: got -1, expected a number > 0; the default is 1.0");
    let m = message("logistic", serde_json::json!({ "penalty": "L1" }));
    assert!(m.contains("did you mean `l1`?"), "{m}");
    assert!(message("logistic", serde_json::json!([1])).contains("an object"));
    assert!(message("logistic", serde_json::json!({ "max_iter": 1.5 })).contains("a whole number"));
    assert!(message("logistic", serde_json::json!({ "class_weight": { "no": 1, "yes": 2 } })).contains("negative"));
    let given = serde_json::json!({ "c": 2, "max_iter": 50.0, "class_weight": { "negative": 1, "positive": 5 } });
    let Learner::Logistic(p) = Learner::from_name("logistic", Some(&given)).unwrap() else { panic!() };
    assert_eq!(p.max_iter, 50);
    assert_eq!(p.class_weight, ClassWeight::Given { negative: 1.0, positive: 5.0 });
    assert!(LogisticParams::default().c(f64::NAN).check().is_err());
    assert!(LogisticParams::default().max_iter(0).check().is_err());
}

#[test]
fn every_learner_fits_predicts_and_reads_back_with_equal_bits() {
    let (x, y, _) = example(700, 1);
    for learner in all() {
        if cfg!(not(feature = "linfa")) && learner.name().starts_with("linfa") {
            let e = learner.fit(&x, &y, None, Seed(0), &Run::new()).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Unsupported);
            continue;
        }
        let fitted = learner.fit(&x, &y, None, Seed(0), &Run::new()).unwrap();
        assert_eq!(fitted.n_features(), 8);
        let mut block = Block::default();
        x.block(0..700, &mut block);
        let mut whole = vec![0.0; 700];
        fitted.predict(&block, &mut whole).unwrap();
        let again: Fitted = serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
        assert_eq!(again, fitted);
        // One row at a time, and in blocks of 64.
        for size in [1, 64] {
            for first in (0..700).step_by(size) {
                let rows = first..(first + size).min(700);
                x.block(rows.clone(), &mut block);
                let mut out = vec![0.0; rows.len()];
                again.predict(&block, &mut out).unwrap();
                assert_eq!(
                    out.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                    whole[rows].iter().map(|v| v.to_bits()).collect::<Vec<_>>()
                );
            }
        }
        assert_eq!(fitted.predict(&block, &mut []).unwrap_err().kind(), ErrorKind::Internal);
        if fitted.scale() == Scale::Probability {
            assert!(whole.iter().all(|p| (0.0..=1.0).contains(p)));
        }
        // Better than chance: positive rows score higher.
        let mean = |label: u8| {
            let scores: Vec<f64> = y.iter().zip(&whole).filter(|(l, _)| **l == label).map(|(_, s)| *s).collect();
            scores.iter().sum::<f64>() / scores.len() as f64
        };
        assert!(mean(1) > mean(0), "{}", learner.name());
    }
}

#[test]
fn every_learner_refuses_what_it_cannot_learn_from() {
    let (x, y, w) = example(50, 2);
    for learner in all() {
        if cfg!(not(feature = "linfa")) && learner.name().starts_with("linfa") {
            continue;
        }
        let kind = |x: &Design, y: &[u8]| learner.fit(x, y, None, Seed(0), &Run::new()).unwrap_err().kind();
        assert_eq!(kind(&x, &[0; 50]), ErrorKind::InvalidData);
        assert_eq!(kind(&x, &[7; 50]), ErrorKind::InvalidData);
        assert_eq!(kind(&x, &y[..49]), ErrorKind::Internal);
        assert_eq!(kind(&Design::default(), &[]), ErrorKind::InvalidData);
        let mut bad = x.clone();
        if let DesignColumn::Dense(v) = &mut bad.columns[2] {
            v[3] = f64::INFINITY;
        }
        let e = learner.fit(&bad, &y, None, Seed(0), &Run::new()).unwrap_err();
        assert!(e.to_string().contains("row 3, column `b`"), "{e}");
        let token = CancelToken::new();
        token.cancel();
        let run = Run::new().cancel_token(token);
        assert_eq!(learner.fit(&x, &y, None, Seed(0), &run).unwrap_err().kind(), ErrorKind::Cancelled);
        let weighted = learner.fit(&x, &y, Some(&w), Seed(0), &Run::new());
        if learner.name().starts_with("linfa") {
            assert_eq!(weighted.unwrap_err().kind(), ErrorKind::Unsupported);
        } else {
            weighted.unwrap();
            let mut bad = w.clone();
            bad[4] = -1.0;
            let e = learner.fit(&x, &y, Some(&bad), Seed(0), &Run::new()).unwrap_err();
            assert!(e.to_string().contains("row 4"), "{e}");
            assert!(learner.fit(&x, &y, Some(&[0.0; 50]), Seed(0), &Run::new()).is_err());
        }
        // No feature at all: the base rate.
        let none = Design { n_rows: 50, ..Design::default() };
        let fitted = learner.fit(&none, &y, None, Seed(0), &Run::new()).unwrap();
        let mut block = Block::default();
        none.block(0..1, &mut block);
        let mut out = [0.0];
        fitted.predict(&block, &mut out).unwrap();
        let p = if fitted.scale() == Scale::LogOdds { crate::num::float::sigmoid(out[0]) } else { out[0] };
        let rate = y.iter().map(|y| f64::from(*y)).sum::<f64>() / 50.0;
        assert!((p - rate).abs() < 1e-6, "{} {p} {rate}", learner.name());
    }
}

#[test]
fn logistic_has_the_same_bits_for_any_thread_count() {
    let (x, y, w) = example(20_000, 3);
    for p in every_penalty() {
        let fitted = |t: usize| p.fit_design(&x, &y, Some(&w), &Run::new().n_threads(Some(t))).unwrap();
        let one = serde_json::to_string(&fitted(1)).unwrap();
        for t in [2, 3, 8] {
            assert_eq!(serde_json::to_string(&fitted(t)).unwrap(), one);
        }
    }
}

#[test]
fn many_rows_take_the_short_way_to_the_same_coefficients() {
    // 80,000 rows go through the sample and the re-used Hessian; the same rows as weights of 1,000 distinct ones do not.
    let (x, y, _) = example(1000, 12);
    let rows: Vec<usize> = (0..80_000).map(|i| i * 7 % 1000).collect();
    let (many, many_y) = (take(&x, &rows), rows.iter().map(|&r| y[r]).collect::<Vec<u8>>());
    for p in every_penalty() {
        let (short, long) = (fit(&p, &many, &many_y, None), fit(&p, &x, &y, Some(&[80.0; 1000])));
        assert!(short.converged);
        assert_near(&short, &long, 1e-9);
        for (a, b) in short.std_err.iter().zip(&long.std_err) {
            assert!((a - b).abs() <= 1e-4 * b, "{a} {b}");
        }
        let bits = |t: usize| p.fit_design(&many, &many_y, None, &Run::new().n_threads(Some(t))).unwrap();
        assert_eq!(bits(1), bits(8));
        // Rows sorted by label, so that a sample of tiles still has both.
        let mut order: Vec<usize> = (0..80_000).collect();
        order.sort_by_key(|&r| many_y[r]);
        let sorted_y: Vec<u8> = order.iter().map(|&r| many_y[r]).collect();
        assert_near(&fit(&p, &take(&many, &order), &sorted_y, None), &long, 1e-9);
    }
}

#[test]
fn weight_two_is_the_row_twice_and_weight_zero_is_the_row_absent() {
    let (x, y, w) = example(600, 4);
    let rows: Vec<usize> = (0..600).flat_map(|r| std::iter::repeat_n(r, w[r] as usize)).collect();
    let expanded_y: Vec<u8> = rows.iter().map(|&r| y[r]).collect();
    for class_weight in [ClassWeight::None, ClassWeight::Balanced, ClassWeight::Given { negative: 1.0, positive: 3.0 }]
    {
        for p in every_penalty() {
            let p = p.class_weight(class_weight);
            let weighted = fit(&p, &x, &y, Some(&w));
            let expanded = fit(&p, &take(&x, &rows), &expanded_y, None);
            assert!(weighted.converged && expanded.converged);
            assert_near(&weighted, &expanded, 1e-9);
            for (a, b) in weighted.std_err.iter().zip(&expanded.std_err) {
                assert!((a - b).abs() < 1e-6 * b.max(1e-3), "{a} {b}");
            }
        }
    }
}

#[test]
fn one_hot_groups_that_sum_to_one_fit_with_and_without_a_penalty() {
    let (x, y, _) = example(600, 5);
    // h=0 + h=1 + h=2 = 1, the intercept: without a penalty the last of them is left out.
    let none = fit(&LogisticParams::default().penalty(Penalty::None), &x, &y, None);
    assert_eq!(none.aliased, [7]);
    assert_eq!((none.coef[7], none.std_err[7]), (0.0, 0.0));
    assert!(none.converged && none.std_err[0] > 0.0);
    // A penalty that is almost nothing gives the same scores.
    let weak = fit(&LogisticParams::default().c(1e8), &x, &y, None);
    assert!(weak.converged && weak.aliased.is_empty());
    let mut block = Block::default();
    x.block(0..600, &mut block);
    let (mut a, mut b) = (vec![0.0; 600], vec![0.0; 600]);
    none.predict_block(&block, &mut a).unwrap();
    weak.predict_block(&block, &mut b).unwrap();
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    // The same column twice shares its coefficient.
    let mut twice = x.clone();
    twice.columns.push(x.columns[0].clone());
    twice.names.push("again".to_owned());
    let fitted = fit(&LogisticParams::default(), &twice, &y, None);
    assert!((fitted.coef[0] - fitted.coef[8]).abs() < 1e-9);
    for p in every_penalty() {
        assert!(fit(&p, &twice, &y, None).converged);
    }
}

#[test]
fn separated_labels_are_an_error_without_a_penalty_and_none_with_one() {
    let column =
        |v: Vec<f64>| Design { n_rows: v.len(), columns: vec![DesignColumn::Dense(v)], names: vec!["v".into()] };
    let none = LogisticParams::default().penalty(Penalty::None);
    // Complete: all of 0..10 negative, all of 10..20 positive.
    let x = column((0..20).map(f64::from).collect());
    let y: Vec<u8> = (0..20).map(|i| u8::from(i >= 10)).collect();
    let e = none.fit_design(&x, &y, None, &Run::new()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Numeric);
    assert!(e.to_string().contains("separate"), "{e}");
    assert!(fit(&LogisticParams::default(), &x, &y, None).converged);
    // Quasi-complete: one level is always positive, the others are mixed.
    let codes: Vec<u32> = (0..60).map(|i| i % 3).collect();
    let y: Vec<u8> = (0..60).map(|i| u8::from(i % 3 == 2 || i % 7 < 3)).collect();
    let names = ["g=0", "g=1", "g=2"].map(str::to_owned).to_vec();
    let x = Design { n_rows: 60, columns: vec![DesignColumn::Indicators { codes, n_levels: 3 }], names };
    let e = none.fit_design(&x, &y, None, &Run::new()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Numeric, "{e}");
    assert!(fit(&LogisticParams::default(), &x, &y, None).converged);
    // A rare label is not a separation.
    let (x, mut y, _) = example(5000, 6);
    for (i, y) in y.iter_mut().enumerate() {
        *y = u8::from(i % 700 == 3);
    }
    assert!(fit(&none, &x, &y, None).converged);
}

#[test]
fn units_of_a_column_do_not_matter_without_a_penalty() {
    let (x, y, _) = example(800, 7);
    let mut scaled = x.clone();
    if let DesignColumn::Dense(v) = &mut scaled.columns[2] {
        for v in v {
            *v = *v * 1e5 + 3e6;
        }
    }
    let p = LogisticParams::default().penalty(Penalty::None);
    let (a, b) = (fit(&p, &x, &y, None), fit(&p, &scaled, &y, None));
    assert!(b.converged);
    assert!((a.coef[4] - b.coef[4] * 1e5).abs() < 1e-7, "{} {}", a.coef[4], b.coef[4] * 1e5);
    assert!((a.std_err[4] / (b.std_err[4] * 1e5) - 1.0).abs() < 1e-6);
    assert!((a.coef[0] - b.coef[0]).abs() < 1e-7);
}

#[test]
fn a_strong_l1_keeps_only_the_intercept_and_a_weak_one_everything() {
    let (x, y, _) = example(500, 8);
    let p = LogisticParams::default().penalty(Penalty::L1);
    let strong = fit(&p.clone().c(1e-4), &x, &y, None);
    assert!(strong.coef.iter().all(|b| *b == 0.0));
    let rate = y.iter().map(|y| f64::from(*y)).sum::<f64>() / 500.0;
    assert!((crate::num::float::sigmoid(strong.intercept) - rate).abs() < 1e-9);
    let middle = fit(&p.c(0.05), &x, &y, None);
    assert!(middle.converged && middle.coef.contains(&0.0) && middle.coef[0] > 0.0);
    // Elastic net with a share of 0 and 1 is L2 and L1.
    let net = LogisticParams::default().penalty(Penalty::Elasticnet).c(0.05);
    assert_near(&fit(&net.clone().l1_ratio(1.0), &x, &y, None), &middle, 0.0);
    let l2 = fit(&LogisticParams::default().c(0.05), &x, &y, None);
    assert_near(&fit(&net.l1_ratio(0.0), &x, &y, None), &l2, 0.0);
}

#[test]
fn too_few_steps_are_reported_not_hidden() {
    let (x, y, _) = example(500, 9);
    let fitted = fit(&LogisticParams::default().max_iter(1), &x, &y, None);
    assert!(!fitted.converged);
    assert_eq!(fitted.n_iter, 1);
}

/// `tests/vectors/logistic.json`, made by scikit-learn.
#[test]
fn logistic_has_the_coefficients_of_scikit_learn() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/logistic.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let numbers = |v: &Value| v.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<f64>>();
    let y: Vec<u8> = numbers(&vectors["y"]).iter().map(|v| *v as u8).collect();
    let weights = numbers(&vectors["weights"]);
    let column = |c: &Value| match c.get("codes") {
        Some(codes) => DesignColumn::Indicators {
            codes: numbers(codes).iter().map(|v| *v as u32).collect(),
            n_levels: c["n_levels"].as_u64().unwrap() as usize,
        },
        None => DesignColumn::Dense(numbers(&c["dense"])),
    };
    let columns: Vec<DesignColumn> = vectors["columns"].as_array().unwrap().iter().map(column).collect();
    let x = Design { n_rows: y.len(), columns, names: Vec::new() };
    let mut cases = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let learner = Learner::from_name("logistic", Some(&case["input"]["params"])).unwrap();
        let Learner::Logistic(p) = learner else { panic!() };
        let w = case["input"]["weighted"].as_bool().unwrap().then_some(&weights[..]);
        let got = fit(&p, &x, &y, w);
        assert!(got.converged);
        let (relative, absolute) =
            (case["tolerance"]["relative"].as_f64().unwrap(), case["tolerance"]["absolute"].as_f64().unwrap());
        let near = |what: &str, got: &[f64], expected: &[f64]| {
            assert_eq!(got.len(), expected.len());
            for (j, (g, e)) in got.iter().zip(expected).enumerate() {
                assert!((g - e).abs() <= absolute + relative * e.abs(), "{} {what} {j}: {g} {e}", case["name"]);
            }
        };
        let expected = &case["expected"];
        near("coef", &got.coef, &numbers(&expected["coef"]));
        near("intercept", &[got.intercept], &[expected["intercept"].as_f64().unwrap()]);
        if let Some(std_err) = expected.get("std_err") {
            near("std_err", &got.std_err, &numbers(std_err));
            near("std_err", &[got.intercept_std_err], &[expected["intercept_std_err"].as_f64().unwrap()]);
        }
        cases += 1;
    }
    assert!(cases >= 14);
}

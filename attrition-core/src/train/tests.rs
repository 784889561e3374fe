use super::*;
use crate::learn::Learner;
use crate::rng::Seed;
use crate::schema::{Role, Schema};
use crate::table::{Column, Mask, SpoolWriter, Value, Values};
use crate::{Error, ErrorKind, Table};

/// A made-up table: two numbers, a category, an unrelated number with gaps, a group, a day.
fn people(n: usize) -> Table {
    let mut r = Seed(11).stream("people", 0);
    let (mut age, mut pay, mut site, mut noise, mut left) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..n {
        let a = 20.0 + 40.0 * r.uniform();
        let p = 2000.0 + 3000.0 * r.uniform();
        let s = ["Oslo", "Bern", "Lima"][r.below(3)];
        let z = -0.06 * (a - 40.0) - 0.0012 * (p - 3500.0) + if s == "Lima" { 1.2 } else { 0.0 } - 1.4;
        left.push(Some(if r.uniform() < crate::num::float::sigmoid(z) { "Yes" } else { "No" }));
        age.push(a.floor() as i64);
        pay.push(p);
        site.push(Some(s));
        noise.push(if r.uniform() < 0.1 { f64::NAN } else { r.normal() });
    }
    Table::new(vec![
        Column::int("Age", age),
        Column::float("Pay", pay),
        Column::strings("Site", site),
        Column::float("Noise", noise),
        Column::int("Team", (0..n as i64).map(|i| i / 4).collect()),
        Column::strings("Left", left),
    ])
    .unwrap()
}

fn options() -> TrainOptions {
    TrainOptions {
        target: Some("Left".into()),
        positive: Value::from("Yes"),
        learner: ["logistic"].into(),
        exclude: ["Team"].into(),
        ..TrainOptions::default()
    }
}

#[test]
fn the_whole_path_and_its_facts() {
    let table = people(800);
    let model = train(&table, &options(), &Run::new()).unwrap();
    let t = model.training();
    assert_eq!((t.n_rows, t.n_holdout, t.n_fitted, t.n_folds, t.n_features), (800, 160, 640, 5, 4));
    assert_eq!(t.folds.iter().map(|f| f.n_test).sum::<usize>(), 640);
    let auc = t.cv["roc_auc"];
    assert!(auc.value > 0.7 && auc.low.unwrap() < auc.value && auc.high.unwrap() > auc.value, "{auc:?}");
    assert!(t.holdout["roc_auc"].value > 0.6);
    assert_eq!(t.threshold, model.threshold());
    assert_eq!(model.labels(), &[Value::from("No"), Value::from("Yes")]);
    let proba = model.predict_proba(&table).unwrap();
    let labels = model.predict(&table).unwrap();
    assert!(proba.iter().zip(&labels).all(|(p, l)| (*p >= t.threshold) == (*l == Value::from("Yes"))));
}

#[test]
fn one_row_equals_the_table_to_the_last_bit_whatever_surrounds_it() {
    let table = people(700);
    let model = train(&table, &options(), &Run::new()).unwrap();
    let batch = model.predict_proba(&table).unwrap();
    let bound = model.schema().bind(&table).unwrap();
    let width = model.row_spec().width();
    let mut packed = vec![0.0; width * table.n_rows()];
    for slot in 0..width {
        let mut column = vec![0.0; table.n_rows()];
        bound.fill(slot, 0..table.n_rows(), &mut column).unwrap();
        column.iter().enumerate().for_each(|(r, &x)| packed[r * width + slot] = x);
    }
    for (r, &p) in batch.iter().enumerate() {
        let one = model.proba_packed(&packed[r * width..(r + 1) * width]).unwrap();
        assert_eq!(one.to_bits(), p.to_bits(), "row {r}");
    }
    let many = model.predict_proba_packed(&packed, &Run::new()).unwrap();
    assert!(many.iter().zip(&batch).all(|(a, b)| a.to_bits() == b.to_bits()));
    let shuffled: Vec<usize> = (0..700).rev().collect();
    let again = model.predict_proba(&table.take(&shuffled)).unwrap();
    assert!(shuffled.iter().zip(&again).all(|(&r, p)| p.to_bits() == batch[r].to_bits()));
    assert!(model.proba_packed(&packed[..width - 1]).is_err());
}

#[test]
fn threads_change_nothing() {
    let table = people(900);
    let facts: Vec<Vec<u8>> = [1, 2, 3, 8]
        .map(|n| {
            let model = train(&table, &TrainOptions { n_threads: Some(n), ..options() }, &Run::new()).unwrap();
            model.to_bytes().unwrap()
        })
        .to_vec();
    assert!(facts.iter().all(|f| *f == facts[0]));
}

#[test]
fn the_profile_holds_the_scores_of_the_fitted_rows() {
    use crate::profile::ScoreProfile;
    let table = people(400);
    let y: Vec<u8> = (0..400).map(|i| u8::from(table.get("Left").unwrap().get(i) == Value::from("Yes"))).collect();
    let fit = |o: TrainOptions| train(&table, &o, &Run::new()).unwrap();
    let scores = |m: &Model| m.profile().unwrap().scores().unwrap().clone();
    let base = TrainOptions { holdout: None, calibration: None, ..options() };
    // Without folds: the model's own scores of the rows it was fitted on.
    let alone = fit(TrainOptions { cv: None, ..base.clone() });
    let own = ScoreProfile::of(&alone.predict_proba(&table).unwrap(), Some(&y)).unwrap();
    assert_eq!(scores(&alone), own);
    // With folds: each row's score by a model that has not seen it.
    let folded = fit(base.clone());
    let cv = cross_validate(&table, &base, None, &Run::new()).unwrap();
    assert_eq!(scores(&folded), ScoreProfile::of(&cv.predictions, Some(&y)).unwrap());
    assert_ne!(scores(&folded), own);
    // Calibrated by the model's calibrator; hold-out rows have no part in it.
    let whole = fit(TrainOptions { calibration: Some("sigmoid".into()), ..options() });
    let (s, t) = (scores(&whole), whole.training());
    assert_eq!(s.n(), t.n_fitted as u64);
    assert_eq!(s.labelled(), s.counts());
    // A fitted sigmoid keeps the mean.
    let positives = s.positives().iter().sum::<u64>() as f64;
    assert!((s.mean() - positives / s.n() as f64).abs() < 5e-3, "{} {positives} {}", s.mean(), s.n());
}

#[test]
fn given_folds_are_used_and_untested_rows_stay_nan() {
    let table = people(400);
    let ids: Vec<i64> = (0..400).map(|i| if i % 10 == 0 { -1 } else { i % 3 }).collect();
    let cv = cross_validate(&table, &options(), Some(&ids), &Run::new()).unwrap();
    assert!(cv.predictions.iter().enumerate().all(|(i, p)| p.is_nan() == (i % 10 == 0)));
    assert_eq!((cv.scores["roc_auc"].len(), cv.folds.len()), (3, 3));
    // The fold's model is the model fitted on the other rows, and on nothing else.
    let train_rows: Vec<usize> = (0..400).filter(|&i| ids[i] != 1).collect();
    let alone = TrainOptions { cv: None, holdout: None, calibration: None, ..options() };
    let model = train(&table.take(&train_rows), &alone, &Run::new()).unwrap();
    let own = model.predict_proba(&table).unwrap();
    for i in (0..400).filter(|&i| ids[i] == 1) {
        assert_eq!(own[i].to_bits(), cv.predictions[i].to_bits());
    }
    let wrong = cross_validate(&table, &options(), Some(&ids[..10]), &Run::new()).unwrap_err();
    assert!(wrong.to_string().contains("400"), "{wrong}");
}

#[test]
fn groups_and_times_steer_the_splits() {
    let table = people(400);
    let grouped = TrainOptions { exclude: Names::default(), group: Some("Team".into()), ..options() };
    let model = train(&table, &grouped, &Run::new()).unwrap();
    assert_eq!(model.schema().field("Team").unwrap().role, Role::Group);
    assert!(model.training().n_holdout.is_multiple_of(4), "whole teams are held out");
    let timed = TrainOptions { exclude: Names::default(), time: Some("Team".into()), ..options() };
    let model = train(&table, &timed, &Run::new()).unwrap();
    // Forward in time: the first block is learned from and never tested.
    assert!(model.training().folds.iter().map(|f| f.n_test).sum::<usize>() < model.training().n_fitted);
}

#[test]
fn weights_count_rows() {
    let table = people(300);
    let weights: Vec<f64> = (0..300).map(|i| f64::from(i % 3)).collect();
    let weighted = table.with_column(Column::float("w", weights)).unwrap();
    let plain = TrainOptions { cv: None, holdout: None, calibration: None, threshold: Value::Float(0.5), ..options() };
    let a = train(&weighted, &TrainOptions { weight: Some("w".into()), ..plain.clone() }, &Run::new()).unwrap();
    let rows: Vec<usize> = (0..300).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
    let b = train(&table.take(&rows), &plain, &Run::new()).unwrap();
    let (p, q) = (a.predict_proba(&table).unwrap(), b.predict_proba(&table).unwrap());
    assert!(p.iter().zip(&q).all(|(x, y)| (x - y).abs() < 1e-9));
    let bad = table.with_column(Column::float("w", vec![-1.0; 300])).unwrap();
    let e = train(&bad, &TrainOptions { weight: Some("w".into()), ..plain }, &Run::new()).unwrap_err();
    assert!(e.to_string().contains("column `w`, row") || e.to_string().contains("row 0, column `w`"), "{e}");
}

#[test]
fn without_folds_a_chosen_threshold_falls_to_one_half_and_says_so() {
    let model = train(&people(300), &TrainOptions { cv: None, holdout: None, ..options() }, &Run::new()).unwrap();
    assert_eq!(model.threshold(), 0.5);
    assert!(model.training().notes[0].contains("needs folds"), "{:?}", model.training().notes);
}

#[test]
fn labels_that_cannot_be_learned_from_are_named() {
    let table = people(200);
    let with = |labels: Vec<Option<&str>>| table.with_column(Column::strings("Left", labels)).unwrap();
    let error = |t: &Table, o: &TrainOptions| train(t, o, &Run::new()).unwrap_err();
    let mut labels = vec![Some("No"); 200];
    let e = error(&with(labels.clone()), &options());
    assert!(e.to_string().contains("Yes") && e.to_string().contains("No"), "{e}");
    labels[3] = Some("Yes");
    labels[7] = None;
    let e = error(&with(labels.clone()), &options());
    assert!(e.to_string().contains("row 7") && e.to_string().contains("1 missing label"), "{e}");
    labels[7] = Some("Maybe");
    assert!(error(&with(labels.clone()), &options()).to_string().contains("3 different labels"));
    let one = with(vec![Some("Yes"); 200]);
    assert!(error(&one, &options()).to_string().contains("one label"));
    let e = error(&table, &TrainOptions { positive: Value::Missing, ..options() });
    assert_eq!(e.kind(), ErrorKind::InvalidParam);
    let e = error(&table, &TrainOptions { target: Some("left".into()), ..options() });
    assert_eq!(e.kind(), ErrorKind::NotFound);
    let e = error(&table, &TrainOptions { target: None, ..options() });
    assert!(e.to_string().contains("`target`"), "{e}");
    let numeric = table.with_column(Column::int("Left", (0..200).map(|i| i % 2).collect())).unwrap();
    assert!(train(&numeric, &TrainOptions { positive: Value::Missing, ..options() }, &Run::new()).is_ok());
    assert_eq!(
        error(&numeric, &TrainOptions { positive: Value::from("1"), ..options() }).kind(),
        ErrorKind::InvalidParam
    );
    for same in [Value::Int(1), Value::Float(1.0), Value::Bool(true)] {
        let model = train(&numeric, &TrainOptions { positive: same, ..options() }, &Run::new()).unwrap();
        assert_eq!(model.labels()[1], Value::Int(1));
        assert!(matches!(model.labels()[1], Value::Int(1)), "in the column's own type");
    }
}

#[test]
fn an_infinite_value_and_a_column_without_any_are_named() {
    let table = people(200);
    let mut pay = vec![1.0; 200];
    pay[9] = f64::NEG_INFINITY;
    let bad = table.with_column(Column::float("Pay", pay)).unwrap();
    let e = train(&bad, &options(), &Run::new()).unwrap_err();
    assert!(e.to_string().contains("column `Pay`, row 9") && e.to_string().contains("-inf"), "{e}");
    let empty = table.with_column(Column::float("Pay", vec![f64::NAN; 200])).unwrap();
    let model = train(&empty, &options(), &Run::new()).unwrap();
    assert_eq!(model.schema().field("Pay").unwrap().role, Role::Ignored);
}

#[test]
fn auto_stands_for_its_candidates() {
    let table = people(300);
    let auto = TrainOptions { learner: ["auto", "logistic"].into(), ..options() };
    let trainer = auto.trainer(&table).unwrap();
    assert_eq!(trainer.learners, auto_learners(), "the same learner twice is tried once");
    assert!(trainer.may_blend());
    assert_eq!(trainer, trainer.clone().auto());
    let list = TrainOptions { learner: ["logistic"].into(), ..options() };
    assert!(!list.trainer(&table).unwrap().may_blend());
    for candidate in auto_learners() {
        let params = serde_json::json!({candidate.name(): candidate.params_json()});
        assert!(TrainOptions { params: Some(params), ..auto.clone() }.trainer(&table).is_ok());
    }
    let stray = TrainOptions { params: Some(serde_json::json!({"linfa_tree": {}})), ..auto.clone() };
    assert!(stray.trainer(&table).unwrap_err().to_string().contains("linfa_tree"));
    // Without folds nothing can choose.
    let model = train(&table, &TrainOptions { cv: None, ..auto }, &Run::new()).unwrap();
    assert_eq!(model.learner_name(), auto_learners()[0].name());
}

#[test]
fn several_learners_are_ranked_and_the_best_is_chosen() {
    let options = options();
    let table = people(500);
    let schema = options.schema(&table).unwrap();
    let weak = Learner::from_name("logistic", Some(&serde_json::json!({"c": 1e-9}))).unwrap();
    let trainer = Trainer::new(schema).learners([weak, Learner::logistic()]).metric(crate::metrics::Metric::LogLoss);
    let model = trainer.fit(&table).unwrap();
    let board = &model.training().leaderboard;
    assert_eq!(board.len(), 2);
    assert!(board[0].is_chosen && !board[1].is_chosen);
    assert!(board[0].score.unwrap() < board[1].score.unwrap());
    assert_eq!(model.params(), Learner::logistic().params_json());
    assert!(trainer.cv(Cv::None).fit(&table).unwrap_err().to_string().contains("choose between 2"));
}

#[test]
fn options_are_read_from_json_and_wrong_ones_are_named() {
    let o = TrainOptions::from_json(
        r#"{"target": "Left", "positive": "Yes", "sensitive": "Site", "exclude": ["Team"], "cv": null, "holdout": null, "threshold": 0.3}"#,
    )
    .unwrap();
    assert_eq!((o.sensitive.0.len(), o.cv, o.holdout), (1, None, None));
    let model = train(&people(200), &o, &Run::new()).unwrap();
    assert_eq!(model.threshold(), 0.3);
    assert_eq!(model.schema().field("Site").unwrap().role, Role::Sensitive);
    assert!(TrainOptions::from_json(r#"{"traget": "Left"}"#).unwrap_err().to_string().contains("traget"));
    let table = people(200);
    let mut bad = Vec::new();
    for json in [
        r#"{"threshold": 2}"#,
        r#"{"threshold": "best"}"#,
        r#"{"calibration": "platt"}"#,
        r#"{"metric": "auc"}"#,
        r#"{"learner": "svm"}"#,
        r#"{"learner": []}"#,
        r#"{"cv": 1}"#,
        r#"{"holdout": 1.5}"#,
        r#"{"trials": 5, "cv": null}"#,
        r#"{"trials": 5, "search": {"max_seconds": -1}}"#,
        r#"{"trials": 5, "learner": "linfa_logistic", "search": {"preprocess": false}}"#,
        r#"{"learner": "auto", "params": {"linfa_tree": {}}}"#,
        r#"{"learner": "logistic", "params": {"C": 1}}"#,
        r#"{"id": "nobody"}"#,
        r#"{"weight": "Left"}"#,
    ] {
        let given: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
        let mut all = serde_json::to_value(options()).unwrap();
        all.as_object_mut().unwrap().extend(given);
        let o = TrainOptions::from_json(&all.to_string()).unwrap();
        match train(&table, &o, &Run::new()) {
            Err(Error::InvalidParam { .. } | Error::NotFound { .. } | Error::Unsupported { .. }) => {}
            other => bad.push(format!("{json}: {other:?}")),
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn cancelling_stops_training() {
    let token = crate::CancelToken::new();
    token.cancel();
    let run = Run::new().cancel_token(token);
    assert_eq!(train(&people(300), &options(), &run).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn progress_is_told() {
    use std::sync::{Arc, Mutex};
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let run = Run::new().observer(Arc::new(move |e: &crate::Event| sink.lock().unwrap().push(e.clone())));
    train(&people(300), &options(), &run).unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.iter().any(|e| e.stage == "cross_validate" && e.done == e.total));
    assert!(seen.iter().any(|e| e.stage == "fit" && e.done == 1));
}

#[test]
fn contributions_add_up_to_the_log_odds_and_terms_show_them() {
    let table = people(600);
    for calibration in [None, Some("sigmoid".to_owned())] {
        let model = train(&table, &TrainOptions { calibration, ..options() }, &Run::new()).unwrap();
        for json in [
            r#"{"Age": 31, "Pay": 2500.5, "Site": "Lima", "Noise": 0.3}"#,
            r#"{"Age": 31, "Site": "Nowhere", "Noise": null}"#,
        ] {
            let p = model.proba_json(json.as_bytes()).unwrap();
            let parts = model.contributions_json(json.as_bytes()).unwrap();
            assert_eq!(
                parts.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
                ["Age", "Pay", "Site", "Noise", "(base)"]
            );
            let z: f64 = parts.iter().map(|(_, c)| c).sum();
            assert!((crate::num::float::sigmoid(z) - p).abs() < 1e-14, "{z} {p}");
        }
        let terms = model.terms().unwrap();
        assert_eq!(terms.len(), 4);
        assert!(terms.windows(2).all(|w| w[0].importance >= w[1].importance));
        let site = terms.iter().find(|t| t.column == "Site").unwrap();
        let parts = model.contributions_json(br#"{"Site": "Lima"}"#).unwrap();
        let lima = site.values.iter().find(|v| v.value == Value::from("Lima")).unwrap();
        assert_eq!(lima.contribution, parts[2].1);
        assert!(lima.low.unwrap() < lima.contribution && lima.contribution < lima.high.unwrap());
    }
}

#[test]
fn predict_one_reports_every_repair() {
    let model = train(&people(400), &options(), &Run::new()).unwrap();
    let p = model.predict_one_json(br#"{"Age": 99, "Site": "Nowhere", "Noise": 0}"#).unwrap();
    let kinds: Vec<(&str, crate::model::WarningKind)> =
        p.warnings.iter().map(|w| (w.column.as_str(), w.kind)).collect();
    use crate::model::WarningKind::*;
    assert_eq!(kinds, [("Age", OutOfRange), ("Pay", Missing), ("Site", Unseen)]);
    assert_eq!(
        p.proba.to_bits(),
        model.proba_json(br#"{"Age": 99, "Site": "Nowhere", "Noise": 0}"#).unwrap().to_bits()
    );
    let strict = TrainOptions { on_unseen: crate::preprocess::OnUnseen::Error, ..options() };
    let model = train(&people(400), &strict, &Run::new()).unwrap();
    let e = model.proba_json(br#"{"Age": 30, "Site": "Nowhere"}"#).unwrap_err();
    assert!(e.to_string().contains("`Site`") && !e.to_string().contains("Nowhere"), "{e}");
}

#[test]
fn evaluation_knows_labels_metrics_and_curves() {
    let table = people(500);
    let model = train(&table, &options(), &Run::new()).unwrap();
    let e = model.evaluate(&table, &Run::new()).unwrap();
    assert_eq!(e.n, 500);
    assert!((e.confusion.total() - 500.0).abs() < 1e-12);
    let auc = e.metrics["roc_auc"];
    // The area under the drawn curve is the metric.
    let area: f64 = e
        .curves
        .roc
        .x
        .windows(2)
        .zip(e.curves.roc.y.windows(2))
        .map(|(x, y)| (x[1] - x[0]) * (y[0] + y[1]) / 2.0)
        .sum();
    assert!((area - auc.value).abs() < 0.01, "{area} {}", auc.value);
    let unlabelled = table.drop(&["Left"]);
    assert_eq!(model.evaluate(&unlabelled, &Run::new()).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(model.predict_proba(&unlabelled).is_ok());
    let _: Schema = serde_json::from_str(&model.schema().to_json().unwrap()).unwrap();
}

/// Three months of people: whole numbers that become floats, levels and a column that come later, gaps of every kind, weights,
/// groups, days.
fn months() -> Vec<Table> {
    let whole = people(900);
    let mut months: Vec<Table> = [0..300, 300..500, 500..900].map(|r| whole.take(&r.collect::<Vec<_>>())).into();
    for (k, month) in months.iter_mut().enumerate() {
        let n = month.n_rows();
        let gap = |i: usize| (i + k).is_multiple_of(9);
        let number = |i: usize| ((i * 37 + k) % 11) as f64 - 5.0;
        let mask = || Mask::from_missing((0..n).map(gap));
        let bonus = match k {
            1 => Column::float("Bonus", (0..n).map(|i| if gap(i) { f64::NAN } else { number(i) / 4.0 }).collect()),
            _ => {
                let values = (0..n).map(|i| number(i) as i64).collect::<Vec<_>>();
                Column::new("Bonus", Values::Int(values.into(), mask())).unwrap()
            }
        };
        let remote = match k {
            0 => Column::float("Remote", vec![f64::NAN; n]),
            _ => {
                let values = (0..n).map(|i| i % 4 == 0).collect::<Vec<_>>();
                Column::new("Remote", Values::Bool(values.into(), mask())).unwrap()
            }
        };
        let day = |i: usize| 86_400_000_000 * (i as i64 % 50 + 10 * k as i64);
        let extra = [
            bonus,
            remote,
            Column::strings("Skill", (0..n).map(|i| (!gap(i)).then(|| format!("s{}", (i * 7 + k) % (3 + 2 * k))))),
            Column::int("Weight", (0..n).map(|i| i as i64 % 3).collect()),
            Column::new("Day", Values::Time((0..n).map(day).collect::<Vec<_>>().into(), None)).unwrap(),
        ];
        for column in extra {
            *month = month.with_column(column).unwrap();
        }
    }
    months
}

/// The model's bytes, or what is wrong.
fn outcome(model: crate::Result<crate::model::Model>) -> Result<Vec<u8>, String> {
    model.and_then(|m| m.to_bytes()).map_err(|e| e.to_string())
}

#[test]
fn training_from_a_source_is_training_on_its_table_to_the_last_byte() {
    let months = months();
    let table = Table::concat(&months).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Chunks of 70 rows, all on disk.
    let mut writer = SpoolWriter::for_test(folder.path(), 70);
    months.iter().for_each(|m| writer.write(m).unwrap());
    let spool = writer.finish().unwrap();
    let run = Run::new().n_threads(Some(2));
    let plain = TrainOptions { exclude: ["Team", "Weight", "Day"].into(), ..options() };
    let mut cases: Vec<TrainOptions> =
        Learner::NAMES.iter().map(|n| TrainOptions { learner: Names::from([*n]), ..plain.clone() }).collect();
    cases.extend([
        TrainOptions { weight: Some("Weight".into()), exclude: ["Team", "Day"].into(), ..plain.clone() },
        TrainOptions { group: Some("Team".into()), exclude: ["Weight", "Day"].into(), ..plain.clone() },
        TrainOptions { time: Some("Day".into()), exclude: ["Weight", "Team"].into(), cv: Some(3), ..plain.clone() },
        TrainOptions { cv: None, holdout: None, calibration: None, sensitive: ["Site"].into(), ..plain.clone() },
        TrainOptions { refit: Refit::All, cv: Some(2), ..plain.clone() },
        serde_json::from_value(serde_json::json!({
            "target": "Left", "positive": "Yes", "exclude": ["Team", "Weight", "Day"], "cv": 2, "learner": "logistic",
            "preprocess": { "derive": { "Share": "Bonus / (Pay + 1)" }, "category": { "encode": "target" },
                            "select": { "method": "variance" }, "resample": { "method": "smote_nc" } }
        }))
        .unwrap(),
        TrainOptions { target: Some("Site".into()), positive: Value::from("Oslo"), ..plain.clone() },
        TrainOptions { target: Some("Nothing".into()), ..plain },
    ]);
    let mut trained = 0;
    for options in &cases {
        let want = outcome(train(&table, options, &run));
        trained += usize::from(want.is_ok());
        assert!(outcome(train(&spool, options, &run)) == want, "{options:?}: {:?}", want.err());
        let mut source = crate::table::Batches::new(months.iter().cloned().map(Ok));
        assert!(outcome(train_source(&mut source, options, &run)) == want);
    }
    assert!(trained >= 7, "{trained}");
    let cv = |columns: crate::table::Columns<'_>| cross_validate(columns, &cases[0], None, &run).unwrap();
    assert_eq!(cv((&spool).into()).predictions.len(), 900);
    let bits = |cv: CrossValidation| cv.predictions.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(cv((&spool).into())), bits(cv((&table).into())));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The log-odds of a line, and a corner that no line follows.
fn bent(n: usize) -> Table {
    let mut r = Seed(5).stream("bent", 0);
    let columns: Vec<Vec<f64>> = (0..3).map(|_| (0..n).map(|_| r.normal()).collect()).collect();
    let left = (0..n).map(|i| {
        let corner = if columns[1][i] > 0.0 && columns[2][i] > 0.0 { 3.0 } else { 0.0 };
        let z = 1.2 * columns[0][i] + corner - 2.0;
        Some(if r.uniform() < crate::num::float::sigmoid(z) { "Yes" } else { "No" })
    });
    let left = Column::strings("Left", left.collect::<Vec<_>>());
    let numbers = ["a", "b", "c"].into_iter().zip(columns).map(|(name, x)| Column::float(name, x));
    Table::new(numbers.chain([left]).collect()).unwrap()
}

#[cfg(feature = "linfa")]
fn blending(table: &Table) -> Trainer {
    let tree = serde_json::json!({"max_depth": 4, "min_weight_leaf": 20.0});
    let learners = [Learner::logistic(), Learner::from_name("linfa_tree", Some(&tree)).unwrap()];
    let schema = TrainOptions { exclude: Names::default(), ..options() }.schema(table).unwrap();
    Trainer::new(schema).learners(learners).blend(true).cv(Cv::Folds(4)).holdout(None)
}

#[cfg(feature = "linfa")]
#[test]
fn a_blend_is_trained_judged_and_told() {
    let table = bent(1200);
    let model = blending(&table).calibration(Calibration::None).fit(&table).unwrap();
    let t = model.training();
    assert_eq!((model.learner_name(), t.learner.as_str()), ("blend", "blend"), "{:?}", t.notes);
    assert!(t.notes.iter().any(|n| n.starts_with("a blend: better")), "{:?}", t.notes);
    // The board: the blend first, by a score that is not of the predictions that chose its weights.
    let board = &t.leaderboard;
    let names: Vec<&str> = board.iter().map(|c| c.learner.as_str()).collect();
    assert_eq!((board.len(), names[0]), (3, "blend"));
    assert!(board[0].is_chosen && !board[1].is_chosen && !board[2].is_chosen);
    assert_eq!((&board[0].params, board[0].score), (&model.params(), t.cv_score));
    assert!(board[0].score > board[1].score && board[1].score > board[2].score);
    let weights: Vec<f64> =
        board[0].params["members"].as_array().unwrap().iter().map(|m| m["weight"].as_f64().unwrap()).collect();
    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12 && weights[0] >= weights[1] && weights[1] > 0.0);
    // Its log-odds are the weighted mean of its members'.
    let own = |member: &crate::model::Member| {
        let mut parts = model.parts().clone();
        let lone = crate::model::Member { weight: 1.0, ..member.clone() };
        parts.scorer.members = vec![lone];
        Model::from_parts(parts).unwrap().predict_proba(&table).unwrap()
    };
    let members: Vec<Vec<f64>> = model.members().iter().map(own).collect();
    let batch = model.predict_proba(&table).unwrap();
    let logit = crate::num::float::logit;
    for (row, &p) in batch.iter().enumerate() {
        let z: f64 = members.iter().zip(&weights).map(|(m, w)| w * logit(m[row].clamp(1e-15, 1.0 - 1e-15))).sum();
        assert!((logit(p) - z).abs() < 1e-9, "row {row}");
    }
    // One row, a packed batch and a saved model give the same bits.
    let bound = model.schema().bind(&table).unwrap();
    let width = model.row_spec().width();
    let mut packed = vec![0.0; width * table.n_rows()];
    for slot in 0..width {
        let mut column = vec![0.0; table.n_rows()];
        bound.fill(slot, 0..table.n_rows(), &mut column).unwrap();
        column.iter().enumerate().for_each(|(r, &x)| packed[r * width + slot] = x);
    }
    let loaded = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
    let many = loaded.predict_proba_packed(&packed, &Run::new()).unwrap();
    for (r, p) in batch.iter().enumerate() {
        assert_eq!(loaded.proba_packed(&packed[r * width..(r + 1) * width]).unwrap().to_bits(), p.to_bits());
        assert_eq!(many[r].to_bits(), p.to_bits());
    }
    let e = model.contributions_packed(&packed[..width]).unwrap_err();
    assert!(e.kind() == ErrorKind::Unsupported && e.to_string().contains("`linfa_tree` in the blend"), "{e}");
}

#[cfg(feature = "linfa")]
#[test]
fn a_blend_is_the_same_bytes_on_any_number_of_threads_and_in_cross_validation() {
    let table = bent(1200);
    let trainer = blending(&table);
    let on = |n: usize| {
        let run = Run::new().n_threads(Some(n));
        let model = trainer.fit_with(&table, &run).unwrap();
        (model.to_bytes().unwrap(), trainer.cross_validate(&table, &run).unwrap())
    };
    let (bytes, cv) = on(1);
    assert_eq!(Model::from_bytes(&bytes).unwrap().learner_name(), "blend");
    assert!(cv.learners.iter().filter(|l| *l == "blend").count() >= 3, "{:?}", cv.learners);
    for n in [2, 8] {
        let other = on(n);
        assert!(other.0 == bytes, "{n} threads");
        assert!(other.1.predictions.iter().zip(&cv.predictions).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
    // What was chosen for a fold is better there than each learner alone.
    let score = |cv: &CrossValidation| cv.metrics["roc_auc"].value;
    for learner in trainer.learners.clone() {
        let alone = trainer.clone().blend(false).learner(learner).cross_validate(&table, &Run::new()).unwrap();
        assert!(score(&cv) > score(&alone));
    }
    // Two folds leave too few to judge a blend.
    let two = trainer.clone().cv(Cv::Folds(2)).fit(&table).unwrap();
    assert_ne!(two.learner_name(), "blend");
    assert!(two.training().leaderboard.iter().any(|c| c.learner == "blend" && !c.is_chosen));
}

#[test]
fn a_blend_of_additive_learners_is_explained_exactly() {
    let table = people(600);
    let one = train(&table, &options(), &Run::new()).unwrap();
    let other = |c: f64, site: &str| {
        let params = Some(serde_json::json!({"c": c}));
        let json = serde_json::json!({"columns": {"Site": {"encode": site}}}).to_string();
        let preprocess = crate::preprocess::PipelineParams::from_json(&json).unwrap();
        train(&table, &TrainOptions { params, preprocess, ..options() }, &Run::new()).unwrap()
    };
    let two = other(0.01, "ordinal");
    let model = Model::blended(&[(&one, 0.75), (&two, 0.25)]).unwrap();
    let json = br#"{"Age": 31, "Pay": 2500.5, "Site": "Lima", "Noise": null}"#;
    let parts = model.contributions_json(json).unwrap();
    let z: f64 = parts.iter().map(|(_, c)| c).sum();
    assert!((crate::num::float::sigmoid(z) - model.proba_json(json).unwrap()).abs() < 1e-14);
    let value = |m: &Model, name: &str| {
        let terms = m.terms().unwrap();
        let lima = terms.iter().find(|t| t.column == name).unwrap().values.iter();
        lima.into_iter().find(|v| v.value == Value::from("Lima")).unwrap().clone()
    };
    let site = value(&model, "Site");
    assert_eq!(site.contribution, parts[2].1);
    assert!(site.low.unwrap() < site.contribution && site.contribution < site.high.unwrap());
}

#[test]
fn a_large_table_chooses_on_a_sample_and_judges_on_all_rows() {
    let n = 6000;
    let table = bent(n);
    let weak = Learner::from_name("logistic", Some(&serde_json::json!({"c": 1e-9}))).unwrap();
    let trainer = |table: &Table, options: TrainOptions| {
        let schema = TrainOptions { exclude: Names::default(), ..options }.schema(table).unwrap();
        let trainer = Trainer::new(schema).learners([weak.clone(), Learner::logistic()]).blend(true);
        trainer.metric(crate::metrics::Metric::LogLoss).holdout(None)
    };
    let is_sampled = |m: &Model| m.training().notes.iter().any(|n| n.contains("a sample"));
    // Each row stands for a thousand.
    let weighted = table.with_column(Column::float("w", vec![1000.0; n])).unwrap();
    let heavy = trainer(&weighted, TrainOptions { weight: Some("w".into()), ..options() });
    let model = heavy.fit(&weighted).unwrap();
    let t = model.training();
    assert!(is_sampled(&model), "{:?}", t.notes);
    assert_eq!(t.folds.iter().map(|f| f.n_test).sum::<usize>(), n);
    let chosen: Vec<_> = t.leaderboard.iter().filter(|c| c.is_chosen).collect();
    assert_eq!((chosen.len(), &chosen[0].params), (1, &model.params()));
    assert_eq!(model.params(), Learner::logistic().params_json());
    // The board is of the sample, the model's own score of all rows.
    assert!((chosen[0].score.unwrap() - t.cv_score.unwrap()).abs() < 0.05);
    assert_ne!(chosen[0].score, t.cv_score);
    let cv = heavy.cross_validate(&weighted, &Run::new()).unwrap();
    assert!(cv.predictions.iter().all(|p| p.is_finite()));
    assert_eq!(cv.learners, ["logistic"; 5]);
    assert!(!is_sampled(&trainer(&table, options()).fit(&table).unwrap()));
}

fn searched(trials: usize, learner: TrainOptions) -> TrainOptions {
    TrainOptions { trials, cv: Some(4), ..learner }
}

#[test]
fn a_search_refits_what_won_and_says_what_it_tried() {
    let table = people(400);
    let options = searched(12, TrainOptions { learner: ["logistic", "tree"].into(), ..options() });
    let model = train(&table, &options, &Run::new().n_threads(Some(1))).unwrap();
    let again = train(&table, &options, &Run::new().n_threads(Some(3))).unwrap();
    assert_eq!(model.to_bytes().unwrap(), again.to_bytes().unwrap(), "any number of threads");
    let t = model.training();
    assert_eq!(t.trials.len(), 12);
    // The defaults of each learner come first.
    assert_eq!(t.trials[0].params["learner"], "logistic");
    assert_eq!(
        (t.trials[0].params["logistic.c"].as_f64(), t.trials[0].params["select"].as_str()),
        (Some(1.0), Some("none"))
    );
    assert_eq!(t.trials[1].params["learner"], "tree");
    let complete: Vec<_> = t.trials.iter().filter(|t| t.state == "complete").collect();
    assert!(complete.len() >= 4 && complete.iter().all(|t| t.score.is_some() && t.error.is_none()));
    assert!(t.trials.iter().all(|t| (t.state == "complete") == t.score.is_some()));
    let best = complete.iter().max_by(|a, b| a.score.unwrap().total_cmp(&b.score.unwrap())).unwrap();
    assert_eq!(best.params["learner"], t.learner);
    for (name, value) in &best.params {
        if let Some(name) = name.strip_prefix(t.learner.as_str()).and_then(|n| n.strip_prefix('.')) {
            assert_eq!(model.params()[name].as_f64(), value.as_f64(), "{name}");
        }
    }
    // What won, trained by itself on the same rows, is the same model.
    let mut params = serde_json::Map::new();
    for (name, value) in &best.params {
        if let Some(name) = name.strip_prefix(t.learner.as_str()).and_then(|n| n.strip_prefix('.')) {
            params.insert(name.to_owned(), value.clone());
        }
    }
    let text = |name: &str| best.params.get(name).and_then(|v| v.as_str()).unwrap_or("none").to_owned();
    let mut preprocess = serde_json::json!({});
    if t.learner == "logistic" {
        preprocess = serde_json::json!({
            "number": {"transform": text("number.transform"), "scale": text("number.scale")},
            "category": {"encode": text("category.encode")},
        });
        match text("select").as_str() {
            "l1" => preprocess["select"] = serde_json::json!({"method": "l1", "c": best.params["select.c"]}),
            "none" => {}
            method => preprocess["select"] = serde_json::json!({"method": method, "keep": best.params["select.keep"]}),
        }
        if text("resample") != "none" {
            preprocess["resample"] = serde_json::json!({"method": text("resample")});
        }
    }
    let alone = TrainOptions {
        trials: 0,
        learner: Names(vec![t.learner.clone()]),
        params: Some(params.into()),
        preprocess: serde_json::from_value(preprocess).unwrap(),
        calibration: None,
        ..options.clone()
    };
    let raw = train(&table, &TrainOptions { calibration: None, ..options }, &Run::new()).unwrap();
    let alone = train(&table, &alone, &Run::new()).unwrap();
    assert_eq!(alone.training().configuration, raw.training().configuration);
    assert_eq!(alone.predict_proba(&table).unwrap(), raw.predict_proba(&table).unwrap());
    // The estimate is corrected for the choice.
    let auc = t.cv["roc_auc"];
    assert!(t.cv_score.unwrap() < best.score.unwrap() && t.notes.iter().any(|n| n.contains("complete trials")));
    assert!(auc.low.unwrap() < auc.value && auc.value < auc.high.unwrap());
}

#[test]
fn cross_validation_searches_within_each_fold() {
    let mut table = people(240);
    let options = TrainOptions { learner: ["tree"].into(), trials: 5, cv: Some(3), calibration: None, ..options() };
    let folds: Vec<i64> = (0..240).map(|i| i % 4).collect();
    let cv = cross_validate(&table, &options, Some(&folds), &Run::new()).unwrap();
    assert_eq!(cv.learners, ["tree"; 4]);
    // A fold's labels have no part in what scores it.
    let flipped: Vec<Option<&str>> = (0..240)
        .map(|i| {
            let yes = table.column("Left").unwrap().get(i) == Value::from("Yes");
            Some(if yes != (folds[i] == 2) { "Yes" } else { "No" })
        })
        .collect();
    let columns: Vec<Column> = table.columns().iter().filter(|c| c.name() != "Left").cloned().collect();
    table = Table::new(columns.into_iter().chain([Column::strings("Left", flipped)]).collect()).unwrap();
    let other = cross_validate(&table, &options, Some(&folds), &Run::new()).unwrap();
    for (i, (a, b)) in cv.predictions.iter().zip(&other.predictions).enumerate() {
        assert!(folds[i] != 2 || a == b, "row {i}");
    }
    assert_ne!(cv.predictions, other.predictions);
}

#[test]
fn what_is_given_is_not_searched() {
    let table = people(300);
    let params = serde_json::json!({"penalty": "elasticnet", "l1_ratio": 0.25});
    let mut options = searched(6, TrainOptions { params: Some(params), ..options() });
    options.preprocess = serde_json::from_value(serde_json::json!({"number": {"scale": "robust"}})).unwrap();
    let model = train(&table, &options, &Run::new()).unwrap();
    assert_eq!((&model.params()["penalty"], &model.params()["l1_ratio"]), (&"elasticnet".into(), &0.25.into()));
    let names: std::collections::BTreeSet<_> =
        model.training().trials.iter().flat_map(|t| t.params.keys().cloned()).collect();
    assert!(names.contains("logistic.c") && names.contains("number.transform"), "{names:?}");
    for fixed in ["logistic.penalty", "logistic.l1_ratio", "number.scale"] {
        assert!(!names.contains(fixed), "{fixed}");
    }
}

#[test]
fn the_estimate_of_a_search_through_noise_is_a_coin() {
    const SEEDS: usize = 10;
    let (mut seen, mut nested, mut corrected, mut covered) = (0.0, 0.0, 0.0, 0);
    for seed in 0..SEEDS {
        let mut r = Seed(seed as u64).stream("noise", 0);
        let n = 160;
        let mut columns: Vec<Column> =
            (0..6).map(|j| Column::float(format!("x{j}"), (0..n).map(|_| r.normal()).collect())).collect();
        columns.push(Column::int("Left", (0..n).map(|i| i64::from(i % 2 == 0)).collect()));
        let table = Table::new(columns).unwrap();
        let mut options = TrainOptions {
            target: Some("Left".into()),
            positive: Value::Int(1),
            learner: ["tree", "logistic"].into(),
            trials: 24,
            holdout: None,
            calibration: None,
            seed: seed as u64,
            ..TrainOptions::default()
        };
        let model = train(&table, &options, &Run::new()).unwrap();
        let t = model.training();
        seen += t.trials.iter().filter_map(|t| t.score).fold(0.0, f64::max) / SEEDS as f64;
        let auc = t.cv["roc_auc"];
        nested += auc.value / SEEDS as f64;
        covered += usize::from(auc.low.unwrap() <= 0.5 && 0.5 <= auc.high.unwrap());
        options.search.estimate = SearchEstimate::Corrected;
        corrected += train(&table, &options, &Run::new()).unwrap().training().cv_score.unwrap() / SEEDS as f64;
    }
    println!("seen {seen:.3}, corrected {corrected:.3}, nested {nested:.3}; covers 0.5 in {covered} of {SEEDS}");
    assert!(seen > 0.54 && corrected < seen - 0.03, "{seen} {corrected}");
    assert!((0.44..0.54).contains(&nested) && covered >= SEEDS - 1, "{nested} {covered}");
}

use super::*;
use crate::testing::{all_close, close, number, numbers, shared};
use crate::{ErrorKind, Seed};
use proptest::prelude::*;
use serde_json::Value;

const RELATIVE: f64 = 1e-10;
const ABSOLUTE: f64 = 1e-12;

fn labels(value: &Value) -> Vec<u8> {
    numbers(value).into_iter().map(|v| v as u8).collect()
}

fn weights(case: &Value) -> Option<Vec<f64>> {
    if case["w"].is_null() { None } else { Some(numbers(&case["w"])) }
}

#[test]
fn values_and_curves_are_those_of_scikit_learn() {
    let Some(file) = shared("reference/classification_metrics.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    let mut compared = 0;
    for case in cases {
        let (y, p, w) = (labels(&case["y"]), numbers(&case["p"]), weights(case));
        let scores = Scores::new(&y, &p, w.as_deref()).unwrap();
        let mut check = |name: &str, threshold: f64, want: f64| {
            let got = Metric::parse(name).unwrap().value(&y, &p, w.as_deref(), threshold).unwrap();
            assert!(close(got, want, RELATIVE, ABSOLUTE), "{name} at {threshold}: {got}, expected {want}");
            let all = scores.all(threshold).unwrap();
            let of_all = all.iter().find(|(m, _)| m.name() == name).unwrap().1;
            assert_eq!(of_all.value, got);
            assert!(of_all.low.unwrap() <= got && got <= of_all.high.unwrap());
            compared += 1;
        };
        for (name, want) in case["scores"].as_object().unwrap() {
            check(name, 0.5, number(want));
        }
        for (threshold, table) in case["at_threshold"].as_object().unwrap() {
            let threshold: f64 = threshold.parse().unwrap();
            let confusion = scores.confusion(threshold).unwrap();
            for (name, want) in table.as_object().unwrap() {
                let want = number(want);
                match name.as_str() {
                    "tn" => assert!(close(confusion.tn, want, RELATIVE, ABSOLUTE)),
                    "fp" => assert!(close(confusion.fp, want, RELATIVE, ABSOLUTE)),
                    "fn" => assert!(close(confusion.fn_, want, RELATIVE, ABSOLUTE)),
                    "tp" => assert!(close(confusion.tp, want, RELATIVE, ABSOLUTE)),
                    _ => check(name, threshold, want),
                }
            }
        }
        if case.get("roc_curve").is_some() {
            let (got, want) = (scores.roc_curve().unwrap(), &case["roc_curve"]);
            assert!(all_close(&got.fpr, &numbers(&want["fpr"]), RELATIVE, ABSOLUTE));
            assert!(all_close(&got.tpr, &numbers(&want["tpr"]), RELATIVE, ABSOLUTE));
            assert_eq!(got.thresholds, numbers(&want["thresholds"]));
            let (got, want) = (scores.precision_recall_curve().unwrap(), &case["pr_curve"]);
            assert!(all_close(&got.precision, &numbers(&want["precision"]), RELATIVE, ABSOLUTE));
            assert!(all_close(&got.recall, &numbers(&want["recall"]), RELATIVE, ABSOLUTE));
            assert_eq!(got.thresholds, numbers(&want["thresholds"]));
        }
    }
    assert_eq!(compared, 8 * (4 + 3 * 9));
}

#[test]
fn calibration_by_bins_is_that_of_the_reference() {
    let Some(file) = shared("reference/calibration.json") else { return };
    let mut compared = 0;
    for case in file["cases"].as_array().unwrap() {
        let (y, p, want) = (labels(&case["y"]), numbers(&case["p"]), &case["expected"]);
        if want.get("ece_uniform_10").is_none() {
            continue;
        }
        let scores = Scores::new(&y, &p, None).unwrap();
        let error = scores.calibration_error(10).unwrap();
        assert!(close(error.ece, number(&want["ece_uniform_10"]["ece"]), RELATIVE, ABSOLUTE));
        assert!(close(error.mce, number(&want["ece_uniform_10"]["mce"]), RELATIVE, ABSOLUTE));
        for (name, binning) in [("curve_uniform_10", Binning::Uniform), ("curve_quantile_10", Binning::Quantile)] {
            let bins = scores.calibration_curve(binning, 10).unwrap().bins;
            let (truth, pred): (Vec<f64>, Vec<f64>) = bins.iter().map(|b| (b.prob_true.value, b.prob_pred)).unzip();
            assert!(all_close(&truth, &numbers(&want[name]["prob_true"]), RELATIVE, ABSOLUTE), "{name}");
            assert!(all_close(&pred, &numbers(&want[name]["prob_pred"]), RELATIVE, ABSOLUTE), "{name}");
        }
        compared += 1;
    }
    assert_eq!(compared, 4);
}

fn rows() -> impl Strategy<Value = Vec<(u8, f64, f64)>> {
    // Few distinct scores, so that ties are the rule.
    prop::collection::vec((0u8..2, (0u8..20).prop_map(|s| f64::from(s) / 19.0), 0.1f64..4.0), 8..60)
        .prop_filter("both classes", |rows| rows.iter().any(|r| r.0 == 1) && rows.iter().any(|r| r.0 == 0))
}

fn unzip(rows: &[(u8, f64, f64)]) -> (Vec<u8>, Vec<f64>, Vec<f64>) {
    (rows.iter().map(|r| r.0).collect(), rows.iter().map(|r| r.1).collect(), rows.iter().map(|r| r.2).collect())
}

fn same(a: &[(Metric, Estimate)], b: &[(Metric, Estimate)]) -> bool {
    let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => close(a, b, 1e-9, 1e-9),
        (a, b) => a == b,
    };
    a.len() == b.len()
        && a.iter().zip(b).all(|((m, a), (n, b))| {
            m == n && near(Some(a.value), Some(b.value)) && near(a.low, b.low) && near(a.high, b.high)
        })
}

/// DeLong by its definition, over all pairs.
fn delong(y: &[u8], p: &[f64]) -> (f64, f64) {
    let of = |label: u8| -> Vec<f64> { y.iter().zip(p).filter(|(l, _)| **l == label).map(|(_, p)| *p).collect() };
    let (x, z) = (of(1), of(0));
    let wins = |a: f64, b: f64| {
        if a > b {
            1.0
        } else if a == b {
            0.5
        } else {
            0.0
        }
    };
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let v10: Vec<f64> = x.iter().map(|&a| mean(&z.iter().map(|&b| wins(a, b)).collect::<Vec<_>>())).collect();
    let v01: Vec<f64> = z.iter().map(|&b| mean(&x.iter().map(|&a| wins(a, b)).collect::<Vec<_>>())).collect();
    let area = mean(&v10);
    let s =
        |v: &[f64]| v.iter().map(|v| (v - area) * (v - area)).sum::<f64>() / (v.len() as f64 - 1.0) / v.len() as f64;
    (area, s(&v10) + s(&v01))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_scale_of_weights_change_nothing(rows in rows(), seed: u64, scale in 0.01f64..100.0) {
        let (y, p, w) = unzip(&rows);
        let all_rows = all(&y, &p, Some(&w), 0.4).unwrap();
        let mut mixed = rows.clone();
        Seed(seed).stream("mix", 0).shuffle(&mut mixed);
        mixed.push((1, 0.3, 0.0)); // a weight of 0 is no row
        let (y, p, w) = unzip(&mixed);
        prop_assert!(same(&all_rows, &all(&y, &p, Some(&w), 0.4).unwrap()));
        let w: Vec<f64> = w.iter().map(|w| w * scale).collect();
        prop_assert!(same(&all_rows, &all(&y, &p, Some(&w), 0.4).unwrap()));
        let ones = vec![1.0; y.len()];
        prop_assert!(same(&all(&y, &p, None, 0.4).unwrap(), &all(&y, &p, Some(&ones), 0.4).unwrap()));
    }

    #[test]
    fn a_weight_of_two_is_a_row_twice_for_every_value(rows in rows()) {
        let (y, p, _) = unzip(&rows);
        let w: Vec<f64> = (0..y.len()).map(|i| if i % 3 == 0 { 2.0 } else { 1.0 }).collect();
        let twice: Vec<usize> = (0..y.len()).flat_map(|i| vec![i; w[i] as usize]).collect();
        let y2: Vec<u8> = twice.iter().map(|&i| y[i]).collect();
        let p2: Vec<f64> = twice.iter().map(|&i| p[i]).collect();
        for metric in Metric::ALL {
            let (a, b) = (metric.value(&y, &p, Some(&w), 0.4).unwrap(), metric.value(&y2, &p2, None, 0.4).unwrap());
            prop_assert!(close(a, b, 1e-12, 1e-12), "{metric}: {a} and {b}");
        }
    }

    #[test]
    fn intervals_hold_the_value_and_stay_in_range(rows in rows(), threshold in -0.1f64..1.1) {
        let (y, p, w) = unzip(&rows);
        for w in [None, Some(&w[..])] {
            for (metric, e) in all(&y, &p, w, threshold).unwrap() {
                let (bottom, top) = metric.range();
                prop_assert!(e.value >= bottom && e.value <= top, "{metric} {e:?}");
                prop_assert_eq!(e.low.is_some(), e.high.is_some());
                if let (Some(low), Some(high)) = (e.low, e.high) {
                    prop_assert!(bottom <= low && low <= e.value && e.value <= high && high <= top, "{metric} {e:?}");
                }
            }
        }
    }

    #[test]
    fn ranking_ignores_a_monotone_change_of_scores(rows in rows()) {
        let (y, p, w) = unzip(&rows);
        let moved: Vec<f64> = p.iter().map(|p| 3.0 * p - 7.0).collect();
        let flipped: Vec<f64> = p.iter().map(|p| -p).collect();
        let auc = |p: &[f64]| Metric::RocAuc.value(&y, p, Some(&w), 0.5).unwrap();
        prop_assert!(close(auc(&p), auc(&moved), 1e-12, 0.0));
        prop_assert!(close(auc(&p), 1.0 - auc(&flipped), 1e-12, 1e-12));
        let ap = |p: &[f64]| Metric::AveragePrecision.value(&y, p, Some(&w), 0.5).unwrap();
        prop_assert!(close(ap(&p), ap(&moved), 1e-12, 0.0));
    }

    #[test]
    fn the_interval_of_roc_auc_is_delongs(rows in rows()) {
        let (y, p, _) = unzip(&rows);
        let positives = y.iter().filter(|&&l| l == 1).count();
        prop_assume!(positives > 1 && y.len() - positives > 1);
        let (area, variance) = delong(&y, &p);
        prop_assume!(area > 0.0 && area < 1.0);
        let e = Metric::RocAuc.estimate(&y, &p, None, 0.5).unwrap();
        prop_assert!(close(e.value, area, 1e-12, 1e-12));
        let half = 1.959_963_984_540_054 * variance.sqrt();
        prop_assert!(close(e.low.unwrap(), (area - half).max(0.0), 1e-9, 1e-9));
        prop_assert!(close(e.high.unwrap(), (area + half).min(1.0), 1e-9, 1e-9));
    }

    #[test]
    fn no_other_threshold_has_a_higher_f_beta(rows in rows(), beta in 0.3f64..3.0) {
        let (y, p, w) = unzip(&rows);
        let metric = Metric::FBeta(beta);
        let threshold = best_threshold(&y, &p, Some(&w), beta).unwrap();
        let best = metric.value(&y, &p, Some(&w), threshold).unwrap();
        for &other in &p {
            let f = metric.value(&y, &p, Some(&w), other).unwrap();
            prop_assert!(f <= best + 1e-12);
            prop_assert!(f < best - 1e-12 || other <= threshold || p.iter().all(|&q| (q >= other) == (q >= threshold)) || (f - best).abs() < 1e-12);
        }
        prop_assert!(p.iter().all(|&q| q != threshold) || threshold == 0.0);
    }
}

/// The gradients of the delta method, checked against differences: the interval's variance is read back from n.
#[test]
fn the_delta_method_agrees_with_finite_differences() {
    for (tn, fp, fn_, tp) in [(151.0, 6.0, 24.0, 19.0), (67.0, 67.0, 3.0, 40.0), (10.0, 30.0, 20.0, 5.0)] {
        let table = |cells: [f64; 4]| {
            let mut c = Confusion::default();
            for (i, n) in cells.into_iter().enumerate() {
                c.add(i >= 2, i % 2 == 1, n);
            }
            c
        };
        let counts = [tn, fp, fn_, tp];
        // One row at a time, so that squares are counts.
        let mut rows = Confusion::default();
        for (i, n) in counts.into_iter().enumerate() {
            (0..n as usize).for_each(|_| rows.add(i >= 2, i % 2 == 1, 1.0));
        }
        for metric in [Metric::Mcc, Metric::CohenKappa, Metric::FBeta(0.5), Metric::FBeta(1.0), Metric::FBeta(2.0)] {
            let mut variance = 0.0;
            for i in 0..4 {
                let h = 1e-4;
                let (mut up, mut down) = (counts, counts);
                up[i] += h;
                down[i] -= h;
                let slope = (table(up).value(metric).unwrap() - table(down).value(metric).unwrap()) / (2.0 * h);
                variance += slope * slope * counts[i];
            }
            let e = rows.estimate(metric).unwrap();
            let want = interval::wilson_form(e.value, variance, metric.range(), 0.0).unwrap();
            assert!(
                close(e.low.unwrap(), want.0, 1e-6, 1e-8) && close(e.high.unwrap(), want.1, 1e-6, 1e-8),
                "{metric}"
            );
        }
    }
}

#[test]
fn golden_intervals() {
    // SciPy 1.17.1, binomtest(k, n).proportion_ci(method="wilson").
    for (k, n, low, high) in [
        (19, 43, 0.304_333_098_391_705_1, 0.588_923_855_471_759),
        (170, 200, 0.793_944_207_158_333_4, 0.892_864_064_377_58),
        (0, 12, 0.0, 0.242_494_006_655_240_85),
        (12, 12, 0.757_505_993_344_759_2, 1.0),
    ] {
        let p: Vec<f64> = (0..n).map(|i| if i < k { 0.9 } else { 0.1 }).collect();
        let recall = Metric::Recall.estimate(&vec![1; n], &p, None, 0.5).unwrap();
        assert!(close(recall.low.unwrap(), low, 1e-12, 1e-15), "{recall:?}");
        assert!(close(recall.high.unwrap(), high, 1e-12, 1e-15), "{recall:?}");
    }
}

/// Scores and labels of a world in which the score is the true probability, `shift` moving it on the log-odds.
fn world(rng: &mut crate::rng::Rng, n: usize, shift: f64) -> (Vec<u8>, Vec<f64>) {
    (0..n)
        .map(|_| {
            let z = 1.5 * rng.normal() - 1.5;
            (u8::from(rng.uniform() < crate::num::float::sigmoid(z + shift)), crate::num::float::sigmoid(z))
        })
        .unzip()
}

#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let (y, p) = world(&mut Seed(11).stream("truth", 0), 400_000, 0.0);
    let truth = all(&y, &p, None, 0.35).unwrap();
    let replicates = 400;
    let mut covered = vec![0usize; truth.len()];
    for replicate in 0..replicates {
        let (y, p) = world(&mut Seed(12).stream("replicate", replicate), 150, 0.0);
        for (count, ((_, e), (_, truth))) in covered.iter_mut().zip(all(&y, &p, None, 0.35).unwrap().iter().zip(&truth))
        {
            *count += usize::from(e.low.unwrap() <= truth.value && truth.value <= e.high.unwrap());
        }
    }
    for (count, (metric, _)) in covered.into_iter().zip(&truth) {
        let rate = count as f64 / replicates as f64;
        println!("{metric}: {rate}");
        // 95 % ± three standard errors of the simulation, and 2 % for what 150 rows cost.
        assert!((0.90..=0.99).contains(&rate), "{metric} covers {rate}");
    }
}

#[test]
fn the_ends_of_the_range_have_honest_intervals() {
    let y = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1];
    let p = [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.7, 0.8, 0.9, 0.9];
    for (metric, e) in all(&y, &p, None, 0.5).unwrap() {
        if metric.needs_threshold() || metric == Metric::RocAuc {
            assert!(e.value == 1.0 && e.high == Some(1.0), "{metric} {e:?}");
            assert!((0.1..0.95).contains(&e.low.unwrap()), "{metric} {e:?}");
        }
    }
    let wrong: Vec<f64> = p.iter().map(|p| 1.0 - p).collect();
    for (metric, e) in all(&y, &wrong, None, 0.5).unwrap() {
        if metric == Metric::Mcc || metric == Metric::RocAuc || metric == Metric::Recall {
            assert!(e.value == metric.range().0 && e.low == Some(e.value), "{metric} {e:?}");
            assert!(e.high.unwrap() > e.value + 0.05, "{metric} {e:?}");
        }
    }
}

#[test]
fn undefined_values_are_those_the_docs_name() {
    // No positive row.
    let (y, p) = ([0, 0, 0, 0], [0.1, 0.2, 0.6, 0.3]);
    assert_eq!(Metric::RocAuc.value(&y, &p, None, 0.5).unwrap_err().kind(), ErrorKind::InvalidData);
    let all_rows = all(&y, &p, None, 0.5).unwrap();
    assert_eq!(all_rows.len(), Metric::ALL.len() - 1);
    let of = |name: &str| all_rows.iter().find(|(m, _)| m.name() == name).unwrap().1;
    for name in ["average_precision", "recall", "mcc", "cohen_kappa"] {
        assert_eq!(of(name), Estimate { value: 0.0, low: None, high: None }, "{name}");
    }
    assert_eq!((of("precision").value, of("f1").value), (0.0, 0.0));
    assert_eq!((of("balanced_accuracy").value, of("specificity").value), (0.75, 0.75));
    // No row predicted positive.
    let all_rows = all(&[0, 1, 0, 1], &p, None, 0.9).unwrap();
    let of = |name: &str| all_rows.iter().find(|(m, _)| m.name() == name).unwrap().1;
    assert_eq!(of("precision"), Estimate { value: 0.0, low: None, high: None });
    assert_eq!((of("f1").value, of("mcc").value, of("cohen_kappa").value), (0.0, 0.0, 0.0));
    // One row, and one row of a class.
    assert!(all(&[1], &[0.4], None, 0.5).unwrap().iter().all(|(_, e)| e.value.is_finite()));
    let e = Metric::RocAuc.estimate(&[1, 0, 0, 0], &[0.3, 0.1, 0.2, 0.4], None, 0.5).unwrap();
    assert_eq!((e.low, e.high), (None, None));
    // Scores that are all equal rank nothing, for certain.
    let e = Metric::RocAuc.estimate(&[1, 0, 1, 0], &[0.3; 4], None, 0.5).unwrap();
    assert_eq!((e.value, e.low, e.high), (0.5, Some(0.5), Some(0.5)));
    // −0 and 0 are one score.
    assert_eq!(Metric::RocAuc.value(&[1, 0], &[-0.0, 0.0], None, 0.5).unwrap(), 0.5);
}

#[test]
fn bad_input_is_a_clear_error() {
    let (y, p) = ([0u8, 1, 1], [0.1, 0.5, 0.7]);
    let kind = |y: &[u8], p: &[f64], w: Option<&[f64]>| all(y, p, w, 0.5).unwrap_err();
    for (e, text) in [
        (kind(&[], &[], None), "no rows"),
        (kind(&y, &p[..2], None), "3 labels, 2 scores"),
        (kind(&y, &p, Some(&[1.0])), "1 weights"),
        (kind(&[0, 1, 2], &p, None), "row 2"),
        (kind(&y, &[0.1, f64::NAN, 0.2], None), "row 1: got score NaN"),
        (kind(&y, &[0.1, 0.2, f64::INFINITY], None), "row 2"),
        (kind(&y, &[0.1, 0.2, 1.5], None), "score 1.5"),
        (kind(&y, &p, Some(&[1.0, -1.0, 1.0])), "weight -1"),
        (kind(&y, &p, Some(&[1.0, f64::NAN, 1.0])), "weight NaN"),
        (kind(&y, &p, Some(&[0.0; 3])), "all 0"),
    ] {
        assert_eq!(e.kind(), ErrorKind::InvalidData);
        assert!(e.to_string().contains(text), "{e}");
    }
    for e in [
        all(&y, &p, None, f64::NAN).unwrap_err(),
        best_threshold(&y, &p, None, 0.0).unwrap_err(),
        Metric::FBeta(f64::NAN).value(&y, &p, None, 0.5).unwrap_err(),
        Metric::parse("auc").unwrap_err(),
        Metric::parse("f").unwrap_err(),
        Metric::parse("f0").unwrap_err(),
        Metric::parse("f1e2").unwrap_err(),
        Metric::parse("finf").unwrap_err(),
        Scores::new(&y, &p, None).unwrap().calibration_error(0).unwrap_err(),
    ] {
        assert_eq!(e.kind(), ErrorKind::InvalidParam, "{e}");
    }
    assert!(Metric::parse("auc").unwrap_err().to_string().contains("roc_auc, average_precision"));
    assert_eq!(best_threshold(&[0, 0], &[0.1, 0.2], None, 1.0).unwrap_err().kind(), ErrorKind::InvalidData);
    // Extreme weights stay finite.
    let e = all(&[0, 1, 0, 1], &[0.1, 0.8, 0.6, 0.4], Some(&[1e100, 1e100, 1e-300, 1e90]), 0.5).unwrap();
    assert!(e.iter().all(|(_, e)| e.value.is_finite() && e.low.is_none_or(f64::is_finite)), "{e:?}");
}

#[test]
fn names_and_serde_go_round() {
    for metric in Metric::ALL.into_iter().chain([Metric::FBeta(1.5), Metric::FBeta(3.0)]) {
        assert_eq!(Metric::parse(&metric.name()).unwrap(), metric);
        let json = serde_json::to_string(&metric).unwrap();
        assert_eq!(json, format!("\"{metric}\""));
        assert_eq!(serde_json::from_str::<Metric>(&json).unwrap(), metric);
    }
    assert!(serde_json::from_str::<Metric>("\"gini\"").is_err());
    assert_eq!(Metric::FBeta(0.5).name(), "f0_5");
}

#[test]
fn thresholds_lie_between_scores_and_ties_go_up() {
    // Two thresholds give F1 = 2/3: flagging the first two, or all four; the higher one wins.
    let y = [1, 0, 0, 1];
    let p = [0.9, 0.7, 0.5, 0.3];
    assert_eq!(
        Metric::FBeta(1.0).value(&y, &p, None, 0.8).unwrap(),
        Metric::FBeta(1.0).value(&y, &p, None, 0.3).unwrap()
    );
    assert_eq!(best_threshold(&y, &p, None, 1.0).unwrap(), 0.8);
    // Everything flagged: halfway to 0; neighbouring floats: the score itself.
    assert_eq!(best_threshold(&[1, 1], &[0.4, 0.2], None, 2.0).unwrap(), 0.1);
    let next = f64::from_bits(0.5f64.to_bits() + 1);
    assert_eq!(best_threshold(&[0, 1], &[0.5, next], None, 2.0).unwrap(), next);
}

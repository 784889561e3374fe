use super::*;
use crate::ErrorKind;
use crate::testing::{all_close, close, number, numbers, shared};
use proptest::prelude::*;

#[test]
fn both_are_those_of_scikit_learn() {
    let Some(file) = shared("reference/calibration.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let y: Vec<u8> = numbers(&case["y"]).into_iter().map(|v| v as u8).collect();
        let (p, z) = (numbers(&case["p"]), numbers(&case["s"]));
        let w = if case["w"].is_null() { None } else { Some(numbers(&case["w"])) };

        let want = &case["expected"]["isotonic"];
        let fitted = Calibrator::fit_isotonic(&p, &y, w.as_deref()).unwrap();
        fitted.check().unwrap();
        let Calibrator::Isotonic { x, y: levels } = &fitted else { panic!("{fitted:?}") };
        assert!(all_close(x, &numbers(&want["x_thresholds"]), 1e-10, 1e-12));
        assert!(all_close(levels, &numbers(&want["y_thresholds"]), 1e-10, 1e-12));
        let predict = |p: &[f64]| -> Vec<f64> { p.iter().map(|&p| fitted.apply(f64::NAN, p)).collect() };
        assert!(all_close(&predict(&numbers(&want["query"])), &numbers(&want["predict_query"]), 1e-10, 1e-12));
        assert!(all_close(&predict(&p), &numbers(&want["predict_train"]), 1e-10, 1e-12));

        let want = &case["expected"]["platt"];
        let fitted = Calibrator::fit_sigmoid(&z, &y, w.as_deref()).unwrap();
        fitted.check().unwrap();
        let Calibrator::Sigmoid { a, b } = fitted else { panic!("{fitted:?}") };
        assert!(close(a, number(&want["a"]), 1e-5, 1e-5), "{a} {}", want["a"]);
        assert!(close(b, number(&want["b"]), 1e-5, 1e-5), "{b} {}", want["b"]);
        let predicted: Vec<f64> = numbers(&want["query"]).iter().map(|&z| fitted.apply(z, f64::NAN)).collect();
        assert!(all_close(&predicted, &numbers(&want["predict_query"]), 1e-5, 1e-7));
    }
}

/// Rows whose true log-odds are `slope·z + shift` of the log-odds `z` shown, bent by `bend·z²`.
fn rows(n: usize, slope: f64, shift: f64, bend: f64) -> (Vec<f64>, Vec<f64>, Vec<u8>) {
    let mut rng = Seed(5).stream("rows", 0);
    let z: Vec<f64> = (0..n).map(|_| 1.5 * rng.normal() - 1.0).collect();
    let y = z.iter().map(|z| u8::from(rng.uniform() < float::sigmoid(slope * z + shift + bend * z * z))).collect();
    (z.clone(), z.iter().map(|&z| float::sigmoid(z)).collect(), y)
}

#[test]
fn what_is_off_is_calibrated_and_nothing_else_changes() {
    let choose = |n, slope, shift, bend| {
        let (z, p, y) = rows(n, slope, shift, bend);
        Calibrator::choose(&z, &p, &y, None, Seed(0)).unwrap()
    };
    // Scores that mean what they say are left so, or as good as so; a step function would have to show more.
    if let Some(calibrator) = choose(20_000, 1.0, 0.0, 0.0) {
        let Calibrator::Sigmoid { a, b } = calibrator else { panic!("{calibrator:?}") };
        assert!((a + 1.0).abs() < 0.06 && b.abs() < 0.06, "{a} {b}");
    }
    let Some(Calibrator::Sigmoid { a, b }) = choose(3000, 0.5, 0.4, 0.0) else { panic!() };
    assert!((a + 0.5).abs() < 0.1 && (b + 0.4).abs() < 0.15, "{a} {b}");
    // A bend is beyond a sigmoid; with few positives it has to do.
    assert_eq!(choose(20_000, 0.8, -1.0, 0.4).unwrap().name(), "isotonic");
    assert!(choose(800, 0.8, -1.0, 0.4).is_none_or(|c| c.name() == "sigmoid"));
    // Rows of weight 0 are absent, whatever they hold.
    let (mut z, mut p, mut y) = rows(600, 0.5, 0.4, 0.0);
    let chosen = Calibrator::choose(&z, &p, &y, None, Seed(0)).unwrap();
    assert!(chosen.is_some());
    let mut w = vec![1.0; 600];
    for i in 0..400 {
        z.push(9.0);
        p.push(0.999);
        y.push(u8::from(i % 2 == 0));
        w.push(0.0);
    }
    assert_eq!(Calibrator::choose(&z, &p, &y, Some(&w), Seed(0)).unwrap(), chosen);
    // Nothing to choose on.
    assert_eq!(Calibrator::choose(&[0.0, 0.0], &[0.5, 0.5], &[0, 1], None, Seed(0)).unwrap(), None);
    assert_eq!(Calibrator::choose(&[], &[], &[], None, Seed(0)).unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calibrators_ascend_within_the_unit_interval(
        rows in prop::collection::vec((0u8..2, -40f64..40.0, 0.0f64..3.0), 4..60),
        at in prop::collection::vec(-50f64..50.0, 2..40),
    ) {
        let y: Vec<u8> = rows.iter().map(|r| r.0).collect();
        // Rounded, so that scores tie.
        let z: Vec<f64> = rows.iter().map(|r| (r.1 * 0.25).round()).collect();
        let p: Vec<f64> = z.iter().map(|&z| float::sigmoid(z)).collect();
        let w: Vec<f64> = rows.iter().map(|r| if r.2 < 0.3 { 0.0 } else { r.2 }).collect();
        let mut at: Vec<f64> = at.into_iter().chain([f64::NEG_INFINITY, f64::INFINITY]).chain(z.iter().copied()).collect();
        at.sort_by(f64::total_cmp);
        for w in [None, Some(&w[..])] {
            let both = [Calibrator::fit_sigmoid(&z, &y, w), Calibrator::fit_isotonic(&p, &y, w)];
            let classes = |class: u8| y.iter().enumerate().any(|(i, &l)| l == class && w.is_none_or(|w| w[i] > 0.0));
            for fitted in both {
                let Ok(fitted) = fitted else {
                    prop_assert!(!classes(0) || !classes(1));
                    continue;
                };
                fitted.check().unwrap();
                let got: Vec<f64> = at.iter().map(|&z| fitted.apply(z, float::sigmoid(z))).collect();
                prop_assert!(got.iter().all(|p| (0.0..=1.0).contains(p)));
                prop_assert!(got.windows(2).all(|g| g[0] <= g[1]), "{fitted:?} {got:?}");
                let back: Calibrator = serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
                prop_assert_eq!(back, fitted);
            }
        }
    }

    #[test]
    fn the_isotonic_mean_is_the_observed_rate(rows in prop::collection::vec((0u8..2, 0u8..10, 0.1f64..3.0), 6..60)) {
        let y: Vec<u8> = rows.iter().map(|r| r.0).collect();
        prop_assume!(y.contains(&0) && y.contains(&1));
        let p: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 9.0).collect();
        let w: Vec<f64> = rows.iter().map(|r| r.2).collect();
        let fitted = Calibrator::fit_isotonic(&p, &y, Some(&w)).unwrap();
        let sum = |value: &dyn Fn(usize) -> f64| (0..y.len()).map(|i| w[i] * value(i)).sum::<f64>();
        prop_assert!(close(sum(&|i| fitted.apply(f64::NAN, p[i])), sum(&|i| f64::from(y[i])), 1e-10, 1e-10));
    }
}

#[test]
fn the_order_is_never_turned_over() {
    let fitted = Calibrator::fit_sigmoid(&[3.0, 2.0, -2.0, -3.0], &[0, 0, 1, 1], None).unwrap();
    let Calibrator::Sigmoid { a, b } = fitted else { panic!() };
    assert_eq!((a, b), (0.0, 0.0));
    assert_eq!(fitted.apply(f64::INFINITY, 1.0), 0.5);
    // Scores that are all equal give the rate, drawn towards one half by the smoothed targets.
    let fitted = Calibrator::fit_sigmoid(&[1.0; 8], &[0, 0, 0, 0, 0, 0, 1, 1], None).unwrap();
    assert!((fitted.apply(1.0, 0.7) - (6.0 / 8.0 + 2.0 * 3.0 / 4.0) / 8.0).abs() < 1e-6, "{fitted:?}");
}

#[test]
fn separated_and_infinite_scores_are_fitted() {
    let z = [f64::NEG_INFINITY, -1e300, -1.0, 1.0, 1e300, f64::INFINITY];
    let fitted = Calibrator::fit_sigmoid(&z, &[0, 0, 0, 1, 1, 1], None).unwrap();
    fitted.check().unwrap();
    assert!(fitted.apply(f64::NEG_INFINITY, 0.0) == 0.0 && fitted.apply(f64::INFINITY, 1.0) == 1.0);
    assert!(fitted.apply(f64::NAN, f64::NAN).is_nan());
}

#[test]
fn bad_rows_and_bad_files_are_errors() {
    for e in [
        Calibrator::fit_sigmoid(&[0.0, f64::NAN], &[0, 1], None).unwrap_err(),
        Calibrator::fit_sigmoid(&[0.0], &[0, 1], None).unwrap_err(),
        Calibrator::fit_isotonic(&[0.1, 0.2], &[1, 1], None).unwrap_err(),
        Calibrator::fit_isotonic(&[0.1, 0.2], &[0, 1], Some(&[1.0, 0.0])).unwrap_err(),
        Calibrator::fit_isotonic(&[], &[], None).unwrap_err(),
        Calibrator::choose(&[0.0; 3], &[0.5; 4], &[0, 0, 1, 1], None, Seed(0)).unwrap_err(),
        Calibrator::choose(&[0.0; 4], &[0.5; 4], &[0, 0, 1, 1], Some(&[1.0]), Seed(0)).unwrap_err(),
    ] {
        assert_eq!(e.kind(), ErrorKind::InvalidData, "{e}");
    }
    for bad in [
        r#"{"type":"sigmoid","a":1.0,"b":0.0}"#,
        r#"{"type":"isotonic","x":[],"y":[]}"#,
        r#"{"type":"isotonic","x":[0.1,0.2],"y":[0.1]}"#,
        r#"{"type":"isotonic","x":[0.2,0.1],"y":[0.1,0.2]}"#,
        r#"{"type":"isotonic","x":[0.1,0.2],"y":[0.2,1.1]}"#,
    ] {
        let read: Calibrator = serde_json::from_str(bad).unwrap();
        assert_eq!(read.check().unwrap_err().kind(), ErrorKind::Artifact, "{bad}");
        // Even unchecked it does not panic.
        let _ = read.apply(0.3, 0.15);
    }
    assert!(serde_json::from_str::<Calibrator>(r#"{"type":"beta","a":1.0}"#).is_err());
}

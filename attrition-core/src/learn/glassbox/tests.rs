//! What the additive model promises.

#![allow(clippy::disallowed_methods, reason = "truths of the tests, no result that must be the same to the last bit")]

use super::*;
use crate::learn::{Fitted, Learner, LogisticParams, Penalty};
use crate::num::float;
use crate::num::spline::{BSpline, Extrapolation};
use crate::preprocess::{Block, Design, DesignColumn};
use crate::{ErrorKind, Run, Seed};
use proptest::prelude::*;

fn design(columns: Vec<(&str, DesignColumn)>) -> Design {
    let n_rows = columns.first().map_or(0, |c| c.1.n_rows());
    let (names, columns) = columns.into_iter().map(|(n, c)| (n.to_owned(), c)).unzip();
    Design { n_rows, columns, names }
}

fn fit(p: &GlassboxParams, x: &Design, y: &[u8], w: Option<&[f64]>) -> Glassbox {
    let fitted = p.fit_design(x, y, w, &Run::new()).unwrap();
    Fitted::Glassbox(fitted.clone()).check(x.n_features()).unwrap();
    fitted
}

fn curve(term: &Term) -> &Curve {
    match &term.shape {
        Shape::Curve(curve) => curve,
        Shape::Steps(_) | Shape::Levels(_) => panic!("no curve"),
    }
}

fn draw(seed: u64, n: usize, z: impl Fn(usize) -> f64) -> Vec<u8> {
    let mut rng = Seed(seed).stream("labels", 0);
    (0..n).map(|i| u8::from(rng.uniform() < float::sigmoid(z(i)))).collect()
}

/// A bend, a step, a whole number of few values, a category, noise; some gaps and levels that are rare.
fn example(n: usize, seed: u64) -> (Design, Vec<u8>, Vec<f64>) {
    let mut rng = Seed(seed).stream("example", 0);
    let bend: Vec<f64> = (0..n).map(|_| 4.0 * rng.uniform() - 2.0).collect();
    let gaps: Vec<f64> = (0..n).map(|_| if rng.below(5) == 0 { f64::NAN } else { rng.normal() }).collect();
    let few: Vec<f64> = (0..n).map(|_| 1.0 + rng.below(4) as f64).collect();
    let codes: Vec<u32> = (0..n).map(|_| if rng.below(9) == 0 { u32::MAX } else { rng.below(5) as u32 }).collect();
    let noise: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let y = draw(seed, n, |i| {
        let gap = if gaps[i].is_nan() { 0.9 } else { f64::from(u8::from(gaps[i] > 0.3)) };
        1.1 * bend[i] * bend[i] - 2.5
            + gap
            + [0.0, 1.0, 0.2, -0.5][few[i] as usize - 1]
            + [0.0, 0.8, -0.8, 0.3, 0.0, 0.0][(codes[i] as usize).min(5)]
    });
    let w: Vec<f64> = (0..n).map(|_| rng.below(3) as f64).collect();
    let x = design(vec![
        ("bend", DesignColumn::Dense(bend)),
        ("gaps", DesignColumn::Dense(gaps)),
        ("few", DesignColumn::Dense(few)),
        ("level", DesignColumn::Levels { codes, n_levels: 5 }),
        ("noise", DesignColumn::Dense(noise)),
    ]);
    (x, y, w)
}

fn scores(fitted: &Glassbox, x: &Design) -> Vec<f64> {
    let mut block = Block::default();
    x.block(0..x.n_rows, &mut block);
    let mut out = vec![0.0; x.n_rows];
    fitted.predict_block(&block, &mut out).unwrap();
    out
}

/// The solution of `a·x = b` by elimination with pivots.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for c in 0..n {
        let p = (c..n).max_by(|&i, &j| a[i][c].abs().total_cmp(&a[j][c].abs())).unwrap();
        a.swap(c, p);
        b.swap(c, p);
        for r in 0..n {
            if r != c {
                let f = a[r][c] / a[c][c];
                let pivot = a[c].clone();
                a[r].iter_mut().zip(&pivot).for_each(|(v, p)| *v -= f * p);
                b[r] -= f * b[c];
            }
        }
    }
    (0..n).map(|i| b[i] / a[i][i]).collect()
}

#[test]
fn the_spline_is_that_of_a_dense_solve_with_the_penalties_written_out() {
    let n = 900;
    let mut rng = Seed(5).stream("x", 0);
    // Fewer different values than bins, so that binning is exact; unevenly spread.
    let x: Vec<f64> = (0..n).map(|_| (rng.below(40) as f64 / 8.0 + 2.0).powi(2)).collect();
    let y = draw(6, n, |i| (x[i] * 0.2).sin() * 1.5 - 0.5);
    for smoothness in [None, Some(0.05), Some(20.0)] {
        let mut p = GlassboxParams::default().n_knots(9);
        if let Some(s) = smoothness {
            p = p.smoothness(s);
        }
        let fitted = fit(&p, &design(vec![("x", DesignColumn::Dense(x.clone()))]), &y, None);
        let lambda = fitted.terms[0].smoothness;
        assert!(smoothness.is_none_or(|s| s == lambda) && fitted.converged);
        // The knots are every fourth point of the table.
        let knots: Vec<f64> = curve(&fitted.terms[0]).at.iter().step_by(4).copied().collect();
        let (low, high) = (knots[0], knots[knots.len() - 1]);
        let unit: Vec<f64> = knots.iter().map(|k| (k - low) / (high - low)).collect();
        let spline = BSpline::new(unit.clone(), 3, Extrapolation::Constant).unwrap();
        let k = spline.n_basis();
        let basis = |x: f64| {
            let mut out = vec![0.0; k];
            spline.basis((x - low) / (high - low), &mut out);
            out
        };
        let rows: Vec<Vec<f64>> = x.iter().map(|&x| basis(x)).collect();
        let mean: Vec<f64> = (0..k).map(|c| rows.iter().map(|r| r[c]).sum::<f64>() / n as f64).collect();
        let deviation: Vec<f64> =
            (0..k).map(|c| (rows.iter().map(|r| (r[c] - mean[c]).powi(2)).sum::<f64>() / n as f64).sqrt()).collect();
        let middling = deviation.iter().map(|d| d * d).sum::<f64>() / deviation.iter().sum::<f64>();
        // The penalty: ridge, and the curvature by a fine midpoint rule on second differences of the basis.
        let mut penalty = vec![vec![0.0; k + 1]; k + 1];
        for c in 0..k {
            penalty[c + 1][c + 1] = fitted.ridge * deviation[c] * middling;
        }
        let step: f64 = 1e-4;
        for pair in unit.windows(2) {
            assert!(pair[1] - pair[0] > 0.01);
            let pieces = 60;
            let h = (pair[1] - pair[0]) / f64::from(pieces);
            for i in 0..pieces {
                let u = pair[0] + (f64::from(i) + 0.5) * h;
                let at = |u: f64| {
                    let mut out = vec![0.0; k];
                    spline.derivative(u, &mut out);
                    out
                };
                let step = step.min(h / 4.0);
                let bend: Vec<f64> =
                    at(u + step).iter().zip(at(u - step)).map(|(a, b)| (a - b) / (2.0 * step)).collect();
                for a in 0..k {
                    for b in 0..k {
                        penalty[a + 1][b + 1] += lambda * bend[a] * bend[b] * h;
                    }
                }
            }
        }
        let mut beta = vec![0.0; k + 1];
        for _ in 0..40 {
            let (mut g, mut h) = (vec![0.0; k + 1], penalty.clone());
            for (row, &y) in rows.iter().zip(&y) {
                // Centred, as the penalty on the ridge is not free of the constant otherwise.
                let row: Vec<f64> = std::iter::once(1.0).chain(row.iter().zip(&mean).map(|(r, m)| r - m)).collect();
                let p = float::sigmoid(row.iter().zip(&beta).map(|(r, b)| r * b).sum());
                for a in 0..=k {
                    g[a] += (p - f64::from(y)) * row[a];
                    for b in 0..=k {
                        h[a][b] += p * (1.0 - p) * row[a] * row[b];
                    }
                }
            }
            for a in 0..=k {
                g[a] += penalty[a].iter().zip(&beta).map(|(p, b)| p * b).sum::<f64>();
            }
            for (b, s) in beta.iter_mut().zip(solve(h, g)) {
                *b -= s;
            }
        }
        for &at in &curve(&fitted.terms[0]).at {
            let want: f64 =
                beta[0] + basis(at).iter().zip(&mean).zip(&beta[1..]).map(|((r, m), b)| (r - m) * b).sum::<f64>();
            let got = fitted.intercept + fitted.terms[0].effect(at);
            assert!((got - want).abs() < 2e-4 * (1.0 + want.abs()), "{smoothness:?} {at}: {got} {want}");
        }
    }
}

#[test]
fn a_spline_that_may_not_bend_is_a_straight_line() {
    let n = 4000;
    let mut rng = Seed(8).stream("x", 0);
    let x: Vec<f64> = (0..n).map(|_| rng.normal() * 3.0 + 10.0).collect();
    let y = draw(9, n, |i| 0.7 * (x[i] - 10.0));
    let x = design(vec![("x", DesignColumn::Dense(x))]);
    let fitted = fit(&GlassboxParams::default().smoothness(1e12), &x, &y, None);
    let c = curve(&fitted.terms[0]);
    let slopes: Vec<f64> =
        c.at.windows(2).zip(c.effect.windows(2)).map(|(a, e)| (e[1] - e[0]) / (a[1] - a[0])).collect();
    let plain = LogisticParams { penalty: Penalty::None, ..LogisticParams::default() };
    let plain = plain.fit_design(&x, &y, None, &Run::new()).unwrap().coef[0];
    assert!(slopes.iter().all(|s| (s - slopes[0]).abs() < 1e-5), "{slopes:?}");
    assert!((slopes[0] / plain - 1.0).abs() < 0.02, "{} {plain}", slopes[0]);
    // And without a cost it bends.
    let free = fit(&GlassboxParams::default().smoothness(0.0), &x, &y, None);
    assert!(free.terms[0].edf > 5.0 && fitted.terms[0].edf < 1.1);
}

#[test]
fn columns_of_noise_are_left_out_and_those_of_signal_stay() {
    let n = 1500;
    let mut rng = Seed(21).stream("x", 0);
    let columns: Vec<Vec<f64>> = (0..12).map(|_| (0..n).map(|_| rng.normal()).collect()).collect();
    let y = draw(22, n, |i| 1.2 * columns[0][i] - 1.0 + 0.9 * (columns[1][i] * 1.5).sin());
    let x = design(columns.into_iter().map(|c| ("x", DesignColumn::Dense(c))).collect());
    let fitted = fit(&GlassboxParams::default(), &x, &y, None);
    assert!(fitted.terms[..2].iter().all(|t| t.edf > 0.9));
    let gone = fitted.terms[2..].iter().filter(|t| t.edf == 0.0 && curve(t).at.is_empty()).count();
    assert!(gone >= 5, "{gone} of 10 left out");
    for (j, term) in fitted.terms[2..].iter().enumerate() {
        let largest = curve(term).effect.iter().fold(0.0_f64, |m, e| m.max(e.abs()));
        assert!(largest < 0.6, "{j} {largest}");
    }
}

#[test]
fn terms_are_zero_on_average_and_intervals_hold_the_truth() {
    let n = 6000;
    let (x, y, _) = example(n, 31);
    let fitted = fit(&GlassboxParams::default().fit(GlassboxFit::Spline), &x, &y, None);
    let mut block = Block::default();
    x.block(0..n, &mut block);
    for (j, term) in fitted.terms.iter().enumerate() {
        let mean = block.column(j).iter().map(|&v| term.effect(v)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 1e-12, "{j} {mean}");
    }
    // The truth of `bend` up to a constant, over the inner part of its range.
    let term = &fitted.terms[0];
    let points: Vec<f64> = (-18..=18).map(|i| f64::from(i) / 10.0).collect();
    let mean = block.column(0).iter().map(|v| 1.1 * v * v).sum::<f64>() / n as f64;
    let held =
        points.iter().filter(|&&v| (term.effect(v) - (1.1 * v * v - mean)).abs() <= 1.96 * term.std_err(v)).count();
    assert!(held >= 32, "{held} of 37");
    assert!(points.iter().all(|&v| term.std_err(v) > 0.01 && term.std_err(v) < 0.3));
    // Levels and gaps.
    let level = &fitted.terms[3];
    assert!((level.effect(1.0) - level.effect(2.0) - 1.6).abs() < 0.35);
    assert!((fitted.terms[1].effect(f64::NAN) - fitted.terms[1].effect(-1.0) - 0.9).abs() < 0.3);
    assert_eq!(level.effect(17.0).to_bits(), level.effect(5.0).to_bits());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn monotone_terms_are_monotone(seed in 0u64..1000, direction in prop_oneof![Just(-1i8), Just(1)], n in 60usize..400) {
        let (x, y, w) = example(n, seed);
        prop_assume!((0..n).any(|i| y[i] == 0 && w[i] > 0.0) && (0..n).any(|i| y[i] == 1 && w[i] > 0.0));
        let names = ["bend", "gaps", "few", "noise"];
        let p = names.iter().fold(GlassboxParams::default(), |p, name| p.monotone(*name, direction));
        let fitted = fit(&p, &x, &y, Some(&w));
        for (j, term) in fitted.terms.iter().enumerate().filter(|(j, _)| *j != 3) {
            let effect = |i: i32| f64::from(direction) * term.effect(f64::from(i) / 50.0);
            prop_assert!((-300..300).all(|i| effect(i) <= effect(i + 1)), "{j}");
            prop_assert!(curve(term).effect.windows(2).all(|e| f64::from(direction) * (e[1] - e[0]) >= 0.0));
        }
    }
}

#[test]
fn a_bound_that_does_not_bind_changes_nothing_and_one_that_does_is_the_constrained_optimum() {
    let n = 3000;
    let mut rng = Seed(41).stream("x", 0);
    let x: Vec<f64> = (0..n).map(|_| rng.uniform()).collect();
    let y = draw(42, n, |i| 5.0 * x[i] - 2.0);
    let d = design(vec![("x", DesignColumn::Dense(x))]);
    let p = GlassboxParams::default();
    let (free, held) = (fit(&p, &d, &y, None), fit(&p.clone().monotone("x", 1), &d, &y, None));
    assert!(held.converged);
    for i in 0..=20 {
        let at = f64::from(i) / 20.0;
        assert!((free.terms[0].effect(at) - held.terms[0].effect(at)).abs() < 1e-6);
    }
    // Against the data no direction is left but none.
    let against = fit(&p.monotone("x", -1), &d, &y, None);
    assert!(against.converged);
    assert!(curve(&against.terms[0]).effect.iter().all(|e| e.abs() < 1e-6), "{:?}", curve(&against.terms[0]).effect);
}

#[test]
fn directions_of_what_is_not_there_or_has_no_order_are_explained() {
    let (x, y, _) = example(100, 1);
    let message = |name: &str| {
        let p = GlassboxParams::default().monotone(name, 1);
        p.fit_design(&x, &y, None, &Run::new()).unwrap_err().to_string()
    };
    assert!(message("bent").contains("did you mean `bend`?"), "{}", message("bent"));
    assert!(message("level").contains("category"), "{}", message("level"));
    assert!(GlassboxParams::default().monotone("bend", 2).check().is_err());
    let error = Learner::from_name("glassbox", Some(&serde_json::json!({ "smoothness": -1 }))).unwrap_err();
    assert!(error.to_string().contains("\"auto\" or a number >= 0"), "{error}");
}

#[test]
fn weight_two_is_the_row_twice_and_weight_zero_is_the_row_absent() {
    let (x, y, w) = example(700, 4);
    weights_are_repeats(&x, &y, &w);
    // Enough rows for pairs.
    let (x, y) = crossed(1500, 71, 1.0);
    let mut rng = Seed(1).stream("weights", 0);
    let w: Vec<f64> = (0..1500).map(|_| rng.below(3) as f64).collect();
    weights_are_repeats(&x, &y, &w);
    assert!(!fit(&GlassboxParams::default(), &x, &y, Some(&w)).pairs.is_empty());
}

fn weights_are_repeats(x: &Design, y: &[u8], w: &[f64]) {
    let rows: Vec<usize> = (0..x.n_rows).flat_map(|r| std::iter::repeat_n(r, w[r] as usize)).collect();
    let expanded_y: Vec<u8> = rows.iter().map(|&r| y[r]).collect();
    let expanded = crate::learn::tests::take(x, &rows);
    let name = x.names[4].clone();
    for p in [GlassboxParams::default(), GlassboxParams::default().monotone(name, 1).smoothness(0.1)] {
        let (weighted, repeated) = (fit(&p, x, y, Some(w)), fit(&p, &expanded, &expanded_y, None));
        assert_eq!(weighted.pairs.len(), repeated.pairs.len());
        assert_eq!(weighted.n_iter, repeated.n_iter);
        for (a, b) in scores(&weighted, x).iter().zip(scores(&repeated, x)) {
            assert!((a - b).abs() < 1e-8, "{a} {b}");
        }
        for (a, b) in weighted.terms.iter().zip(&repeated.terms) {
            assert!((a.edf - b.edf).abs() < 1e-7);
            for v in [f64::NAN, -1.0, 0.0, 1.0, 2.0, 3.0, 9.0] {
                assert!((a.std_err(v) - b.std_err(v)).abs() < 1e-8);
            }
        }
    }
}

#[test]
fn the_same_bits_for_any_thread_count() {
    let (mut x, y, w) = example(30_000, 3);
    // A copy of the labels' sign makes a pair, so that the search for pairs is looked at as well.
    if let DesignColumn::Dense(noise) = &mut x.columns[4] {
        let mut rng = Seed(9).stream("sign", 0);
        noise.iter_mut().zip(&y).for_each(|(v, y)| *v = f64::from(*y) - 0.5 + rng.normal());
    }
    let spline = GlassboxParams::default().fit(GlassboxFit::Spline);
    for p in [spline.clone(), spline.monotone("bend", 1)] {
        let text = |t: usize| {
            serde_json::to_string(&p.fit_design(&x, &y, Some(&w), &Run::new().n_threads(Some(t))).unwrap()).unwrap()
        };
        let one = text(1);
        assert_eq!(text(2), one);
        assert_eq!(text(8), one);
    }
}

#[test]
fn extreme_columns_fit_and_predict_finite_scores() {
    let n = 300;
    let mut rng = Seed(7).stream("extremes", 0);
    let mut column = |f: &dyn Fn(usize, f64) -> f64| DesignColumn::Dense((0..n).map(|i| f(i, rng.uniform())).collect());
    let x = design(vec![
        ("huge", column(&|_, u| (u - 0.5) * f64::MAX)),
        ("both ends", column(&|i, _| [f64::MAX, -f64::MAX, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0][i % 8])),
        ("outlier", column(&|i, u| if i == 3 { 1e308 } else { u })),
        ("denormal", column(&|_, u| 5e-324 * (u * 100.0).floor())),
        ("constant", column(&|_, _| 1e308)),
        ("empty", column(&|_, _| f64::NAN)),
        ("one value and gaps", column(&|i, _| if i % 3 == 0 { f64::NAN } else { 2.0 })),
        ("rows", column(&|i, _| i as f64)),
        ("copy", column(&|i, _| i as f64)),
        ("many", DesignColumn::Levels { codes: (0..n as u32).map(|i| i * 217).collect(), n_levels: 65_000 }),
        ("none", DesignColumn::Levels { codes: vec![u32::MAX; n], n_levels: 0 }),
        ("hot", DesignColumn::Indicators { codes: (0..n as u32).map(|i| i % 4).collect(), n_levels: 3 }),
    ]);
    let alone: Vec<u8> = (0..n).map(|i| u8::from(i == 7)).collect();
    let told: Vec<u8> = (0..n).map(|i| u8::from(i >= n / 2)).collect();
    let any = draw(3, n, |_| 0.0);
    let heavy: Vec<f64> = (0..n).map(|i| [1e-300, 1e150, 0.0, 1.0][i % 4]).collect();
    for y in [&alone, &told, &any] {
        for w in [None, Some(heavy.as_slice())] {
            for p in [
                GlassboxParams::default(),
                GlassboxParams::default().smoothness(f64::MAX).n_knots(2),
                GlassboxParams::default().smoothness(0.0).n_knots(50).monotone("outlier", 1).monotone("huge", -1),
                boosting().interactions(4).monotone("outlier", 1),
            ] {
                let fitted = match p.fit_design(&x, y, w, &Run::new()) {
                    Ok(fitted) => fitted,
                    Err(e) => {
                        assert!(matches!(e.kind(), ErrorKind::Numeric | ErrorKind::InvalidData), "{e}");
                        continue;
                    }
                };
                Fitted::Glassbox(fitted.clone()).check(x.n_features()).unwrap();
                let mut block = Block::default();
                for v in [f64::NAN, f64::MAX, -f64::MAX, 5e-324, 0.0, -0.0, 1.5, f64::INFINITY, 1e9] {
                    block.reset(x.n_features(), 1);
                    (0..x.n_features()).for_each(|j| block.column_mut(j)[0] = v);
                    let mut out = [0.0];
                    fitted.predict_block(&block, &mut out).unwrap();
                    assert!(out[0].is_finite(), "{v}");
                }
            }
        }
    }
}

#[test]
fn rare_levels_share_an_effect() {
    let n = 4000;
    let mut rng = Seed(2).stream("levels", 0);
    let codes: Vec<u32> =
        (0..n).map(|_| if rng.below(2) == 0 { rng.below(5) as u32 } else { rng.below(500) as u32 }).collect();
    let y = draw(3, n, |i| if codes[i] < 5 { 0.8 } else { -0.8 });
    let x = design(vec![("level", DesignColumn::Levels { codes, n_levels: 500 })]);
    let fitted = fit(&GlassboxParams::default(), &x, &y, None);
    let Shape::Levels(levels) = &fitted.terms[0].shape else { panic!() };
    assert_eq!(levels.codes.len(), 63);
    assert!((0..5).all(|c| levels.codes.contains(&c)));
    let rare = (0..500).find(|c| !levels.codes.contains(c)).unwrap();
    assert_eq!(fitted.terms[0].effect(f64::from(rare)), levels.other.effect);
    assert!(levels.other.effect < -0.3 && fitted.terms[0].effect(0.0) > 0.3);
}

/// Two numbers that matter only together, a category that turns a third, noise.
fn crossed(n: usize, seed: u64, strength: f64) -> (Design, Vec<u8>) {
    let mut rng = Seed(seed).stream("crossed", 0);
    let numbers: Vec<Vec<f64>> = (0..5).map(|_| (0..n).map(|_| rng.normal()).collect()).collect();
    let codes: Vec<u32> = (0..n).map(|_| rng.below(3) as u32).collect();
    let y = draw(seed, n, |i| {
        let turn = [1.0, -1.0, 0.0][codes[i] as usize];
        0.4 * numbers[3][i] - 0.8 + strength * (numbers[0][i] * numbers[1][i] + turn * numbers[2][i])
    });
    let names = ["a", "b", "c", "d", "e"];
    let mut columns: Vec<(&str, DesignColumn)> =
        names.into_iter().zip(numbers).map(|(n, v)| (n, DesignColumn::Dense(v))).collect();
    columns.push(("level", DesignColumn::Levels { codes, n_levels: 3 }));
    (design(columns), y)
}

#[test]
fn pairs_that_matter_are_found_and_others_are_not() {
    let (x, y) = crossed(4000, 51, 0.7);
    let fitted = fit(&GlassboxParams::default(), &x, &y, None);
    let mut found: Vec<[usize; 2]> = fitted.pairs.iter().map(|p| p.features).collect();
    found.sort_unstable();
    assert_eq!(found, [[0, 1], [2, 5]]);
    let product = fitted.pairs.iter().find(|p| p.features == [0, 1]).unwrap();
    assert!(product.effect(1.5, 1.5) > 0.5 && product.effect(1.5, -1.5) < -0.5);
    assert!(product.std_err(1.5, 1.5) > 0.01);
    // The first part of a pair may be empty: where training had no gap a gap adds nothing.
    assert_eq!(product.effect(f64::NAN, 1.0), 0.0);
    // Better by what they explain.
    let plain = fit(&GlassboxParams::default().interactions(0), &x, &y, None);
    assert!(plain.pairs.is_empty());
    let (fresh, fresh_y) = crossed(4000, 52, 0.7);
    let loss = |m: &Glassbox| {
        let all = scores(m, &fresh).into_iter().zip(&fresh_y);
        all.map(|(z, y)| float::softplus(if *y != 0 { -z } else { z })).sum::<f64>() / 4000.0
    };
    assert!(loss(&fitted) < loss(&plain) - 0.05, "{} {}", loss(&fitted), loss(&plain));
    // Of a monotone feature there is no pair.
    let held = fit(&GlassboxParams::default().monotone("a", 1), &x, &y, None);
    assert!(held.pairs.iter().all(|p| !p.features.contains(&0)));
    // Damage.
    let damage: [&dyn Fn(&mut Pair); 4] =
        [&|p| p.features[1] = 6, &|p| p.effect[0] = f64::NAN, &|p| p.effect.truncate(1), &|p| {
            p.axes[0] = Axis::Cuts { cuts: vec![1.0, 0.0] }
        }];
    for damage in damage {
        let mut bad = fitted.clone();
        damage(&mut bad.pairs[0]);
        assert_eq!(Fitted::Glassbox(bad).check(6).unwrap_err().kind(), ErrorKind::Artifact);
    }
}

#[test]
fn pairs_of_noise_do_not_earn_a_place() {
    let kept: usize = (0..6)
        .map(|seed| {
            let (x, y) = crossed(1500, 60 + seed, 0.0);
            fit(&GlassboxParams::default(), &x, &y, None).pairs.len()
        })
        .sum();
    assert!(kept <= 1, "{kept} of 48");
}

#[test]
fn tables_of_a_damaged_file_are_refused() {
    let (x, y, _) = example(300, 12);
    let good = fit(&GlassboxParams::default(), &x, &y, None);
    let text = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<Glassbox>(&text).unwrap(), good);
    let damage: [&dyn Fn(&mut Glassbox); 6] = [
        &|m| m.intercept = f64::NAN,
        &|m| m.terms[0].missing.effect = f64::INFINITY,
        &|m| m.terms[0].edf = -1.0,
        &|m| {
            if let Shape::Curve(c) = &mut m.terms[0].shape {
                c.at.swap(0, 1);
            }
        },
        &|m| {
            if let Shape::Curve(c) = &mut m.terms[0].shape {
                c.effect.pop();
            }
        },
        &|m| {
            if let Shape::Levels(l) = &mut m.terms[3].shape {
                l.codes[0] = l.codes[1];
            }
        },
    ];
    for (i, damage) in damage.iter().enumerate() {
        let mut bad = good.clone();
        damage(&mut bad);
        assert_eq!(Fitted::Glassbox(bad).check(5).unwrap_err().kind(), ErrorKind::Artifact, "{i}");
    }
    assert!(Fitted::Glassbox(good).check(6).is_err());
}

fn boosting() -> GlassboxParams {
    GlassboxParams::default().fit(GlassboxFit::Boosting)
}

fn loss(m: &Glassbox, x: &Design, y: &[u8]) -> f64 {
    let all = scores(m, x).into_iter().zip(y);
    all.map(|(z, y)| float::softplus(if *y != 0 { -z } else { z })).sum::<f64>() / y.len() as f64
}

#[test]
fn boosted_terms_are_zero_on_average_and_intervals_hold_the_truth() {
    let n = 6000;
    let (x, y, _) = example(n, 31);
    let fitted = fit(&boosting(), &x, &y, None);
    assert!(fitted.converged && fitted.n_iter > 5);
    let mut block = Block::default();
    x.block(0..n, &mut block);
    for (j, term) in fitted.terms.iter().enumerate() {
        let mean = block.column(j).iter().map(|&v| term.effect(v)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 1e-9, "{j} {mean}");
    }
    let term = &fitted.terms[0];
    let points: Vec<f64> = (-18..=18).map(|i| f64::from(i) / 10.0).collect();
    let mean = block.column(0).iter().map(|v| 1.1 * v * v).sum::<f64>() / n as f64;
    let truth = |v: f64| 1.1 * v * v - mean;
    assert!(points.iter().all(|&v| (term.effect(v) - truth(v)).abs() < 0.6), "{:?}", term.shape);
    let errors: Vec<f64> = points.iter().map(|&v| term.std_err(v)).collect();
    let typical = errors.iter().sum::<f64>() / 37.0;
    assert!(typical > 0.02 && typical < 0.4, "{errors:?}");
    let held = points.iter().filter(|&&v| (term.effect(v) - truth(v)).abs() <= 1.96 * term.std_err(v)).count();
    assert!(held >= 20, "{held} of 37: {errors:?} {:?}", term.shape);
    // Levels and gaps.
    let level = &fitted.terms[3];
    assert!((level.effect(1.0) - level.effect(2.0) - 1.6).abs() < 0.4);
    assert!((fitted.terms[1].effect(f64::NAN) - fitted.terms[1].effect(-1.0) - 0.9).abs() < 0.4);
    assert_eq!(level.effect(17.0).to_bits(), level.effect(5.0).to_bits());
    // The step is where it is.
    let gaps = &fitted.terms[1];
    assert!(gaps.effect(0.4) - gaps.effect(0.2) > 0.5, "{:?}", gaps.shape);
    // New rows are scored better than by the rate, and nearly as well as by the truth's own form.
    let (fresh, fresh_y, _) = example(n, 32);
    let spline = fit(&GlassboxParams::default().fit(GlassboxFit::Spline), &x, &y, None);
    let (own, other) = (loss(&fitted, &fresh, &fresh_y), loss(&spline, &fresh, &fresh_y));
    assert!(own < other + 0.01 && own < 0.62, "{own} {other}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn boosted_monotone_terms_are_monotone(seed in 0u64..1000, direction in prop_oneof![Just(-1i8), Just(1)], n in 60usize..400) {
        let (x, y, w) = example(n, seed);
        prop_assume!((0..n).any(|i| y[i] == 0 && w[i] > 0.0) && (0..n).any(|i| y[i] == 1 && w[i] > 0.0));
        let names = ["bend", "gaps", "few", "noise"];
        let p = names.iter().fold(boosting(), |p, name| p.monotone(*name, direction));
        let fitted = fit(&p, &x, &y, Some(&w));
        for (j, term) in fitted.terms.iter().enumerate().filter(|(j, _)| *j != 3) {
            let effect = |i: i32| f64::from(direction) * term.effect(f64::from(i) / 50.0);
            prop_assert!((-300..300).all(|i| effect(i) <= effect(i + 1)), "{j}");
        }
    }
}

#[test]
fn boosted_weights_are_repeats_to_the_last_bit() {
    let (x, y, w) = example(900, 4);
    let (crossed_x, crossed_y) = crossed(2500, 71, 1.0);
    let mut rng = Seed(1).stream("weights", 0);
    let crossed_w: Vec<f64> = (0..2500).map(|_| rng.below(3) as f64).collect();
    for (x, y, w) in [(x, y, w), (crossed_x, crossed_y, crossed_w)] {
        let rows: Vec<usize> = (0..x.n_rows).flat_map(|r| std::iter::repeat_n(r, w[r] as usize)).collect();
        let repeated_y: Vec<u8> = rows.iter().map(|&r| y[r]).collect();
        let repeated = crate::learn::tests::take(&x, &rows);
        let (a, b) = (fit(&boosting(), &x, &y, Some(&w)), fit(&boosting(), &repeated, &repeated_y, None));
        assert_eq!(a.pairs.len(), b.pairs.len());
        assert!(a.terms == b.terms && a.pairs == b.pairs && a.n_iter == b.n_iter);
        assert!((a.intercept - b.intercept).abs() < 1e-12);
    }
    let (x, y) = crossed(2500, 71, 1.0);
    assert!(!fit(&boosting(), &x, &y, None).pairs.is_empty());
}

#[test]
fn boosting_gives_the_same_bits_for_any_thread_count() {
    let (x, y) = crossed(6000, 72, 1.0);
    let text = |t: usize| {
        let fitted = boosting().fit_design(&x, &y, None, &Run::new().n_threads(Some(t))).unwrap();
        assert!(!fitted.pairs.is_empty());
        serde_json::to_string(&fitted).unwrap()
    };
    let one = text(1);
    assert_eq!(text(2), one);
    assert_eq!(text(8), one);
}

#[test]
fn boosting_finds_pairs_that_matter_and_no_others() {
    let (x, y) = crossed(4000, 51, 0.7);
    let fitted = fit(&boosting(), &x, &y, None);
    let mut found: Vec<[usize; 2]> = fitted.pairs.iter().map(|p| p.features).collect();
    found.sort_unstable();
    assert_eq!(found, [[0, 1], [2, 5]]);
    let product = fitted.pairs.iter().find(|p| p.features == [0, 1]).unwrap();
    assert!(product.effect(1.5, 1.5) > 0.5 && product.effect(1.5, -1.5) < -0.5);
    let plain = fit(&boosting().interactions(0), &x, &y, None);
    let (fresh, fresh_y) = crossed(4000, 52, 0.7);
    assert!(plain.pairs.is_empty() && loss(&fitted, &fresh, &fresh_y) < loss(&plain, &fresh, &fresh_y) - 0.05);
    let held = fit(&boosting().monotone("a", 1), &x, &y, None);
    assert!(held.pairs.iter().all(|p| !p.features.contains(&0)));
    let kept: usize = (0..4)
        .map(|seed| {
            let (x, y) = crossed(1500, 60 + seed, 0.0);
            fit(&boosting(), &x, &y, None).pairs.len()
        })
        .sum();
    assert!(kept <= 1, "{kept} of 32");
}

#[test]
fn a_table_of_few_cells_is_boosted_too() {
    // Whole cells lie in one part, so that none could be judged were they not in every bag.
    let n = 600;
    let mut rng = Seed(4).stream("cells", 0);
    let a: Vec<f64> = (0..n).map(|_| rng.below(2) as f64).collect();
    let codes: Vec<u32> = (0..n).map(|_| rng.below(2) as u32).collect();
    let y = draw(5, n, |i| 2.0 * a[i] - 1.0 + 1.5 * f64::from(codes[i]));
    let x = design(vec![("a", DesignColumn::Dense(a)), ("b", DesignColumn::Levels { codes, n_levels: 2 })]);
    let fitted = fit(&boosting(), &x, &y, None);
    let steps = |t: usize| fitted.terms[t].effect(1.0) - fitted.terms[t].effect(0.0);
    assert!((steps(0) - 2.0).abs() < 0.6 && (steps(1) - 1.5).abs() < 0.6, "{} {}", steps(0), steps(1));
}

#[test]
fn steps_of_a_damaged_file_are_refused() {
    let (x, y, _) = example(800, 12);
    let good = fit(&boosting(), &x, &y, None);
    let text = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<Glassbox>(&text).unwrap(), good);
    let damage: [&dyn Fn(&mut Steps); 5] = [
        &|s| s.cuts.swap(0, 1),
        &|s| s.cuts[0] = f64::NEG_INFINITY,
        &|s| s.effect.truncate(1),
        &|s| s.effect[0] = f64::NAN,
        &|s| s.std_err[0] = -1.0,
    ];
    for (i, damage) in damage.iter().enumerate() {
        let mut bad = good.clone();
        let Shape::Steps(steps) = &mut bad.terms[0].shape else { panic!() };
        assert!(steps.cuts.len() > 2);
        damage(steps);
        assert_eq!(Fitted::Glassbox(bad).check(5).unwrap_err().kind(), ErrorKind::Artifact, "{i}");
    }
}

#[test]
fn auto_goes_by_the_size_of_the_data() {
    let fit = |p: GlassboxParams, weight: f64, features: usize| p.resolved(weight, features).fit;
    let auto = GlassboxParams::default;
    assert_eq!(fit(auto(), 1470.0, 30), GlassboxFit::Spline);
    assert_eq!(fit(auto(), 15_000.0, 9), GlassboxFit::Boosting);
    assert_eq!(fit(auto(), 1470.0, 400), GlassboxFit::Boosting);
    assert_eq!(fit(auto().n_knots(9), 15_000.0, 9), GlassboxFit::Spline);
    assert_eq!(fit(auto().fit(GlassboxFit::Spline), 15_000.0, 9), GlassboxFit::Spline);
    let error = boosting().smoothness(1.0).check().unwrap_err().to_string();
    assert!(error.contains("`smoothness`") && error.contains("spline"), "{error}");
    // What was used can be used again.
    boosting().resolved(9000.0, 3).check().unwrap();
}

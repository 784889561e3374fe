//! The learners of trees as a whole: against brute force, by their properties, and on inputs nobody would send.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::learn::{Fitted, Learner, Scale};
use crate::num::float;
use crate::preprocess::{Block, Design, DesignColumn};
use crate::{Error, Run, Seed};

fn design(columns: Vec<DesignColumn>) -> Design {
    let names = (0..columns.iter().map(DesignColumn::n_features).sum()).map(|j| format!("f{j}")).collect();
    Design { n_rows: columns[0].n_rows(), columns, names }
}

fn scores(fitted: &Fitted, x: &Design) -> Vec<f64> {
    let (mut block, mut out) = (Block::default(), vec![0.0; x.n_rows]);
    x.block(0..x.n_rows, &mut block);
    fitted.predict(&block, &mut out).unwrap();
    out
}

fn learner(name: &str, params: Value) -> Learner {
    Learner::from_name(name, Some(&params)).unwrap()
}

fn fit(name: &str, params: Value, x: &Design, y: &[u8], w: Option<&[f64]>) -> Fitted {
    learner(name, params).fit(x, y, w, Seed(5), &Run::new()).unwrap()
}

/// Numbers with gaps, a few levels, many levels; labels that depend on all of them.
fn example(n: usize, seed: u64) -> (Design, Vec<u8>) {
    let mut rng = Seed(seed).stream("example", 0);
    let gap = |x: f64, u: f64| if u < 0.1 { f64::NAN } else { x };
    let a: Vec<f64> = (0..n).map(|_| gap((rng.normal() * 8.0).round() / 8.0, rng.uniform())).collect();
    let b: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let few: Vec<u32> = (0..n).map(|_| rng.below(4) as u32).collect();
    let many: Vec<u32> = (0..n).map(|_| if rng.uniform() < 0.05 { u32::MAX } else { rng.below(40) as u32 }).collect();
    let y = (0..n)
        .map(|i| {
            let z = if a[i].is_nan() { 1.0 } else { a[i] } + b[i] * b[i] - 1.5 + f64::from(few[i] == 2)
                - f64::from(many[i] % 5) / 3.0;
            u8::from(rng.uniform() < float::sigmoid(z))
        })
        .collect();
    let columns = vec![
        DesignColumn::Dense(a),
        DesignColumn::Dense(b),
        DesignColumn::Levels { codes: few, n_levels: 4 },
        DesignColumn::Levels { codes: many, n_levels: 40 },
    ];
    (design(columns), y)
}

/// A greedy tree by brute force: every leaf's every cut between neighbouring values, `S = T(G)²/(H + l2)`, most gain first. The
/// value of each row's leaf. A leaf holds at least the weight `least`.
fn brute_force(x: &[Vec<f64>], [g, h, w]: [&[f64]; 3], max_leaves: usize, l1: f64, l2: f64, least: f64) -> Vec<f64> {
    let sums = |rows: &[usize]| (rows.iter().map(|&r| g[r]).sum::<f64>(), rows.iter().map(|&r| h[r]).sum::<f64>());
    let soft = |g: f64| (g.abs() - l1).max(0.0) * g.signum();
    let s = |rows: &[usize]| {
        let (g, h) = sums(rows);
        soft(g) * soft(g) / (h + l2)
    };
    let best = |rows: &[usize]| {
        let mut best: (f64, Vec<usize>, Vec<usize>) = (1e-6, vec![], vec![]);
        for v in x {
            let mut values: Vec<f64> = rows.iter().map(|&r| v[r]).collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            for cut in values.windows(2).map(|w| 0.5 * w[0] + 0.5 * w[1]) {
                let (l, r): (Vec<usize>, Vec<usize>) = rows.iter().partition(|&&i| v[i] <= cut);
                let gain = s(&l) + s(&r) - s(rows);
                let weight = |rows: &[usize]| rows.iter().map(|&r| w[r]).sum::<f64>();
                if weight(&l) >= least && weight(&r) >= least && gain > best.0 + 1e-9 {
                    best = (gain, l, r);
                }
            }
        }
        best
    };
    let mut leaves = vec![(0..g.len()).collect::<Vec<usize>>()];
    while leaves.len() < max_leaves {
        let candidates: Vec<_> = leaves.iter().map(|l| best(l)).collect();
        let (i, (_, l, r)) = candidates.into_iter().enumerate().max_by(|a, b| a.1.0.total_cmp(&b.1.0)).unwrap();
        if l.is_empty() {
            break;
        }
        leaves.swap_remove(i);
        leaves.extend([l, r]);
    }
    let mut out = vec![0.0; g.len()];
    for leaf in leaves {
        let (g, h) = sums(&leaf);
        leaf.iter().for_each(|&r| out[r] = -soft(g) / (h + l2));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn one_boosted_tree_is_that_of_brute_force(
        // Uneven weights, so that no two splits have the same gain.
        rows in prop::collection::vec((0i32..12, -6i32..6, 0u8..2, 1.0..2.0f64), 12..60), leaves in 2usize..7, l1 in 0.0..0.5f64,
        l2 in 0.0..2.0f64,
    ) {
        let y: Vec<u8> = rows.iter().map(|r| r.2).collect();
        let w: Vec<f64> = rows.iter().map(|r| r.3).collect();
        prop_assume!(y.contains(&0) && y.contains(&1));
        let x = vec![rows.iter().map(|r| f64::from(r.0)).collect::<Vec<_>>(), rows.iter().map(|r| f64::from(r.1)).collect()];
        let rate = w.iter().zip(&y).map(|(w, y)| w * f64::from(*y)).sum::<f64>() / w.iter().sum::<f64>();
        let g: Vec<f64> = w.iter().zip(&y).map(|(w, y)| w * (rate - f64::from(*y))).collect();
        let h: Vec<f64> = w.iter().map(|w| w * rate * (1.0 - rate)).collect();
        let want = brute_force(&x, [&g, &h, &w], leaves, l1, l2, 3.0);
        let d = design(x.into_iter().map(DesignColumn::Dense).collect());
        let params = json!({"n_trees": 1, "learning_rate": 1, "max_leaves": leaves, "l1": l1, "l2": l2, "min_leaf_rows": 3,
            "row_fraction": 1, "column_fraction": 1});
        let got = scores(&fit("boosting", params, &d, &y, Some(&w)), &d);
        let base = float::logit(rate);
        for (got, want) in got.iter().zip(&want) {
            prop_assert!((got - base - want).abs() < 1e-3, "{got} {want}");
        }
    }

    #[test]
    fn weight_two_is_the_row_twice_and_weight_zero_is_no_row(
        rows in prop::collection::vec((0i32..30, -6i32..6, 0u32..3, 0u8..2, 0u8..4), 40..160),
    ) {
        let y: Vec<u8> = rows.iter().map(|r| r.3).collect();
        let w: Vec<f64> = rows.iter().map(|r| f64::from(r.4)).collect();
        prop_assume!([0, 1].iter().all(|l| (0..y.len()).any(|i| y[i] == *l && w[i] > 0.0)));
        // Two levels: one against the other. The statistic of more goes by an order of rows.
        let d = design(vec![
            DesignColumn::Dense(rows.iter().map(|r| if r.0 == 0 { f64::NAN } else { f64::from(r.0) }).collect()),
            DesignColumn::Dense(rows.iter().map(|r| f64::from(r.1)).collect()),
            DesignColumn::Levels { codes: rows.iter().map(|r| if r.2 == 2 { u32::MAX } else { r.2 }).collect(), n_levels: 2 },
        ]);
        let repeated: Vec<usize> = (0..y.len()).flat_map(|i| std::iter::repeat_n(i, w[i] as usize)).collect();
        let (twice, y2) = (crate::learn::tests::take(&d, &repeated), repeated.iter().map(|&i| y[i]).collect::<Vec<_>>());
        for (name, params) in [
            ("boosting", json!({"n_trees": 20, "max_leaves": 6, "row_fraction": 1, "min_leaf_rows": 2})),
            ("tree", json!({"min_leaf_rows": 3})),
        ] {
            let a = fit(name, params.clone(), &d, &y, Some(&w));
            let b = fit(name, params, &twice, &y2, None);
            prop_assert_eq!(serde_json::to_string(&a).unwrap(), serde_json::to_string(&b).unwrap());
        }
    }

    #[test]
    fn a_monotone_score_is_monotone(
        rows in prop::collection::vec((-9i32..9, -9i32..9, 0u8..2), 60..200), sign in prop_oneof![Just(-1i32), Just(1)],
    ) {
        let y: Vec<u8> = rows.iter().map(|r| r.2).collect();
        prop_assume!(y.contains(&0) && y.contains(&1));
        let d = design(vec![
            DesignColumn::Dense(rows.iter().map(|r| f64::from(r.0)).collect()),
            DesignColumn::Dense(rows.iter().map(|r| f64::from(r.1)).collect()),
        ]);
        let params = json!({"n_trees": 15, "max_leaves": 12, "min_leaf_rows": 1, "row_fraction": 1, "column_fraction": 1,
            "monotone": {"f0": sign}});
        let fitted = fit("boosting", params, &d, &y, None);
        for other in [-9.0, 0.0, 3.0] {
            let along = design(vec![
                DesignColumn::Dense((-10..=10).map(f64::from).collect()),
                DesignColumn::Dense(vec![other; 21]),
            ]);
            let z = scores(&fitted, &along);
            prop_assert!(z.windows(2).all(|z| f64::from(sign) * (z[1] - z[0]) >= 0.0), "{z:?}");
        }
    }

    #[test]
    fn leaves_have_the_rows_they_must(
        rows in prop::collection::vec((-9i32..9, -9i32..9, 0u8..2), 60..300), least in 1u32..40,
    ) {
        let y: Vec<u8> = rows.iter().map(|r| r.2).collect();
        prop_assume!(y.contains(&0) && y.contains(&1));
        let d = design(vec![
            DesignColumn::Dense(rows.iter().map(|r| f64::from(r.0)).collect()),
            DesignColumn::Dense(rows.iter().map(|r| f64::from(r.1)).collect()),
        ]);
        let params = json!({"n_trees": 10, "max_leaves": 20, "max_depth": 5, "min_leaf_rows": least, "row_fraction": 1,
            "column_fraction": 1});
        let text = serde_json::to_value(fit("boosting", params, &d, &y, None)).unwrap();
        for tree in text["trees"].as_array().unwrap() {
            let weights: Vec<f64> = tree["leaf_weights"].as_array().unwrap().iter().map(|w| w.as_f64().unwrap()).collect();
            prop_assert!(weights.iter().all(|w| *w >= f64::from(least)), "{weights:?}");
            prop_assert!(weights.len() <= 20 && weights.iter().sum::<f64>() == y.len() as f64);
        }
    }
}

#[test]
fn one_tree_is_that_of_brute_force() {
    let mut rng = Seed(9).stream("tree", 0);
    let x: Vec<f64> = (0..80).map(|_| (rng.normal() * 4.0).round()).collect();
    let y: Vec<u8> = x.iter().map(|x| u8::from(rng.uniform() < if *x > 2.0 { 0.8 } else { 0.2 })).collect();
    let g: Vec<f64> = y.iter().map(|y| -f64::from(*y)).collect();
    let want = brute_force(std::slice::from_ref(&x), [&g, &[1.0; 80], &[1.0; 80]], 4, 0.0, 0.0, 5.0);
    let d = design(vec![DesignColumn::Dense(x)]);
    let got = scores(&fit("tree", json!({"max_leaves": 4, "min_leaf_rows": 5}), &d, &y, None), &d);
    let rate = y.iter().map(|y| f64::from(*y)).sum::<f64>() / 80.0;
    let all: Vec<(f64, f64)> = want.iter().copied().zip(got.iter().copied()).collect();
    for (i, &(want, got)) in all.iter().enumerate() {
        // A row of the overall rate is mixed into each leaf's.
        let rows = (0..80).filter(|&j| all[j] == (want, got)).count() as f64;
        assert!((got - (want * rows + rate) / (rows + 1.0)).abs() < 1e-6, "row {i}: {got} {want}");
    }
}

#[test]
fn the_same_bytes_for_any_thread_count() {
    let (x, y) = example(80_000, 1);
    let w: Vec<f64> = (0..y.len()).map(|i| [0.0, 1.0, 0.3, 2.0][i % 4]).collect();
    for (name, params) in [
        ("boosting", json!({"n_trees": 6, "max_leaves": 20, "row_fraction": 0.7, "column_fraction_node": 0.6})),
        ("boosting", json!({"n_trees": 6, "max_leaves": 20})),
        ("forest", json!({"n_trees": 4, "max_leaves": 50})),
        ("tree", json!({})),
    ] {
        for w in [None, Some(w.as_slice())] {
            let text = |t: usize| {
                let run = Run::new().n_threads(Some(t));
                serde_json::to_string(&learner(name, params.clone()).fit(&x, &y, w, Seed(2), &run).unwrap()).unwrap()
            };
            let one = text(1);
            for t in [2, 3, 8] {
                assert!(text(t) == one, "{name} on {t} threads");
            }
        }
    }
}

#[test]
fn one_row_a_batch_and_training_say_the_same_and_it_reads_back() {
    let (x, y) = example(1000, 3);
    for params in [json!({"n_trees": 30, "max_leaves": 12}), json!({"n_trees": 7, "max_leaves": 31, "row_fraction": 1})]
    {
        let Learner::Boosting(p) = learner("boosting", params) else { panic!() };
        let (trees, trained) = p.fit_with_scores(&x, &y, Seed(4), &Run::new()).unwrap();
        let fitted = Fitted::Trees(trees);
        let read: Fitted = serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
        assert_eq!(read, fitted);
        let batch = scores(&read, &x);
        let (mut block, mut one) = (Block::default(), [0.0]);
        for (i, score) in batch.iter().enumerate() {
            x.block(i..i + 1, &mut block);
            read.predict(&block, &mut one).unwrap();
            assert_eq!(one[0].to_bits(), score.to_bits());
        }
        // In training a category's statistic is that of the rows before: without one the scores are the same bits.
        let numbers = Design { columns: x.columns[..3].to_vec(), names: x.names[..3].to_vec(), ..x.clone() };
        let binary = match &numbers.columns[2] {
            DesignColumn::Levels { codes, .. } => codes.iter().map(|c| c % 2).collect(),
            _ => panic!(),
        };
        let mut numbers = numbers;
        numbers.columns[2] = DesignColumn::Levels { codes: binary, n_levels: 2 };
        let (trees, again) = p.fit_with_scores(&numbers, &y, Seed(4), &Run::new()).unwrap();
        assert_eq!(scores(&Fitted::Trees(trees), &numbers), again);
        assert_ne!(batch, trained);
    }
}

#[test]
fn large_trees_walk_as_small_ones() {
    let (x, y) = example(3000, 6);
    let deep = fit(
        "boosting",
        json!({"n_trees": 3, "max_leaves": 400, "min_leaf_rows": 1, "row_fraction": 1, "column_fraction": 1}),
        &x,
        &y,
        None,
    );
    let text = serde_json::to_value(&deep).unwrap();
    assert!(text["trees"][0]["values"].as_array().unwrap().len() > 128);
    // Each tree's answer by hand, from its serialised form.
    let got = scores(&deep, &x);
    let mut block = Block::default();
    x.block(0..3000, &mut block);
    let number = |v: &Value| v.as_f64().unwrap();
    for row in (0..3000).step_by(7) {
        let mut sum = number(&text["base"]);
        for tree in text["trees"].as_array().unwrap() {
            let mut at = 0i64;
            while at >= 0 {
                let i = at as usize;
                let column = &text["columns"][tree["columns"][i].as_u64().unwrap() as usize];
                let x = block.column(column["feature"].as_u64().unwrap() as usize)[row];
                let test = &column["test"];
                let cut = tree["cuts"][i].as_u64().unwrap() as usize;
                let x = match test["type"].as_str().unwrap() {
                    "statistic" if !x.is_nan() => number(&test["values"][x as usize]),
                    "statistic" => test["gap"].as_f64().unwrap_or(f64::NAN),
                    _ => x,
                };
                let left = match test["type"].as_str().unwrap() {
                    "level" => x == cut as f64,
                    _ if x.is_nan() => tree["gaps_left"][i] == 1,
                    // The cut behind the last edge: whatever the number.
                    _ => test["edges"].as_array().unwrap().get(cut).is_none_or(|e| x <= number(e)),
                };
                at = tree[if left { "left" } else { "right" }][i].as_i64().unwrap();
            }
            sum += f64::from(number(&tree["values"][!at as usize]) as f32);
        }
        assert_eq!(sum.to_bits(), got[row].to_bits(), "row {row}");
    }
}

#[test]
fn features_of_different_groups_do_not_meet() {
    let (x, y) = example(3000, 8);
    let params = json!({"n_trees": 40, "max_leaves": 12, "row_fraction": 1, "column_fraction": 1, "interactions": [["f0", "f2"]]});
    let z = |a: f64, b: f64, few: u32, fitted: &Fitted| {
        let columns = vec![
            DesignColumn::Dense(vec![a]),
            DesignColumn::Dense(vec![b]),
            DesignColumn::Levels { codes: vec![few], n_levels: 4 },
            DesignColumn::Levels { codes: vec![3], n_levels: 40 },
        ];
        scores(fitted, &design(columns))[0]
    };
    let mixed = |fitted: &Fitted, b: f64| {
        z(1.5, b, 1, fitted) - z(-1.5, b, 1, fitted) - (z(1.5, -b, 1, fitted) - z(-1.5, -b, 1, fitted))
    };
    let apart = fit("boosting", params, &x, &y, None);
    assert!([0.3, 1.0, 2.0].iter().all(|b| mixed(&apart, *b).abs() < 1e-9));
    let free = fit(
        "boosting",
        json!({"n_trees": 40, "max_leaves": 12, "row_fraction": 1, "column_fraction": 1}),
        &x,
        &y,
        None,
    );
    assert!([0.3, 1.0, 2.0].iter().any(|b| mixed(&free, *b).abs() > 1e-3));
}

#[test]
fn gaps_go_where_they_serve_and_unseen_levels_have_their_fallback() {
    let n = 400;
    let x: Vec<f64> = (0..n).map(|i| if i % 4 == 0 { f64::NAN } else { f64::from(i % 7) }).collect();
    let y: Vec<u8> = x.iter().map(|x| u8::from(x.is_nan())).collect();
    let d = design(vec![DesignColumn::Dense(x)]);
    for name in ["boosting", "forest", "tree"] {
        let p: Vec<f64> = scores(&fit(name, json!({}), &d, &y, None), &d);
        assert!(p[0] > p[1] && p[4] > p[2], "{name}");
    }
    // A level that training never saw, where it had no gaps, counts as the overall rate; where it had some, as a gap.
    let codes: Vec<u32> = (0..n as u32).map(|i| i % 10).collect();
    let y: Vec<u8> = codes.iter().map(|c| u8::from(*c < 3)).collect();
    let column = |codes: Vec<u32>| design(vec![DesignColumn::Levels { codes, n_levels: 10 }]);
    let params = json!({"n_trees": 20, "max_leaves": 8, "row_fraction": 1});
    let fitted = fit("boosting", params, &column(codes), &y, None);
    let z = scores(&fitted, &column(vec![0, 9, 77, u32::MAX]));
    assert!(z[0] > z[2] && z[2] >= z[1] && z[2] == z[3], "{z:?}");
}

#[test]
fn inputs_nobody_would_send() {
    let n = 300;
    let y: Vec<u8> = (0..n).map(|i| u8::from(i % 3 == 0)).collect();
    let values = |f: &dyn Fn(usize) -> f64| DesignColumn::Dense((0..n).map(f).collect());
    let columns = vec![
        values(&|i| [1e308, -1e308, f64::MAX, f64::MIN][i % 4]),
        values(&|i| 5e-324 * (i % 5) as f64),
        values(&|_| 3.0),
        values(&|_| f64::NAN),
        values(&|i| if i == 7 { 1.0 } else { f64::NAN }),
        DesignColumn::Levels { codes: vec![u32::MAX; n], n_levels: 0 },
        DesignColumn::Levels { codes: (0..n as u32).map(|i| i * 217).collect(), n_levels: 65_000 },
        DesignColumn::Indicators { codes: (0..n as u32).map(|i| i * 3).collect(), n_levels: 900 },
    ];
    let d = design(columns);
    for name in ["boosting", "forest", "tree"] {
        for w in
            [None, Some(vec![1e-300; n]), Some(vec![1e300; n]), Some((0..n).map(|i| 1e5 * (i % 2) as f64).collect())]
        {
            let fitted = fit(name, json!({"min_leaf_rows": 0}), &d, &y, w.as_deref());
            assert!(scores(&fitted, &d).iter().all(|z| z.is_finite()), "{name}");
        }
        // One row of either label.
        let two = crate::learn::tests::take(&d, &[0, 1]);
        let fitted = fit(name, json!({"min_leaf_rows": 0}), &two, &[0, 1], None);
        assert!(scores(&fitted, &two).iter().all(|z| z.is_finite()));
        let infinite = design(vec![DesignColumn::Dense(vec![0.0, f64::INFINITY, 1.0])]);
        let e = learner(name, json!({})).fit(&infinite, &[0, 1, 0], None, Seed(0), &Run::new()).unwrap_err();
        assert!(e.to_string().contains("row 1"), "{e}");
    }
}

#[test]
fn early_stopping_ends_where_nothing_improves() {
    let (x, y) = example(2000, 12);
    let params = |rounds: Value| json!({"n_trees": 400, "max_leaves": 31, "learning_rate": 0.3, "row_fraction": 1, "early_stopping": rounds});
    let n_trees = |f: &Fitted| match f {
        Fitted::Trees(t) => t.n_trees(),
        _ => 0,
    };
    let (stopped, all) =
        (fit("boosting", params(json!(10)), &x, &y, None), fit("boosting", params(json!(null)), &x, &y, None));
    assert!(n_trees(&stopped) < 100 && n_trees(&all) == 400);
    let (fresh, labels) = example(4000, 13);
    let loss = |f: &Fitted| {
        scores(f, &fresh).iter().zip(&labels).map(|(z, y)| float::softplus(*z) - f64::from(*y) * z).sum::<f64>()
    };
    assert!(loss(&stopped) < loss(&all));
}

#[test]
fn a_feature_that_costs_more_than_it_gains_is_not_used() {
    let (d, y) = example(2000, 11);
    let base = json!({"n_trees": 30, "max_leaves": 8, "row_fraction": 1, "column_fraction": 1});
    let fit_with = |costs: Value| {
        let mut params = base.clone();
        params["feature_costs"] = costs;
        fit("boosting", params, &d, &y, None)
    };
    let splits = |fitted: &Fitted| {
        let Fitted::Trees(trees) = fitted else { panic!() };
        trees.importances().iter().map(|i| i.splits).collect::<Vec<_>>()
    };
    let free = fit("boosting", base.clone(), &d, &y, None);
    assert!(splits(&free).iter().all(|n| *n > 0));
    assert_eq!(serde_json::to_string(&fit_with(json!({"f0": 0}))).unwrap(), serde_json::to_string(&free).unwrap());
    let dear = splits(&fit_with(json!({"f0": 1e6})));
    assert!(dear[0] == 0 && dear[1] > 0, "{dear:?}");
    // What gains more than it costs is paid for once: the first tree that uses it pays, later ones do not.
    let gain_of_first = |fitted: &Fitted| {
        let Fitted::Trees(trees) = fitted else { panic!() };
        trees.importances()[1].gain
    };
    let paid = fit_with(json!({"f1": 5.0}));
    assert!(splits(&paid)[1] > 30 && gain_of_first(&paid) < gain_of_first(&free), "{:?}", splits(&paid));
    let e = learner("boosting", json!({"feature_costs": {"nobody": 1}})).fit(&d, &y, None, Seed(1), &Run::new());
    assert!(e.unwrap_err().to_string().contains("nobody"));
    assert!(Learner::from_name("boosting", Some(&json!({"feature_costs": {"f0": -1}}))).is_err());
}

#[test]
fn rows_of_large_gradients_stand_for_more_than_rows_drawn_evenly() {
    let (d, y) = example(6000, 3);
    let (test, y_test) = example(20_000, 4);
    let auc = |params: Value| {
        let fitted = fit("boosting", params, &d, &y, None);
        crate::metrics::Metric::RocAuc.value(&y_test, &scores(&fitted, &test), None, 0.5).unwrap()
    };
    let with = |top: f64, others: f64| {
        json!({"n_trees": 60, "max_leaves": 16, "learning_rate": 0.1, "row_fraction": others, "column_fraction": 1,
            "top_fraction": top})
    };
    let (all, some, few) = (auc(with(0.0, 1.0)), auc(with(0.2, 0.125)), auc(with(0.0, 0.02)));
    assert!(some > all - 0.01 && some > few, "all rows {all}, by gradient {some}, 2 % {few}");
    // All rows of the others: none is left out, whatever the share of the top.
    let json = |params: Value| serde_json::to_string(&fit("boosting", params, &d, &y, None)).unwrap();
    assert_eq!(json(with(0.3, 1.0)), json(with(0.0, 1.0)));
    let threads = |n: usize| {
        let learner = learner("boosting", with(0.2, 0.125));
        serde_json::to_string(&learner.fit(&d, &y, None, Seed(5), &Run::new().n_threads(Some(n))).unwrap()).unwrap()
    };
    assert_eq!(threads(1), threads(2));
}

#[test]
fn out_of_bag_is_honest() {
    let mut rng = Seed(3).stream("noise", 0);
    let x = design((0..5).map(|_| DesignColumn::Dense((0..600).map(|_| rng.normal()).collect())).collect());
    let y: Vec<u8> = (0..600).map(|_| u8::from(rng.uniform() < 0.4)).collect();
    let Learner::Forest(p) = learner("forest", json!({"n_trees": 60, "min_leaf_rows": 1})) else { panic!() };
    let (trees, out) = p.fit_out_of_bag(&x, &y, None, Seed(1), &Run::new()).unwrap();
    let auc = |p: &[f64]| crate::metrics::Metric::RocAuc.value(&y, p, None, 0.5).unwrap();
    assert!(auc(&scores(&Fitted::Trees(trees), &x)) > 0.95, "learned by heart");
    assert!((auc(&out) - 0.5).abs() < 0.1, "{}", auc(&out));
}

#[test]
fn importances_find_what_matters() {
    let (x, y) = example(3000, 21);
    let Fitted::Trees(t) =
        fit("boosting", json!({"n_trees": 50, "max_leaves": 8, "row_fraction": 1, "column_fraction": 1}), &x, &y, None)
    else {
        panic!()
    };
    let all = t.importances();
    assert_eq!(all.len(), 4);
    assert_eq!(all.iter().map(|i| i.splits).sum::<usize>() + t.n_trees(), t.n_leaves());
    assert!(all[1].gain > all[3].gain && all.iter().all(|i| i.gain > 0.0 && i.cover > 0.0));
}

#[test]
fn parameters_are_checked_by_name() {
    let (x, y) = example(200, 2);
    let e =
        |params: Value| learner("boosting", params).fit(&x, &y, None, Seed(0), &Run::new()).unwrap_err().to_string();
    assert!(e(json!({"monotone": {"f9": 1}})).contains("monotone.f9"));
    assert!(e(json!({"monotone": {"f3": 1}})).contains("category"));
    assert!(e(json!({"interactions": [["f0", "g"]]})).contains("interactions.g"));
    for bad in [
        json!({"max_bins": 256}),
        json!({"monotone": {"f0": 2}}),
        json!({"n_trees": 0}),
        json!({"row_fraction": "half"}),
    ] {
        assert!(matches!(Learner::from_name("boosting", Some(&bad)), Err(Error::InvalidParam { .. })), "{bad}");
    }
}

#[test]
fn forged_trees_are_refused() {
    let (x, y) = example(300, 4);
    let good = serde_json::to_value(fit("boosting", json!({"n_trees": 2, "max_leaves": 4}), &x, &y, None)).unwrap();
    assert!(serde_json::from_value::<Fitted>(good.clone()).is_ok());
    let tampered: [(&str, Value); 9] = [
        ("/trees/0/left/0", json!(0)),
        ("/trees/0/left/0", json!(99)),
        ("/trees/0/right/0", json!(-99)),
        ("/trees/0/columns/0", json!(60)),
        ("/trees/0/cuts/0", json!(255)),
        ("/trees/0/values/0", json!(1e300)),
        ("/trees/0/values", json!([])),
        ("/columns/0/feature", json!(50)),
        ("/columns/0/test/edges", json!([1.0, 1.0])),
    ];
    for (path, value) in tampered {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        assert!(serde_json::from_value::<Fitted>(bad).is_err(), "{path}");
    }
    let Fitted::Trees(t) = serde_json::from_value(good).unwrap() else { panic!() };
    assert_eq!(t.scale(), Scale::LogOdds);
}

#[test]
fn factors_by_label_do_not_change_what_auto_means() {
    let (x, y) = example(600, 14);
    // Ten times the weight, were factors counted, would be 6,000 rows: trees of 31 leaves.
    let params = json!({"n_trees": 5, "row_fraction": 1, "class_weight": {"negative": 10, "positive": 10}});
    let Fitted::Trees(t) = fit("boosting", params, &x, &y, None) else { panic!() };
    assert_eq!(t.n_leaves(), 2 * t.n_trees());
}

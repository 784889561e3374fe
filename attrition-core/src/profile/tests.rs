use super::*;
use crate::datasets;
use crate::table::Column;
use proptest::prelude::*;

fn of(columns: Vec<Column>) -> Profile {
    Profile::of(&Table::new(columns).unwrap(), &Run::new()).unwrap()
}

fn float(values: Vec<f64>) -> Profile {
    of(vec![Column::float("x", values)])
}

#[test]
fn figures_agree_with_their_definitions() {
    let v = vec![1.0, f64::NAN, 2.0, 4.0, f64::INFINITY, -0.0];
    let p = float(v);
    let c = p.column("x").unwrap();
    assert_eq!((c.n_rows(), c.n_missing()), (6, 1));
    assert!((c.missing_rate() - 1.0 / 6.0).abs() < 1e-15);
    let n = c.numbers().unwrap();
    assert_eq!((n.n(), n.infinite(), n.range()), (4, (0, 1), Some((0.0, 4.0))));
    assert_eq!(c.mean(), Some(1.75));
    assert!((c.std().unwrap() - 2.1875_f64.sqrt()).abs() < 1e-15);
    assert_eq!((c.quantile(0.0), c.quantile(0.5), c.quantile(1.0)), (Some(0.0), Some(1.0), Some(4.0)));
    assert_eq!(c.share("2"), Some(0.2));
    assert_eq!(c.quantile(2.0), None);
    let p = of(vec![
        Column::strings("s", [Some("a"), None, Some("b"), Some("a")]),
        Column::bool("b", vec![true, false, true, true]),
        Column::new("t", crate::table::Values::Time(vec![0, 86_400_000_000, 0, 86_400_000_000].into(), None)).unwrap(),
        Column::float("none", vec![f64::NAN; 4]),
    ]);
    let column = |n: &str| p.column(n).unwrap();
    assert_eq!((column("s").share("a"), column("s").share("c")), (Some(2.0 / 3.0), Some(0.0)));
    assert_eq!((column("b").share("true"), column("b").share("false")), (Some(0.75), Some(0.25)));
    assert_eq!((column("t").mean(), column("t").std()), (Some(0.5), Some(0.5)));
    assert_eq!((column("none").missing_rate(), column("none").mean(), column("none").share("1")), (1.0, None, None));
    assert!(matches!(column("none").values(), Summary::Empty));
    assert_eq!(of(vec![]).columns().len(), 0);
    assert_eq!(float(vec![]).column("x").unwrap().missing_rate(), 0.0);
}

#[test]
fn a_table_of_employees_is_summed_up_rightly_at_any_thread_count() {
    let table = datasets::employees(150_000, 4).unwrap();
    let p = Profile::of(&table, &Run::new().n_threads(Some(1))).unwrap();
    for t in [2, 3, 8] {
        assert_eq!(Profile::of(&table, &Run::new().n_threads(Some(t))).unwrap(), p);
    }
    let income: Vec<f64> =
        (0..table.n_rows()).map(|i| table.column("MonthlyIncome").unwrap().get(i).as_f64().unwrap()).collect();
    let c = p.column("MonthlyIncome").unwrap();
    let n = income.len() as f64;
    let mean = income.iter().sum::<f64>() / n;
    let std = (income.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
    assert_eq!(c.mean(), Some(mean), "whole numbers sum exactly either way");
    assert!((c.std().unwrap() / std - 1.0).abs() < 1e-12);
    let mut sorted = income;
    sorted.sort_by(f64::total_cmp);
    for q in [0.01, 0.1, 0.5, 0.9, 0.99] {
        let got = c.numbers().unwrap().quantile(q).unwrap();
        let want = sorted[(q * n).ceil() as usize - 1];
        assert!(got.low <= want && want <= got.high, "{q}: {got:?} {want}");
        assert!((got.value / want - 1.0).abs() < 0.005);
    }
    assert!(p.column("Age").unwrap().numbers().unwrap().sketch().is_exact());
    let back = Profile::from_bytes(&p.to_bytes().unwrap()).unwrap();
    assert_eq!(back, p);
    assert_eq!(back.to_bytes().unwrap(), p.to_bytes().unwrap());
}

#[test]
fn fifty_continuous_columns_stay_below_250_kilobytes() {
    let mut columns = Vec::new();
    for k in 0..50_u64 {
        let mut rng = crate::Seed(9).stream("column", k);
        let draw = |_| match k % 5 {
            0 => rng.normal(),
            1 => crate::num::float::exp(rng.normal()),
            2 => rng.uniform(),
            3 => 5000.0 + 1000.0 * rng.normal(),
            _ => -crate::num::float::ln_1p(-rng.uniform()) * 40.0,
        };
        columns.push(Column::float(format!("column{k}"), (0..100_000).map(draw).collect()));
    }
    let p = of(columns);
    let size = p.to_bytes().unwrap().len();
    let errors: Vec<f64> =
        (0..5).map(|k| p.column(&format!("column{k}")).unwrap().numbers().unwrap().sketch().error()).collect();
    println!("{size} bytes, errors {errors:?}");
    assert!(size < 250_000, "{size}");
    assert!(errors.iter().all(|e| *e < 0.03), "{errors:?}");
}

#[test]
fn too_many_levels_are_counted_together_the_same_way_in_any_order() {
    let names: Vec<String> = (0..5_000).map(|i| format!("level {}", i * i % 3_001)).collect();
    let make = |names: &[String]| of(vec![Column::strings("s", names.iter().map(Some))]);
    let whole = make(&names);
    let Summary::Category(levels) = whole.column("s").unwrap().values() else { panic!() };
    assert_eq!((levels.counts().len(), levels.n()), (MAX_LEVELS, 5_000));
    assert!(levels.overflow() > 0);
    assert!(levels.counts().all(|(l, n)| names.iter().filter(|x| *x == l).count() as u64 == n));
    let mut back = names.clone();
    back.reverse();
    assert_eq!(make(&back).to_bytes().unwrap(), whole.to_bytes().unwrap());
    let mut parts = make(&names[3_000..]);
    parts.merge(&make(&names[..700])).unwrap();
    parts.merge(&make(&names[700..3_000])).unwrap();
    assert_eq!(parts.to_bytes().unwrap(), whole.to_bytes().unwrap());
    assert_eq!(whole.column("s").unwrap().share("never seen"), None);
}

#[test]
fn a_changed_kind_or_column_is_refused_and_leaves_the_profile_as_it_was() {
    let mut p = of(vec![Column::float("x", vec![1.0]), Column::float("y", vec![1.0])]);
    let before = p.clone();
    let run = Run::new();
    let strings = Table::new(vec![Column::int("x", vec![2]), Column::strings("y", [Some("a")])]).unwrap();
    let e = p.update(&strings, &run).unwrap_err().to_string();
    assert!(e.contains("column `y`") && e.contains("got strings, expected numbers"), "{e}");
    let e = p.update(&strings.drop(&["y"]), &run).unwrap_err();
    assert_eq!(e.kind(), crate::ErrorKind::NotFound);
    assert!(p.merge(&of(vec![Column::int("z", vec![1])])).is_err());
    assert_eq!(p, before);
    // Only missing values fit anything.
    let empty = Table::new(vec![Column::strings("x", [None::<&str>]), Column::bool("extra", vec![true])]).unwrap();
    p.update(&empty.with_column(Column::int("y", vec![3])).unwrap(), &run).unwrap();
    assert_eq!(p.column("x").unwrap().n_missing(), 1);
    assert!(Profile::of_columns(&empty, &["nope"], &run).is_err());
    for bad in [&b"{}"[..], b"", b"{\"columns\":{\"x\":{\"rows\":1}}}", b"[1]"] {
        assert_eq!(Profile::from_bytes(bad).unwrap_err().kind(), crate::ErrorKind::Artifact);
    }
}

#[test]
fn scores_are_binned_with_their_labels() {
    let p = ScoreProfile::of(&[0.0, 0.009, 0.01, 0.999, 1.0], Some(&[0, 1, 0, 1, 1])).unwrap();
    assert_eq!((p.counts()[0], p.counts()[1], p.counts()[99], p.positives()[0], p.positives()[99]), (2, 1, 2, 1, 2));
    let mut a = ScoreProfile::of(&[0.0, 0.009], Some(&[0, 1])).unwrap();
    a.merge(&ScoreProfile::of(&[0.01, 0.999, 1.0], Some(&[0, 1, 1])).unwrap());
    assert_eq!(a, p);
    assert!((p.mean() - 2.018 / 5.0).abs() < 1e-15);
    let back: ScoreProfile = serde_json::from_str(&serde_json::to_string(&p).unwrap()).unwrap();
    assert_eq!(back, p);
    assert!(ScoreProfile::of(&[1.1], None).is_err() && ScoreProfile::of(&[f64::NAN], None).is_err());
    assert!(ScoreProfile::of(&[0.5], Some(&[2])).is_err() && ScoreProfile::of(&[0.5], Some(&[])).is_err());
    let unlabelled = ScoreProfile::of(&[0.5], None).unwrap();
    let profile = float(vec![1.0]).with_scores(unlabelled);
    let back = Profile::from_bytes(&profile.to_bytes().unwrap()).unwrap();
    assert_eq!(back.scores().map(|s| (s.n(), s.labelled()[50])), Some((1, 0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_parts_in_any_order_are_the_whole(
        seeds in prop::collection::vec((any::<u64>(), 0_u8..12), 1..40), copies in 1_usize..90, cuts in (0.0..1.0_f64, 0.0..1.0_f64)
    ) {
        // Numbers of every magnitude and sign, small whole ones, gaps and infinities; from a few to thousands.
        let mut values: Vec<f64> = Vec::new();
        for k in 0..copies as u64 {
            for &(bits, how) in &seeds {
                let mixed = bits.wrapping_mul(2 * k + 1).rotate_left((k % 64) as u32);
                values.push(match how {
                    0 => f64::NAN,
                    1 => f64::NEG_INFINITY,
                    2..=4 => (mixed % 40) as f64 - 20.0,
                    5..=7 => (mixed >> 11) as f64 / 1e12 - 900.0,
                    _ => f64::from_bits(mixed),
                });
            }
        }
        let n = values.len();
        let (mut i, mut j) = ((cuts.0 * n as f64) as usize, (cuts.1 * n as f64) as usize);
        if i > j {
            std::mem::swap(&mut i, &mut j);
        }
        let whole = float(values.clone()).to_bytes().unwrap();
        let [a, b, c] = [&values[..i], &values[i..j], &values[j..]].map(|v| float(v.to_vec()));
        let merged = |parts: [&Profile; 3]| {
            let mut first = parts[0].clone();
            first.merge(parts[1]).unwrap();
            first.merge(parts[2]).unwrap();
            first.to_bytes().unwrap()
        };
        prop_assert_eq!(&merged([&a, &b, &c]), &whole);
        prop_assert_eq!(&merged([&c, &a, &b]), &whole);
        let mut right = b.clone();
        right.merge(&c).unwrap();
        let mut left = a.clone();
        left.merge(&right).unwrap();
        prop_assert_eq!(&left.to_bytes().unwrap(), &whole);
        values.reverse();
        prop_assert_eq!(&float(values).to_bytes().unwrap(), &whole);
        prop_assert_eq!(&Profile::from_bytes(&whole).unwrap().to_bytes().unwrap(), &whole);
    }
}

#[test]
fn facts_are_the_accessors_figures() {
    let p = of(vec![
        Column::float("x", vec![1.0, f64::NAN, 4.0, f64::INFINITY]),
        Column::strings("s", [Some("a"), None, Some("b"), Some("a")]),
        Column::bool("b", vec![true, false, true, true]),
        Column::float("none", vec![f64::NAN; 4]),
    ]);
    let facts = serde_json::to_value(p.facts()).unwrap();
    let quantiles =
        serde_json::json!({"0.01": 1.0, "0.05": 1.0, "0.25": 1.0, "0.5": 1.0, "0.75": 4.0, "0.95": 4.0, "0.99": 4.0});
    let want = serde_json::json!({ "n_rows": 4, "columns": {
        "b": { "kind": "bool", "n_missing": 0, "missing_rate": 0.0, "levels": { "false": 1, "true": 3 } },
        "none": { "kind": "empty", "n_missing": 4, "missing_rate": 1.0 },
        "s": { "kind": "category", "n_missing": 1, "missing_rate": 0.25, "levels": { "a": 2, "b": 1 }, "n_other": 0 },
        "x": { "kind": "number", "n_missing": 1, "missing_rate": 0.25, "mean": 2.5, "std": 1.5, "min": 1.0, "max": 4.0,
               "n_infinite": 1, "quantiles": quantiles },
    }});
    assert_eq!(facts, want);
    assert_eq!(of(vec![]).facts().n_rows, 0);
}

#[test]
fn forged_counts_are_refused_and_never_overflow() {
    let column = |rows: u64, missing: u64, values: &str| {
        format!(r#"{{"columns":{{"x":{{"rows":{rows},"missing":{missing},"values":{values}}}}}}}"#)
    };
    let of_bools = |no: u64, yes: u64| format!(r#"{{"kind":"bool","no":{no},"yes":{yes}}}"#);
    for bad in [
        column(1, 2, r#"{"kind":"empty"}"#),
        column(5, 2, &of_bools(1, 1)),
        column(0, 1, &of_bools(u64::MAX, 0)),
        column(3, 0, &of_bools(u64::MAX, 4)),
        column(1, 0, r#"{"kind":"category","counts":{"a":2},"overflow":0}"#),
        r#"{"columns":{"x":{"rows":1,"missing":1,"values":{"kind":"empty"}},"y":{"rows":2,"missing":2,"values":{"kind":"empty"}}}}"#.into(),
        "{}".into(),
        String::new(),
    ] {
        let e = Profile::from_bytes(bad.as_bytes()).unwrap_err();
        assert_eq!(e.kind(), crate::ErrorKind::Artifact, "{bad}");
    }
    let mut most = Profile::from_bytes(column(u64::MAX, 1, &of_bools(u64::MAX - 1, 0)).as_bytes()).unwrap();
    let before = most.clone();
    assert!(most.merge(&before).unwrap_err().to_string().contains("column `x`"));
    assert_eq!(most, before);
}

#[test]
fn a_source_gives_its_columns_or_those_that_are_named() {
    let table = datasets::employees(300, 1).unwrap();
    let (a, b) = (table.take(&(0..100).collect::<Vec<_>>()), table.take(&(100..300).collect::<Vec<_>>()));
    let source = || crate::table::Batches::new([Ok(a.clone()), Ok(b.clone())]);
    let run = Run::new();
    assert_eq!(Profile::of_source(&mut source(), &run).unwrap(), Profile::of(&table, &run).unwrap());
    let some = Profile::of_source_columns(&mut source(), &["Age", "Gender"], &run).unwrap();
    assert_eq!(some, Profile::of_columns(&table, &["Age", "Gender"], &run).unwrap());
    assert!(Profile::of_source_columns(&mut source(), &["age"], &run).unwrap_err().to_string().contains("Age"));
}

use super::*;

/// Probability that a positive scores above a negative, ties half.
fn auc(y: &[bool], score: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..y.len()).collect();
    order.sort_by(|&a, &b| score[a].total_cmp(&score[b]));
    let (mut rank_sum, mut positives, mut i) = (0.0, 0.0, 0);
    while i < order.len() {
        let mut j = i;
        while j < order.len() && score[order[j]] == score[order[i]] {
            j += 1;
        }
        let mean_rank = (i + 1 + j) as f64 / 2.0;
        let tied = order[i..j].iter().filter(|&&r| y[r]).count() as f64;
        rank_sum += tied * mean_rank;
        positives += tied;
        i = j;
    }
    (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * (y.len() as f64 - positives))
}

/// A logistic model with a small ridge, by Newton's method; columns standardised and one-hot encoded.
fn logistic_scores(table: &Table, y: &[bool], train: usize) -> Vec<f64> {
    let mut columns: Vec<Vec<f64>> = vec![vec![1.0; table.n_rows()]];
    for spec in &SPECS {
        let c = table.column(spec.name).unwrap();
        match c.values() {
            Values::Codes(codes, levels) => {
                for l in 1..levels.len() as u32 {
                    columns.push(codes.iter().map(|&v| f64::from(u8::from(v == l))).collect());
                }
            }
            _ => {
                let v: Vec<f64> = (0..c.len()).map(|i| c.get(i).as_f64().unwrap()).collect();
                let (m, s) = mean_sd(&v);
                columns.push(v.iter().map(|x| (x - m) / s).collect());
            }
        }
    }
    let d = columns.len();
    let mut w = vec![0.0; d];
    let score = |w: &[f64], i: usize| columns.iter().zip(w).map(|(c, w)| c[i] * w).sum::<f64>();
    for _ in 0..7 {
        let mut h = vec![vec![0.0; d + 1]; d];
        for (k, row) in h.iter_mut().enumerate() {
            row[k] = 1.0;
            row[d] = -w[k];
        }
        for i in 0..train {
            let p = float::sigmoid(score(&w, i));
            let x: Vec<f64> = columns.iter().map(|c| c[i]).collect();
            for a in 0..d {
                let s = p * (1.0 - p) * x[a];
                for b in 0..d {
                    h[a][b] += s * x[b];
                }
                h[a][d] += x[a] * (f64::from(u8::from(y[i])) - p);
            }
        }
        // Gauss–Jordan; the matrix is positive definite.
        for k in 0..d {
            let pivot = h[k][k];
            h[k].iter_mut().for_each(|v| *v /= pivot);
            let from = h[k].clone();
            for (a, row) in h.iter_mut().enumerate() {
                let f = row[k];
                if a != k {
                    row.iter_mut().zip(&from).for_each(|(v, u)| *v -= f * u);
                }
            }
        }
        w.iter_mut().zip(&h).for_each(|(w, row)| *w += row[d]);
    }
    (0..table.n_rows()).map(|i| score(&w, i)).collect()
}

fn mean_sd(v: &[f64]) -> (f64, f64) {
    let n = v.len() as f64;
    let m = v.iter().sum::<f64>() / n;
    (m, (v.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / n).sqrt())
}

fn numbers(table: &Table, name: &str) -> Vec<f64> {
    let c = table.column(name).unwrap();
    (0..c.len()).map(|i| c.get(i).as_f64().unwrap_or(f64::NAN)).collect()
}

fn share(table: &Table, name: &str, level: &str) -> f64 {
    let c = table.column(name).unwrap();
    (0..c.len()).filter(|&i| c.get(i) == level.into()).count() as f64 / c.len() as f64
}

fn labels(table: &Table) -> Vec<bool> {
    let c = table.column("Attrition").unwrap();
    (0..c.len()).map(|i| c.get(i) == "Yes".into()).collect()
}

fn rate(y: &[bool]) -> f64 {
    y.iter().filter(|&&v| v).count() as f64 / y.len() as f64
}

fn digest(table: &Table) -> u32 {
    let mut h = crc32fast::Hasher::new();
    for c in table.columns() {
        h.update(c.name().as_bytes());
        match c.values() {
            Values::Float(v) => v.iter().for_each(|x| h.update(&x.to_bits().to_le_bytes())),
            Values::Int(v, _) => v.iter().for_each(|x| h.update(&x.to_le_bytes())),
            Values::Codes(v, _) => v.iter().for_each(|x| h.update(&x.to_le_bytes())),
            _ => panic!("no such column is made"),
        }
    }
    h.finalize()
}

fn options(json: &str) -> EmployeeOptions {
    serde_json::from_str(json).unwrap()
}

fn generate(json: &str) -> (Table, Vec<f64>) {
    options(json).generate_with_truth(&Run::new()).unwrap()
}

#[test]
fn leavers_best_ranking_and_the_logistic_gap() {
    let (table, truth) = employees_with_truth(100_000, 0).unwrap();
    let y = labels(&table);
    assert!((rate(&y) - 0.16).abs() < 0.006, "{}", rate(&y));
    let mean_truth = truth.iter().sum::<f64>() / truth.len() as f64;
    assert!((rate(&y) - mean_truth).abs() < 0.004, "labels follow the truth");
    let best = auc(&y, &truth);
    assert!((best - 0.86).abs() < 0.015, "{best}");
    let rows: Vec<usize> = (0..40_000).collect();
    let s = logistic_scores(&table.take(&rows), &y[..40_000], 20_000);
    let logistic = auc(&y[20_000..40_000], &s[20_000..]);
    let best = auc(&y[20_000..40_000], &truth[20_000..40_000]);
    assert!((0.77..best - 0.02).contains(&logistic), "{logistic} of {best}");
}

#[test]
fn spans_and_jobs_fit_together() {
    let table = employees(20_000, 3).unwrap();
    let n = |name: &str| numbers(&table, name);
    let below = |small: &str, large: &str, gap: f64| {
        for (i, (a, b)) in n(small).iter().zip(n(large)).enumerate() {
            assert!(*a >= 0.0 && *a <= b - gap, "row {i}: {small} {a}, {large} {b}");
        }
    };
    below("TotalWorkingYears", "Age", 18.0);
    below("YearsAtCompany", "TotalWorkingYears", 0.0);
    below("YearsInCurrentRole", "YearsAtCompany", 0.0);
    below("YearsSinceLastPromotion", "YearsAtCompany", 0.0);
    below("YearsWithCurrentManager", "YearsAtCompany", 0.0);
    let (level, income) = (n("JobLevel"), n("MonthlyIncome"));
    let mean_of = |l: f64| {
        let v: Vec<f64> = level.iter().zip(&income).filter(|(a, _)| **a == l).map(|(_, b)| *b).collect();
        mean_sd(&v).0
    };
    assert!((1..5).all(|l| mean_of(f64::from(l + 1)) > 1.3 * mean_of(f64::from(l))));
    let (department, role) = (table.column("Department").unwrap(), table.column("JobRole").unwrap());
    for i in 0..table.n_rows() {
        let (Values::Codes(d, _), Values::Codes(r, _)) = (department.values(), role.values()) else { panic!() };
        assert_eq!(r[i] / 3, d[i], "row {i}: the role belongs to the department");
    }
    for spec in &SPECS {
        if let Kind::Number { min, max, .. } = &spec.kind {
            assert!(n(spec.name).iter().all(|v| (*min..=*max).contains(v)), "{}", spec.name);
        }
    }
}

#[test]
fn the_population_is_what_the_units_say() {
    let table = employees(100_000, 1).unwrap();
    for spec in &SPECS {
        match &spec.kind {
            Kind::Number { sd, .. } => {
                let got = mean_sd(&numbers(&table, spec.name)).1;
                assert!((got / sd - 1.0).abs() < 0.02, "{}: {got}, said {sd}", spec.name);
            }
            Kind::Category { levels, shares } => {
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{}", spec.name);
                for (l, s) in levels.iter().zip(*shares) {
                    let got = share(&table, spec.name, l);
                    assert!((got - s).abs() < 0.007, "{} {l}: {got}, said {s}", spec.name);
                }
            }
        }
    }
}

#[test]
fn same_seed_same_bytes_for_any_thread_count_and_a_prefix_is_a_prefix() {
    let whole = employees(10_000, 42).unwrap();
    assert_eq!(digest(&whole), GOLDEN, "the generator's output has changed");
    let all = options(
        r#"{"n_rows": 10000, "seed": 42, "truth": true, "bias": [{"column": "Gender", "group": "Female", "risk": 0.5, "label": 0.1}],
            "drift": [{"column": "Age", "shift": 0.5}], "missing": {"rate": 0.1}}"#,
    );
    let one = digest(&all.generate(&Run::new().n_threads(Some(1))).unwrap());
    for t in [2, 3, 8] {
        assert_eq!(digest(&all.generate(&Run::new().n_threads(Some(t))).unwrap()), one);
    }
    let prefix: Vec<usize> = (1..4_000).collect();
    let short = all.clone().n_rows(4_000).generate(&Run::new()).unwrap().take(&prefix);
    assert_eq!(digest(&all.generate(&Run::new()).unwrap().take(&prefix)), digest(&short));
    assert_ne!(digest(&employees(10_000, 43).unwrap()), digest(&whole));
    assert_eq!(employees(0, 0).unwrap().n_columns(), 31);
    assert!(
        whole.get("TrueProbability").is_none() && all.generate(&Run::new()).unwrap().get("TrueProbability").is_some()
    );
}
const GOLDEN: u32 = 1_793_688_809;

#[test]
fn bias_moves_the_groups_risk_or_its_labels_and_nothing_else() {
    let n = 50_000;
    let (plain, p) = employees_with_truth(n, 5).unwrap();
    let (risky, q) =
        generate(r#"{"n_rows": 50000, "seed": 5, "bias": [{"column": "Gender", "group": "Female", "risk": 0.7}]}"#);
    let (flipped, same) =
        generate(r#"{"n_rows": 50000, "seed": 5, "bias": [{"column": "Gender", "group": "Female", "label": 0.2}]}"#);
    assert_eq!(p, same, "a wrong record changes no true risk");
    let gender = plain.column("Gender").unwrap();
    let (before, after, turned) = (labels(&plain), labels(&risky), labels(&flipped));
    let (mut women, mut turned_women) = (0.0, 0.0);
    for i in 0..n {
        let moved = float::logit(q[i]) - float::logit(p[i]);
        if gender.get(i) == "Female".into() {
            assert!((moved - 0.7).abs() < 1e-9);
            women += 1.0;
            turned_women += f64::from(u8::from(before[i] != turned[i]));
        } else {
            assert!(moved == 0.0 && before[i] == after[i] && before[i] == turned[i]);
        }
    }
    assert!((turned_women / women - 0.2).abs() < 0.01);
    assert!(rate(&after) > rate(&before) + 0.02);
    let features = |t: &Table| digest(&t.drop(&["Attrition"]));
    assert_eq!(features(&plain), features(&risky));
    assert_eq!(features(&plain), features(&flipped));
}

#[test]
fn drift_moves_the_named_columns_by_their_units_and_no_other() {
    let plain = employees(50_000, 6).unwrap();
    let (moved, _) = generate(
        r#"{"n_rows": 50000, "seed": 6, "drift": [
            {"column": "MonthlyIncome", "shift": 0.3}, {"column": "EngagementScore", "shift": -0.2},
            {"column": "Age", "shift": 0.25}, {"column": "OverTime", "category": "Yes", "shift": 0.1},
            {"column": "BusinessTravel", "category": "Rarely", "shift": -0.2}]}"#,
    );
    for (name, shift, tolerance) in [("MonthlyIncome", 0.3, 0.01), ("EngagementScore", -0.2, 0.01), ("Age", 0.25, 0.02)]
    {
        let (a, b) = (numbers(&plain, name), numbers(&moved, name));
        let got = (mean_sd(&b).0 - mean_sd(&a).0) / mean_sd(&a).1;
        assert!((got - shift).abs() < tolerance, "{name}: {got}");
    }
    for (name, level, shift) in [("OverTime", "Yes", 0.1), ("BusinessTravel", "Rarely", -0.2)] {
        let got = share(&moved, name, level) - share(&plain, name, level);
        assert!((got - shift).abs() < 0.01, "{name}: {got}");
    }
    let ratio = |t: &Table| share(t, "BusinessTravel", "Never") / share(t, "BusinessTravel", "Often");
    assert!((ratio(&moved) / ratio(&plain) - 1.0).abs() < 0.04, "the others share in proportion");
    let rest = ["MonthlyIncome", "EngagementScore", "Age", "OverTime", "BusinessTravel", "Attrition"];
    assert_eq!(digest(&plain.drop(&rest)), digest(&moved.drop(&rest)));
}

#[test]
fn gaps_have_their_rate_their_columns_and_their_cause() {
    let (table, truth) = generate(r#"{"n_rows": 40000, "seed": 8, "missing": {"rate": 0.1}}"#);
    assert_eq!(truth, employees_with_truth(40_000, 8).unwrap().1);
    for c in table.columns() {
        let got = c.n_missing() as f64 / 40_000.0;
        let want = if ["EmployeeNumber", "Attrition"].contains(&c.name()) { 0.0 } else { 0.1 };
        assert!((got - want).abs() < 0.008, "{}: {got}", c.name());
    }
    let (table, _) = generate(
        r#"{"n_rows": 40000, "seed": 8, "missing": {"rate": 0.2, "columns": ["Age", "Department"], "mechanism": "at_random"}}"#,
    );
    let overtime = table.column("OverTime").unwrap();
    for c in table.columns() {
        let named = ["Age", "Department"].contains(&c.name());
        assert!((c.n_missing() as f64 / 40_000.0 - if named { 0.2 } else { 0.0 }).abs() < 0.01, "{}", c.name());
        if named {
            let of = |answer: &str| {
                let rows: Vec<usize> = (0..40_000).filter(|&i| overtime.get(i) == answer.into()).collect();
                c.take(&rows).n_missing() as f64 / rows.len() as f64
            };
            assert!((of("Yes") / of("No") - 2.0).abs() < 0.15);
        }
    }
}

#[test]
fn a_wrong_knob_says_what_there_is() {
    let message = |json: &str| options(json).check().unwrap_err().to_string();
    let m = message(r#"{"bias": [{"column": "gender", "group": "Female"}]}"#);
    assert!(m.contains("`gender`") && m.contains("Gender, MaritalStatus"), "{m}");
    let m = message(r#"{"bias": [{"column": "Gender", "group": "female"}]}"#);
    assert!(m.contains("Female, Male, Non-binary"), "{m}");
    let m = message(r#"{"bias": [{"column": "Gender", "group": "Female", "label": 1.5}]}"#);
    assert!(m.contains("bias.label") && m.contains("[0, 1]"), "{m}");
    let m = message(r#"{"drift": [{"column": "Salary", "shift": 1}]}"#);
    assert!(m.contains("MonthlyIncome") && m.contains("EngagementScore"), "{m}");
    let m = message(r#"{"drift": [{"column": "OverTime", "shift": 0.1}]}"#);
    assert!(m.contains("No, Yes"), "{m}");
    let m = message(r#"{"drift": [{"column": "OverTime", "category": "Yes", "shift": 0.9}]}"#);
    assert!(m.contains("share of `Yes`"), "{m}");
    let m = message(r#"{"drift": [{"column": "Age", "category": "Yes", "shift": 0.9}]}"#);
    assert!(m.contains("`Age` is a number"), "{m}");
    let m = message(r#"{"drift": [{"column": "Age", "shift": 1}, {"column": "Age", "shift": 1}]}"#);
    assert!(m.contains("twice"), "{m}");
    assert!(message(r#"{"missing": {"rate": -0.1}}"#).contains("missing.rate"));
    assert!(message(r#"{"missing": {"rate": 0.6, "mechanism": "at_random"}}"#).contains("0.5"));
    let m = message(r#"{"missing": {"rate": 0.1, "columns": ["OverTime"], "mechanism": "at_random"}}"#);
    assert!(m.contains("cause"), "{m}");
    assert!(message(r#"{"missing": {"rate": 0.1, "columns": ["Attrition"]}}"#).contains("Age, Gender"));
    assert!(message(r#"{"n_rows": 100000001}"#).contains("n_rows"));
    assert!(EmployeeOptions::default().n_rows(usize::MAX).generate(&Run::new()).is_err());
    assert!(serde_json::from_str::<EmployeeOptions>(r#"{"rows": 3}"#).is_err());
}

use serde_json::json;

use super::*;
use crate::schema::{FieldKind, Role, Schema};
use crate::table::{Column, Table};
use crate::{Error, Run, Seed};

fn params(json: serde_json::Value) -> PipelineParams {
    PipelineParams::from_json(&json.to_string()).unwrap()
}

fn table() -> Table {
    Table::new(vec![
        Column::float("pay", vec![1.0, f64::NAN, 3.0, 8.0]),
        Column::strings("site", [Some("b"), Some("a"), None, Some("a")]),
        Column::bool("flag", vec![true, true, false, true]),
    ])
    .unwrap()
}

fn schema_of(t: &Table) -> Schema {
    let mut schema = Schema::infer(t).unwrap();
    for name in t.names() {
        schema = schema.role(name, Role::Feature).unwrap();
    }
    schema
}

/// Fitted on some rows of a table whose columns are all features; labels alternate unless they are given.
fn fit_rows(
    params: &PipelineParams,
    t: &Table,
    schema: &Schema,
    rows: &[usize],
    y: Option<&[u8]>,
    w: Option<&[f64]>,
) -> crate::Result<Prepared> {
    let alternating: Vec<u8> = (0..rows.len()).map(|i| (i % 2) as u8).collect();
    let bound = schema.bind(t)?;
    let data = FitRows {
        schema,
        bound: &bound,
        rows,
        y: y.unwrap_or(&alternating),
        w,
        seed: Seed(3),
        ranker: None,
        form: Form::Linear,
    };
    params.fit(data, &Run::new())
}

fn fitted(params: &PipelineParams, w: Option<&[f64]>) -> (Schema, Pipeline, Design) {
    let t = table();
    let schema = schema_of(&t);
    let p = fit_rows(params, &t, &schema, &[0, 1, 2, 3], None, w).unwrap();
    (schema, p.pipeline, p.design)
}

fn features(p: &Pipeline, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let (mut frame, mut out) = (Block::default(), Block::default());
    p.start(rows.len(), &mut frame);
    for (j, _) in rows[0].iter().enumerate() {
        for (i, r) in rows.iter().enumerate() {
            frame.column_mut(j)[i] = r[j];
        }
    }
    p.apply(&mut frame, &mut out).unwrap();
    (0..rows.len()).map(|i| (0..out.n_columns()).map(|j| out.column(j)[i]).collect()).collect()
}

#[test]
fn impute_scale_and_encode_by_hand() {
    let (_, p, d) = fitted(&PipelineParams::default(), None);
    assert_eq!(d.names, ["pay", "pay is missing", "site=a", "site=b", "site=(missing)", "flag"]);
    // Median of 1, 3, 8 is 3; then mean 3.75, variance 6.6875.
    let z = |x: f64| (x - 3.75) / 6.6875_f64.sqrt();
    let rows = features(&p, &[vec![1.0, 1.0, 1.0], vec![f64::NAN, -1.0, f64::NAN], vec![3.0, f64::NAN, 0.0]]);
    let flag = |x: f64| (x - 0.75) / 0.1875_f64.sqrt();
    assert_eq!(rows[0], [z(1.0), 0.0, 0.0, 1.0, 0.0, flag(1.0)]);
    assert_eq!(rows[1], [z(3.0), 1.0, 0.0, 0.0, 0.0, flag(1.0)]);
    assert_eq!(rows[2], [z(3.0), 0.0, 0.0, 0.0, 1.0, flag(0.0)]);
}

#[test]
fn the_design_of_training_is_the_block_of_predicting_to_the_last_bit() {
    let settings = [
        json!({}),
        json!({"number": {"clip": [0.1, 0.9], "transform": "yeo_johnson", "scale": "robust"}}),
        json!({"number": {"spline": {"n_knots": 3}, "scale": "min_max"}, "category": {"drop_first": true}}),
        json!({"category": {"encode": "ordinal"}, "columns": {"pay": {"impute": "mean", "indicator": false}}}),
        json!({"category": {"encode": "frequency"}, "columns": {"pay": {"impute": {"constant": 2}}}}),
        json!({"derive": {"twice": "pay * 2 + flag", "b": "site == 'b'"}, "columns": {"flag": {"drop": true}}}),
    ];
    let rows = [vec![1.0, 1.0, 1.0], vec![f64::NAN, 0.0, 1.0], vec![3.0, f64::NAN, 0.0], vec![8.0, 0.0, 1.0]];
    for setting in settings {
        let (_, p, d) = fitted(&params(setting.clone()), None);
        let got = features(&p, &rows);
        let mut block = Block::default();
        d.block(0..4, &mut block);
        assert_eq!(p.n_features(), block.n_columns());
        for (i, row) in got.iter().enumerate() {
            for (j, x) in row.iter().enumerate() {
                assert_eq!(x.to_bits(), block.column(j)[i].to_bits(), "{setting}: row {i}, {}", d.names[j]);
            }
            // A row alone is the row among others.
            assert_eq!(
                features(&p, &rows[i..=i])[0].iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                row.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            );
        }
        assert_eq!(p.feature_inputs().into_iter().map(|(n, _)| n).collect::<Vec<_>>(), d.names);
    }
}

#[test]
fn weight_two_is_the_row_twice_and_weight_zero_is_no_row() {
    let t = table();
    let schema = schema_of(&t);
    let w = [2.0, 1.0, 0.0, 1.0];
    for setting in [
        json!({}),
        json!({"number": {"impute": "mean", "clip": [0.1, 0.8], "scale": "robust"}}),
        json!({"number": {"impute": "mode", "transform": "quantile_normal"}, "category": {"encode": "frequency"}}),
        json!({"number": {"transform": "yeo_johnson", "spline": {}}, "category": {"encode": "ordinal", "max_levels": 2}}),
    ] {
        let p = params(setting.clone());
        let y = [0, 1, 1, 0];
        let weighted = fit_rows(&p, &t, &schema, &[0, 1, 2, 3], Some(&y), Some(&w)).unwrap();
        let repeated = fit_rows(&p, &t, &schema, &[0, 0, 1, 3], Some(&[0, 0, 1, 0]), None).unwrap();
        assert_eq!(weighted.pipeline, repeated.pipeline, "{setting}");
    }
}

#[test]
fn fitted_on_the_training_rows_alone() {
    // Whatever stands in the other rows, also once they are permuted, changes nothing that was fitted.
    let mut r = Seed(8).stream("leak", 0);
    let n = 120;
    let numbers: Vec<f64> = (0..n).map(|_| if r.below(9) == 0 { f64::NAN } else { 1.0 + 9.0 * r.uniform() }).collect();
    let words: Vec<Option<&str>> =
        (0..n).map(|_| [None, Some("a"), Some("b"), Some("c"), Some("c")][r.below(5)]).collect();
    let y: Vec<u8> = (0..n).map(|_| u8::from(r.below(3) == 0)).collect();
    let train: Vec<usize> = (0..80).collect();
    let mut order: Vec<usize> = (80..n).collect();
    r.shuffle(&mut order);
    let permuted: Vec<usize> = train.iter().chain(&order).copied().collect();
    let whole = Table::new(vec![Column::float("x", numbers), Column::strings("c", words)]).unwrap();
    let other = whole.take(&permuted);
    let mut schema = schema_of(&whole);
    schema.learn(&whole, &train).unwrap();
    let y = &y[..80];
    for setting in [
        json!({}),
        json!({"number": {"clip": [0.05, 0.95], "transform": "box_cox", "scale": "min_max"}}),
        json!({"number": {"transform": "quantile_normal"}, "category": {"encode": "target"}}),
        json!({"number": {"transform": "yeo_johnson", "spline": {}}, "category": {"encode": "frequency", "min_share": 0.1}}),
        json!({"number": {"transform": "log1p", "scale": "robust"}, "category": {"encode": "ordinal"}}),
        json!({"derive": {"half": "x / 2", "band": "band(x, 3, 6)"}}),
        json!({"select": {"method": "mutual_information", "keep": 2}}),
        json!({"select": {"method": "variance", "threshold": 0.1}}),
        json!({"select": {"method": "correlation", "limit": 0.9}}),
        json!({"resample": {"method": "smote_nc"}}),
        json!({"resample": {"method": "under"}}),
    ] {
        let p = params(setting.clone());
        let a = fit_rows(&p, &whole, &schema, &train, Some(y), None).unwrap();
        let b = fit_rows(&p, &other, &schema, &train, Some(y), None).unwrap();
        assert_eq!(a, b, "{setting}");
    }
}

#[test]
fn a_rows_own_label_is_not_in_its_target_encoding() {
    let t = Table::new(vec![Column::strings("c", (0..200).map(|i| Some(["a", "b", "c", "d"][i % 4])))]).unwrap();
    let schema = schema_of(&t);
    let mut r = Seed(4).stream("target", 0);
    let y: Vec<u8> = (0..200).map(|_| u8::from(r.below(3) == 0)).collect();
    let p = params(json!({"category": {"encode": "target", "smoothing": 2}, "number": {"scale": "none"}}));
    let p = PipelineParams { category: ColumnParams { scale: Some(Scaling::None), ..p.category.clone() }, ..p };
    let column = |y: &[u8]| {
        let rows: Vec<usize> = (0..200).collect();
        let fit = fit_rows(&p, &t, &schema, &rows, Some(y), None).unwrap();
        let DesignColumn::Dense(v) = fit.design.columns[0].clone() else { panic!("a number") };
        v
    };
    let before = column(&y);
    // Swap two labels of one stratum's rows: folds stay (labels' counts and order of strata do), values of the two rows' own
    // folds do not change by their own labels.
    let fold_of = |y: &[u8], row: usize| {
        let folds = crate::split::stratified(y, 5, Seed(Seed(3).stream("target_encoding", 0).next_u64())).unwrap();
        folds.iter().position(|f| f.test.contains(&row)).unwrap()
    };
    for row in [0, 57, 121] {
        // The rate of the row's level over the rows outside its fold, by hand.
        let fold = fold_of(&y, row);
        let outside = |i: &usize| fold_of(&y, *i) != fold;
        let rows: Vec<usize> = (0..200).filter(outside).collect();
        let prior = rows.iter().filter(|&&i| y[i] == 1).count() as f64 / rows.len() as f64;
        let level: Vec<usize> = rows.into_iter().filter(|i| i % 4 == row % 4).collect();
        let positives = level.iter().filter(|&&i| y[i] == 1).count() as f64;
        let expected = (positives + 2.0 * prior) / (level.len() as f64 + 2.0);
        assert!((before[row] - expected).abs() < 1e-12, "row {row}: {} and {expected}", before[row]);
    }
}

#[test]
fn rare_levels_are_grouped_and_unseen_ones_go_with_them() {
    let names: Vec<String> = (0..10).map(|i| format!("l{i}")).collect();
    let cells: Vec<Option<&String>> = (0..10).flat_map(|i| std::iter::repeat_n(Some(&names[i]), 10 - i)).collect();
    let n = cells.len();
    let t = Table::new(vec![Column::strings("c", cells)]).unwrap();
    let schema = schema_of(&t);
    let rows: Vec<usize> = (0..n).collect();
    // 55 rows: 7, 8, 9 and 10 of them are more than a tenth.
    for setting in [json!({"category": {"max_levels": 4}}), json!({"category": {"min_share": 0.14}})] {
        let fit = fit_rows(&params(setting), &t, &schema, &rows, None, None).unwrap();
        assert_eq!(fit.design.names, ["c=l0", "c=l1", "c=l2", "c=(other)"]);
        assert_eq!(features(&fit.pipeline, &[vec![7.0], vec![-1.0]]), [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]);
    }
    let fit =
        fit_rows(&params(json!({"category": {"drop_first": true, "max_levels": 3}})), &t, &schema, &rows, None, None);
    let fit = fit.unwrap();
    assert_eq!(fit.design.names, ["c=l1", "c=(other)"]);
    assert_eq!(features(&fit.pipeline, &[vec![0.0], vec![1.0], vec![-1.0]]), [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]);
}

#[test]
fn an_order_is_kept_and_must_be_whole() {
    let t = Table::new(vec![Column::strings("level", [Some("mid"), Some("low"), Some("high"), None, Some("mid")])])
        .unwrap();
    let schema = schema_of(&t);
    let setting = |order: &[&str]| {
        params(json!({"category": {"scale": "none"}, "columns": {"level": {"encode": "ordinal", "order": order}}}))
    };
    let rows = [0, 1, 2, 3, 4];
    let fit = fit_rows(&setting(&["low", "mid", "high", "top"]), &t, &schema, &rows, None, None).unwrap();
    assert_eq!(fit.design.names, ["level", "level is missing"]);
    // Vocabulary: high, low, mid. A gap and an unseen level are the middle one.
    let got = features(&fit.pipeline, &[vec![0.0], vec![1.0], vec![2.0], vec![f64::NAN], vec![-1.0]]);
    assert_eq!(got, [[2.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]);
    let e = fit_rows(&setting(&["low", "high"]), &t, &schema, &rows, None, None).unwrap_err().to_string();
    assert!(e.contains("preprocess.columns.level.order") && e.contains("`mid`"), "{e}");
}

#[test]
fn the_strict_mode_names_row_and_column() {
    let (_, p, _) = fitted(&params(json!({"category": {"on_unseen": "error"}})), None);
    let (mut frame, mut out) = (Block::default(), Block::default());
    p.start(2, &mut frame);
    frame.column_mut(1)[1] = -1.0;
    let e = p.apply(&mut frame, &mut out).unwrap_err().to_string();
    assert!(e.contains("column `site`, row 1"), "{e}");
}

#[test]
fn settings_that_mean_nothing_are_refused_by_name() {
    let t = table();
    let schema = schema_of(&t);
    for (setting, name) in [
        (json!({"columns": {"site": {"clip": [0.1, 0.9]}}}), "preprocess.columns.site.clip"),
        (json!({"columns": {"pay": {"encode": "target"}}}), "preprocess.columns.pay.encode"),
        (json!({"columns": {"flag": {"transform": "log1p"}}}), "preprocess.columns.flag.transform"),
        (json!({"columns": {"site": {"impute": "median"}}}), "preprocess.columns.site.impute"),
        (json!({"columns": {"site": {"impute": {"constant": "z"}}}}), "preprocess.columns.site.impute"),
        (json!({"columns": {"pai": {"drop": true}}}), "did you mean `pay`"),
        (json!({"derive": {"pay": "flag + 1"}}), "preprocess.derive.pay"),
        (
            json!({"columns": {"pay": {"drop": true}, "site": {"drop": true}, "flag": {"drop": true}}}),
            "at least one feature",
        ),
    ] {
        let e = fit_rows(&params(setting.clone()), &t, &schema, &[0, 1, 2, 3], None, None).unwrap_err().to_string();
        assert!(e.contains(name), "{setting}: {e}");
    }
    for (setting, name) in [
        (json!({"number": {"encode": "one_hot"}}), "preprocess.number.encode"),
        (json!({"category": {"spline": {}}}), "preprocess.category.spline"),
        (json!({"number": {"clip": [0.9, 0.1]}}), "preprocess.number.clip"),
        (json!({"number": {"spline": {"n_knots": 1}}}), "preprocess.number.spline.n_knots"),
        (json!({"category": {"max_levels": 1}}), "preprocess.category.max_levels"),
        (json!({"category": {"min_share": 1.0}}), "preprocess.category.min_share"),
        (json!({"category": {"smoothing": -1}}), "preprocess.category.smoothing"),
        (json!({"columns": {"c": {"order": ["a", "a"]}}}), "preprocess.columns.c.order"),
        (json!({"numbers": {}}), "numbers"),
    ] {
        let e = PipelineParams::from_json(&setting.to_string()).unwrap_err().to_string();
        assert!(e.contains(name), "{setting}: {e}");
    }
}

#[test]
fn values_that_a_step_cannot_take_are_named_with_their_row() {
    let t = Table::new(vec![Column::float("pay", vec![1.0, 2.0, -3.0, 8.0]), Column::int("years", vec![1, 2, 3, 0])])
        .unwrap();
    let schema = schema_of(&t);
    let error =
        |setting, rows: &[usize]| fit_rows(&params(setting), &t, &schema, rows, None, None).unwrap_err().to_string();
    // Rows are the table's, not the fold's.
    let e = error(json!({"columns": {"pay": {"transform": "box_cox"}}}), &[3, 2, 0]);
    assert!(e.contains("column `pay`") && e.contains("row 2") && e.contains("yeo_johnson"), "{e}");
    let e = error(json!({"derive": {"rate": "pay / years"}}), &[0, 3, 1]);
    assert!(e.contains("row 3") && e.contains("division by zero"), "{e}");
    // Rows that are not fitted on may divide by zero: they are imputed.
    let fit =
        fit_rows(&params(json!({"derive": {"rate": "pay / years"}})), &t, &schema, &[0, 1, 2], None, None).unwrap();
    let got = features(&fit.pipeline, &[vec![8.0, 0.0], vec![8.0, f64::NAN]]);
    assert!(got.iter().flatten().all(|x| x.is_finite()));
    assert_eq!(fit.pipeline.not_computable(&[8.0, 0.0]).len(), 1);
    assert!(fit.pipeline.not_computable(&[8.0, f64::NAN]).is_empty());
}

#[test]
fn features_are_traced_to_their_columns_and_back() {
    let p = params(json!({
        "derive": {"rate": "pay / (flag + 1)"},
        "columns": {"pay": {"drop": true}, "rate": {"spline": {"n_knots": 2, "degree": 1}}}
    }));
    let (schema, p, d) = fitted(&p, None);
    let features = p.features(&schema);
    assert_eq!(features.iter().map(|f| f.feature.as_str()).collect::<Vec<_>>(), d.names);
    let rate = features.iter().find(|f| f.feature == "rate spline 1").unwrap();
    assert_eq!((rate.column.as_str(), &rate.sources[..]), ("rate", &["pay".to_owned(), "flag".to_owned()][..]));
    let site = features.iter().find(|f| f.feature == "site=b").unwrap();
    assert_eq!(site.sources, ["site"]);
    let table = p.table();
    assert_eq!(table.iter().map(|c| c.column.as_str()).collect::<Vec<_>>(), ["site", "flag", "rate"]);
    assert_eq!(table[2].expression.as_deref(), Some("pay / (flag + 1)"));
    assert_eq!(table[2].features, ["rate spline 1", "rate spline 2", "rate is missing"]);
    let text = p.to_string();
    assert!(text.contains("rate  = pay / (flag + 1); impute") && text.contains("one_hot: 3 features"), "{text}");
}

#[test]
fn a_fitted_pipeline_reads_back_and_hostile_ones_are_refused() {
    let p = params(json!({
        "derive": {"twice": "pay * 2"}, "number": {"transform": "yeo_johnson", "spline": {"n_knots": 3}},
        "columns": {"site": {"encode": "frequency"}}
    }));
    let (schema, p, _) = fitted(&p, None);
    let json = serde_json::to_string(&p).unwrap();
    let back: Pipeline = serde_json::from_str(&json).unwrap();
    let back = back.bind(&schema).unwrap();
    assert_eq!(p, back);
    assert_eq!(serde_json::to_string(&back).unwrap(), json);
    let row = [vec![2.0, 0.0, 1.0]];
    assert_eq!(features(&p, &row), features(&back, &row));
    for (from, to) in [
        ("\"n_slots\":3", "\"n_slots\":2"),
        ("\"input\":1", "\"input\":99"),
        ("\"input\":1", "\"input\":0"),
        ("\"fill\":", "\"fill\":1e999,\"x\":"),
        ("\"scale\":", "\"scale\":0,\"x\":"),
        ("\"levels\":[0,", "\"levels\":[7,"),
        ("pay * 2", "pay * salary"),
        ("\"type\":\"number\"", "\"type\":\"one_hot\",\"names\":[]"),
    ] {
        let text = json.replacen(from, to, 1);
        assert_ne!(text, json, "{from}");
        if let Ok(bad) = serde_json::from_str::<Pipeline>(&text) {
            let e = bad.bind(&schema).unwrap_err();
            assert!(matches!(e, Error::Artifact { .. }), "{text}: {e}");
        }
    }
}

#[test]
fn a_date_that_an_expression_reads_becomes_an_input_that_is_dropped_itself() {
    let day = 86_400_000_000;
    let hired = crate::table::Values::Time((0..40).map(|i| i * 300 * day).collect::<Vec<i64>>().into(), None);
    let t = Table::new(vec![
        Column::new("Hired", hired).unwrap(),
        Column::int("Age", (0..40).map(|i| 20 + i * 7 % 41).collect()),
    ])
    .unwrap();
    let schema = Schema::infer(&t).unwrap();
    assert_eq!(schema.field("Hired").unwrap().role, Role::Ignored);
    let p = params(json!({"derive": {"Tenure": "years(Hired, date('2026-01-01'))"}}));
    let (schema, p) = p.admit(schema).unwrap();
    assert_eq!(schema.field("Hired").unwrap().role, Role::Feature);
    let rows: Vec<usize> = (0..40).collect();
    let fit = fit_rows(&p, &t, &schema, &rows, None, None).unwrap();
    assert_eq!(fit.design.names, ["Age", "Tenure"]);
    // What came of it is asked for again without a change.
    assert_eq!(p.admit(schema.clone()).unwrap(), (schema, p));
}

#[test]
fn kinds_by_hand_do_not_escape_the_pipeline() {
    // A number column taken as a category is encoded as one.
    let t = Table::new(vec![Column::int("level", vec![3, 1, 2, 1, 3, 1])]).unwrap();
    let mut schema = schema_of(&t).kind("level", FieldKind::Category).unwrap();
    schema.learn(&t, &[0, 1, 2, 3, 4, 5]).unwrap();
    let fit = fit_rows(&PipelineParams::default(), &t, &schema, &[0, 1, 2, 3, 4, 5], None, None).unwrap();
    assert_eq!(fit.design.names, ["level=1", "level=2", "level=3"]);
}

#[test]
fn the_native_form_keeps_gaps_and_levels() {
    let t = table();
    let schema = schema_of(&t);
    let bound = schema.bind(&t).unwrap();
    let fit = |p: serde_json::Value, form| {
        let y = [0, 1, 0, 1];
        let data = FitRows {
            schema: &schema,
            bound: &bound,
            rows: &[0, 1, 2, 3],
            y: &y,
            w: None,
            seed: Seed(3),
            ranker: None,
            form,
        };
        params(p).fit(data, &Run::new())
    };
    let Prepared { pipeline, design, .. } = fit(json!({}), Form::Native).unwrap();
    assert_eq!(design.names, ["pay", "site", "flag"]);
    assert_eq!(design.columns[1], DesignColumn::Levels { codes: vec![1, 0, u32::MAX, 0], n_levels: 2 });
    // Slots: a gap, an unseen level.
    let rows = vec![vec![1.0, 1.0, 1.0], vec![f64::NAN, -1.0, f64::NAN], vec![8.0, f64::NAN, 0.0]];
    let got = features(&pipeline, &rows);
    let want = [[1.0, 1.0, 1.0], [f64::NAN; 3], [8.0, f64::NAN, 0.0]];
    assert_eq!(format!("{got:?}"), format!("{want:?}"));
    let mut block = Block::default();
    design.block(0..4, &mut block);
    assert_eq!(format!("{:?}", block.column(1)), "[1.0, 0.0, NaN, 0.0]");
    // A step of its own fills the number first; a selection sees numbers alone.
    let p = fit(json!({"columns": {"pay": {"scale": "standard"}}}), Form::Native).unwrap().pipeline;
    assert!(p.table()[0].features == ["pay", "pay is missing"] && p.table()[1].features == ["site"], "{p}");
    let p = fit(json!({"select": {"method": "variance"}}), Form::Native).unwrap().pipeline;
    assert!(p.table()[1].features == ["site=a", "site=b", "site=(missing)"], "{p}");
    let text = serde_json::to_string(&pipeline).unwrap();
    assert_eq!(serde_json::from_str::<Pipeline>(&text).unwrap().bind(&schema).unwrap(), pipeline);
    // What knows no gaps and levels says so.
    for bad in [json!({"columns": {"site": {"encode": "native"}}}), json!({"columns": {"pay": {"impute": "keep"}}})] {
        let e = fit(bad.clone(), Form::Linear).unwrap_err().to_string();
        assert!(e.contains("learner"), "{bad}: {e}");
        assert!(fit(bad, Form::Native).is_ok());
    }
    // Column by column it is the same.
    let y = [0, 1, 0, 1];
    let data = FitRows {
        schema: &schema,
        bound: &bound,
        rows: &[0, 1, 2, 3],
        y: &y,
        w: None,
        seed: Seed(3),
        ranker: None,
        form: Form::Native,
    };
    let (each, columns) = PipelineParams::default().fit_each(&data, &Run::new(), &Ok).unwrap();
    assert_eq!(each, pipeline);
    // NaN is not itself: compared as written.
    assert_eq!(format!("{:?}", columns.concat()), format!("{:?}", design.columns));
}

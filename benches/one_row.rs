//! One row, 30 raw fields, logistic and boosting: a prepared record, a record by name, JSON; and loading the artifact.
//!
//! `cargo bench --profile release -p attrition --bench one_row`

use std::hint::black_box;

use attrition_core::model::Model;
use attrition_core::schema::ValueRef;
use criterion::{Criterion, criterion_group, criterion_main};

#[path = "data/mod.rs"]
mod data;

/// Rows taken in turn, so that no branch is learned by heart.
const ROWS: usize = 1024;

fn one_row(c: &mut Criterion, name: &str, model: &Model) {
    let table = data::table(ROWS, 9);
    let records: Vec<_> = (0..ROWS).map(|row| data::record(&table, row)).collect();
    let json: Vec<Vec<u8>> = records.iter().map(|r| serde_json::to_vec(r).unwrap()).collect();
    let pack = |json: &Vec<u8>| {
        let mut packed = Vec::new();
        model.pack_json(json, &mut packed).unwrap();
        packed
    };
    let rows: Vec<Vec<f64>> = json.iter().map(pack).collect();
    // A record prepared by the caller: values in slot order, categories still as text.
    let fields = model.row_spec().fields();
    let values: Vec<Vec<Option<ValueRef<'_>>>> =
        records.iter().map(|r| fields.iter().map(|f| r.get(f.name.as_str()).map(ValueRef::from)).collect()).collect();
    let mut row = 0;
    let mut next = || {
        row = (row + 1) % ROWS;
        row
    };
    let mut packed = Vec::new();
    let mut group = c.benchmark_group(format!("one_row/{name}"));
    group.bench_function("packed", |b| b.iter(|| model.proba_packed(black_box(&rows[next()])).unwrap()));
    group.bench_function("prepared_record", |b| {
        b.iter(|| {
            let values = &values[next()];
            model.pack(|slot, _| values[slot], &mut packed).unwrap();
            model.proba_packed(black_box(&packed)).unwrap()
        });
    });
    group.bench_function("json", |b| b.iter(|| model.proba_json(black_box(&json[next()])).unwrap()));
    group.bench_function("predict_one", |b| b.iter(|| model.predict_one_packed(black_box(&rows[next()])).unwrap()));
    group.finish();
}

fn logistic(c: &mut Criterion) {
    let model = data::model();
    one_row(c, "logistic", &model);
    let mut packed = Vec::new();
    model.pack_json(&serde_json::to_vec(&data::record(&data::table(1, 9), 0)).unwrap(), &mut packed).unwrap();
    c.bench_function("one_row/logistic/contributions", |b| {
        b.iter(|| model.contributions_packed(black_box(&packed)).unwrap());
    });
}

fn boosting(c: &mut Criterion) {
    one_row(c, "boosting", &data::boosting_model());
}

fn artifact(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.attrition");
    let model = data::model();
    model.save(&path).unwrap();
    let bytes = model.to_bytes().unwrap();
    let mut group = c.benchmark_group("artifact");
    group.bench_function("load", |b| b.iter(|| Model::load(black_box(&path)).unwrap()));
    group.bench_function("from_bytes", |b| b.iter(|| Model::from_bytes(black_box(&bytes)).unwrap()));
    group.bench_function("to_bytes", |b| b.iter(|| model.to_bytes().unwrap()));
    group.finish();
}

criterion_group!(benches, logistic, boosting, artifact);
criterion_main!(benches);

//! One row, logistic, 30 raw fields: a prepared record, a record by name, JSON; and loading the artifact.
//!
//! `cargo bench --profile release -p attrition --bench one_row`

use std::hint::black_box;

use attrition_core::model::Model;
use attrition_core::schema::ValueRef;
use criterion::{Criterion, criterion_group, criterion_main};

#[path = "data/mod.rs"]
mod data;

fn one_row(c: &mut Criterion) {
    let model = data::model();
    let table = data::table(1000, 9);
    let record = data::record(&table, 17);
    let json = serde_json::to_vec(&record).unwrap();
    let mut packed = Vec::new();
    model.pack_json(&json, &mut packed).unwrap();
    let mut group = c.benchmark_group("one_row");
    group.bench_function("packed", |b| b.iter(|| model.proba_packed(black_box(&packed)).unwrap()));
    // A record prepared by the caller: values in slot order, categories still as text.
    let values: Vec<Option<ValueRef<'_>>> =
        model.row_spec().fields().iter().map(|f| record.get(f.name.as_str()).map(ValueRef::from)).collect();
    group.bench_function("prepared_record", |b| {
        b.iter(|| {
            model.pack(|slot, _| values[slot], &mut packed).unwrap();
            model.proba_packed(black_box(&packed)).unwrap()
        });
    });
    group.bench_function("json", |b| b.iter(|| model.proba_json(black_box(&json)).unwrap()));
    group.bench_function("predict_one", |b| b.iter(|| model.predict_one_packed(black_box(&packed)).unwrap()));
    group.bench_function("contributions", |b| b.iter(|| model.contributions_packed(black_box(&packed)).unwrap()));
    group.finish();
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

criterion_group!(benches, one_row, artifact);
criterion_main!(benches);

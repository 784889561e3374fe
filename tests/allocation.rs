//! One-row prediction allocates nothing once it is warm.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use attrition_core::model::Model;
use attrition_core::schema::ValueRef;
use attrition_core::train::{TrainOptions, train};
use attrition_core::{Run, Value, datasets};

thread_local! {
    /// Allocations of this thread; a constant needs no allocation of its own.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(ptr, layout, size) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(f: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    f();
    COUNT.with(Cell::get) - before
}

#[test]
fn a_warm_prediction_allocates_nothing() {
    assert!(allocations(|| drop(vec![1, 2, 3])) > 0, "the counter does not count");
    let table = datasets::employees(600, 0).unwrap();
    for learner in ["logistic", "glassbox", "linfa_tree"] {
        let options = TrainOptions {
            target: Some("Attrition".into()),
            positive: Value::from("Yes"),
            learner: [learner].into(),
            cv: Some(2),
            ..TrainOptions::default()
        };
        let model = train(&table, &options, &Run::new()).unwrap();
        let record: Vec<Value> =
            model.row_spec().fields().iter().map(|f| table.column(&f.name).unwrap().get(3)).collect();
        let mut packed = Vec::new();
        let mut score = || {
            model
                .pack(
                    |slot, _| {
                        Some(match &record[slot] {
                            Value::Missing => ValueRef::Missing,
                            Value::Bool(b) => ValueRef::Bool(*b),
                            Value::Int(i) => ValueRef::Int(*i),
                            Value::Float(x) => ValueRef::Float(*x),
                            Value::Text(t) => ValueRef::Text(t),
                            Value::Time(t) => ValueRef::Time(*t),
                        })
                    },
                    &mut packed,
                )
                .unwrap();
            model.proba_packed(&packed).unwrap()
        };
        let first = score();
        let mut last = f64::NAN;
        let n = allocations(|| (0..100).for_each(|_| last = score()));
        assert_eq!(n, 0, "{learner}: {n} allocations in 100 warm calls");
        assert_eq!(first.to_bits(), last.to_bits());
    }
}

#[test]
fn nor_does_one_of_a_saved_blend_or_of_trees() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/artifacts/v1");
    for name in ["blend", "glassbox_boosting", "boosting", "forest"] {
        let model = Model::load(folder.join(name).with_extension("attrition")).unwrap();
        assert_eq!(name == "blend", model.members().len() > 1);
        let json = br#"{"Age": 41, "Pay": 3200.5, "Remote": true, "Level": 3, "Site": "Oslo"}"#;
        let first = model.proba_json(json).unwrap();
        let mut last = f64::NAN;
        let n = allocations(|| (0..100).for_each(|_| last = model.proba_json(json).unwrap()));
        assert_eq!(n, 0, "{name}: {n} allocations in 100 warm calls");
        assert_eq!(first.to_bits(), last.to_bits());
    }
}

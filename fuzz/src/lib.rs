//! What is fuzzed: one function per target, called by libFuzzer (`fuzz_targets/`) and, on a stable compiler, by the
//! replay in `tests/fuzz_replay.rs`.
//!
//! Each function takes any bytes. It panics only if the library breaks a promise: that it returns an error instead of
//! panicking, and what else the function asserts.

use std::sync::OnceLock;

use attrition_core::model::Model;
use attrition_core::schema::Schema;
use attrition_core::table::{Column, Table};
use attrition_core::train::Trainer;

pub mod artifact;
pub mod csv;
pub mod json_table;
pub mod model;
pub mod record;

/// A target's name, which is that of its corpus folder, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 5] = [
    ("artifact", artifact::run),
    ("csv", csv::run),
    ("json_table", json_table::run),
    ("model", model::run),
    ("record", record::run),
];

/// Everything of a table, for comparison.
fn text(table: &Table) -> String {
    let column = |c: &Column| {
        let cells: Vec<String> = (0..c.len()).map(|row| format!("{:?}", c.get(row))).collect();
        format!("{} {} {}", c.name(), c.type_name(), cells.join(" "))
    };
    table.columns().iter().map(column).collect::<Vec<_>>().join("\n")
}

/// A small table with a column of every kind and gaps.
fn table() -> Table {
    let n = 64_usize;
    let gap = |i: usize, x: f64| if i % 7 == 3 { f64::NAN } else { x };
    let day = |i: usize| 1_600_000_000_000_000 + i as i64 * 86_400_000_000;
    let columns = vec![
        Column::float("age", (0..n).map(|i| gap(i, 20.0 + (i * 29 % 41) as f64)).collect()),
        Column::strings("site", (0..n).map(|i| (i % 9 != 4).then_some(["Bern", "Lima", "Ōsaka"][i * i % 3]))),
        Column::bool("remote", (0..n).map(|i| i % 3 == 0).collect()),
        Column::strings("since", (0..n).map(|i| Some(attrition_core::table::Value::Time(day(i)).to_string()))),
        Column::bool("left", (0..n).map(|i| i * 29 % 41 < 14).collect()),
    ];
    Table::new(columns).expect("columns of one length")
}

/// A model of [`table`]. Trained, not read, so that it is always of the current format.
fn trained() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let table = table();
        let schema = Schema::infer(&table).and_then(|s| s.target("left", true)).expect("a schema of the table");
        Trainer::new(schema).fit(&table).expect("a model of the table")
    })
}

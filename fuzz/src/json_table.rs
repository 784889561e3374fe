//! A table as JSON, by rows or by columns.

use attrition_core::{ErrorKind, Table};

/// An error, or a table that is the same when it is written by rows, or by columns, and read again.
pub fn run(data: &[u8]) {
    let table = match Table::from_json(data) {
        Ok(table) => table,
        Err(e) => return assert_eq!(e.kind(), ErrorKind::InvalidData, "{e}"),
    };
    assert!(table.n_rows() > 0 && table.n_columns() > 0);
    assert!(table.columns().iter().all(|c| c.len() == table.n_rows()));
    let whole = super::text(&table);
    for json in [by_rows(&table), by_columns(&table)] {
        match Table::from_json(json.as_bytes()) {
            Ok(again) => assert_eq!(super::text(&again), whole, "written as {json}"),
            Err(e) => panic!("{e}: written as {json}"),
        }
    }
    let _ = attrition_core::schema::Schema::infer(&table);
}

fn by_rows(table: &Table) -> String {
    let row = |row: usize| {
        let cells = table.columns().iter().map(|c| format!("{}:{}", json(c.name()), json(&c.get(row))));
        format!("{{{}}}", cells.collect::<Vec<_>>().join(","))
    };
    format!("[{}]", (0..table.n_rows()).map(row).collect::<Vec<_>>().join(","))
}

fn by_columns(table: &Table) -> String {
    let columns = table.columns().iter().map(|c| {
        let cells: Vec<String> = (0..c.len()).map(|row| json(&c.get(row))).collect();
        format!("{}:[{}]", json(c.name()), cells.join(","))
    });
    format!("{{{}}}", columns.collect::<Vec<_>>().join(","))
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("a name or a cell is written")
}

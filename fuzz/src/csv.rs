//! CSV text.

use attrition_core::table::CsvOptions;
use attrition_core::{ErrorKind, Result, Run, Table};

/// Reads the bytes in one block and in many, on one thread and on two: the same table, or the same error.
pub fn run(data: &[u8]) {
    let read = |block: usize, threads: usize| {
        let options = CsvOptions::default().block_bytes(block);
        text(&Table::from_csv_bytes(data, &options, &Run::new().n_threads(Some(threads))))
    };
    let whole = read(1 << 20, 1);
    // Two threads are costly to start for a few bytes, so not each time.
    let threads = if data.len() % 16 == 5 { 2 } else { 1 };
    for block in [1, 7, 64] {
        assert_eq!(read(block, threads), whole, "in blocks of {block} bytes");
    }
    if let Ok(table) = Table::from_csv_bytes(data, &CsvOptions::default(), &Run::new().n_threads(Some(1))) {
        assert!(table.n_rows() > 0 && table.n_columns() > 0);
        assert!(table.columns().iter().all(|c| c.len() == table.n_rows()));
        let _ = attrition_core::schema::Schema::infer(&table);
    }
}

fn text(result: &Result<Table>) -> String {
    match result {
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::InvalidData, "{e}");
            e.to_string()
        }
        Ok(table) => super::text(table),
    }
}

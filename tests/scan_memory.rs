//! What is written, read and trained on in batches never stands in memory as a whole: counted by the allocator, not timed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use attrition_core::table::{
    Batches, CsvOptions, CsvWriter, ParquetOptions, ParquetWriter, Source, scan_csv, scan_parquet,
};
use attrition_core::train::{Names, TrainOptions, train_source};
use attrition_core::{Column, Run, Table, Value};

/// Bytes in use, and the most there were since last set.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time: there is one count.
static ALONE: Mutex<()> = Mutex::new(());

/// The most bytes that `f` held beyond those in use before.
fn peak(f: impl FnOnce()) -> usize {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    f();
    PEAK.load(Ordering::Relaxed) - before
}

const BATCHES: usize = 40;
const ROWS: usize = 25_000;
const WHOLE: usize = BATCHES * ROWS * 6 * 8;

fn batch(number: usize) -> Table {
    let first = number * ROWS;
    let mut columns: Vec<Column> = (0..5)
        .map(|j| {
            Column::float(
                format!("x{j}"),
                (first..first + ROWS).map(|i| ((i * 7919 + j) % 1_000_003) as f64 / 7.0).collect(),
            )
        })
        .collect();
    columns.push(Column::strings("level", (0..ROWS).map(|i| Some(["low", "middle", "high"][i % 3]))));
    Table::new(columns).unwrap()
}

fn rows(source: &mut dyn Source) {
    let run = Run::new().n_threads(Some(2));
    let mut rows = 0;
    while let Some(batch) = source.next_batch(&run).unwrap() {
        rows += batch.n_rows();
    }
    assert_eq!(rows, BATCHES * ROWS);
}

#[test]
fn batches_are_written_and_read_in_the_memory_of_a_few() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = (folder.path().join("a.parquet"), folder.path().join("a.csv.gz"));
    let run = Run::new().n_threads(Some(2));
    let peaks = [
        peak(|| {
            let mut writer = ParquetWriter::create(&parquet);
            (0..BATCHES).for_each(|i| writer.write(&batch(i)).unwrap());
            writer.finish().unwrap();
        }),
        peak(|| {
            let mut writer = CsvWriter::create(&csv).unwrap();
            (0..BATCHES).for_each(|i| writer.write(&batch(i)).unwrap());
            writer.finish().unwrap();
        }),
        peak(|| {
            let options = ParquetOptions { columns: None, batch_rows: 16_384 };
            rows(&mut scan_parquet(&parquet, options).unwrap());
        }),
        peak(|| rows(&mut scan_csv(&csv, CsvOptions::default(), &run).unwrap())),
    ];
    println!("a table of {WHOLE} bytes; peaks of writing Parquet and CSV, scanning Parquet and CSV: {peaks:?}");
    // A Parquet writer holds a row group of 131,072 rows, several times over while it encodes it.
    let bounds = [WHOLE * 2 / 3, WHOLE / 4, WHOLE / 4, WHOLE / 4];
    assert!(peaks.iter().zip(bounds).all(|(&p, bound)| p < bound), "{peaks:?} of {WHOLE}");
    // Read whole, it is all there at once: the count counts.
    assert!(peak(|| drop(Table::read_parquet(&parquet).unwrap())) > WHOLE / 2);
}

/// Batches of 40 numbers, made when they are asked for; `label` hangs on the first three.
fn wide(n_batches: usize) -> impl Source {
    const ROWS: usize = 10_000;
    Batches::new((0..n_batches).map(|number| {
        let value = |i: usize, j: usize| ((number * ROWS + i) * (7919 + 2 * j) % 1_000_003) as f64 / 1e6;
        let mut columns: Vec<Column> =
            (0..40).map(|j| Column::float(format!("x{j}"), (0..ROWS).map(|i| value(i, j)).collect())).collect();
        let label = |i: usize| (0..3).map(|j| value(i, j)).sum::<f64>() + 2.0 * value(i, 30) > 2.5;
        columns.push(Column::bool("label", (0..ROWS).map(label).collect()));
        Table::new(columns)
    }))
}

#[test]
fn training_on_a_source_holds_a_few_words_a_row() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let run = Run::new().n_threads(Some(2));
    // All but three columns are carried along only.
    let options = TrainOptions {
        target: Some("label".into()),
        positive: Value::Bool(true),
        learner: ["logistic"].into(),
        exclude: Names((3..40).map(|j| format!("x{j}")).collect()),
        cv: None,
        calibration: None,
        ..TrainOptions::default()
    };
    let training = |n_batches: usize| peak(|| drop(train_source(&mut wide(n_batches), &options, &run).unwrap()));
    let (few, many) = (training(40), training(80));
    let a_row = (many - few) as f64 / 400_000.0;
    println!("peaks {few} and {many}: {a_row:.1} bytes a row");
    // A row of the table is 321 bytes. Held are 8 bytes for each of three features, lists of rows, a column for each thread.
    assert!(a_row < 120.0, "{a_row}");
    let whole = peak(|| drop(Table::collect(&mut wide(80), &run).unwrap()));
    assert!(whole > 800_000 * 321 && many < whole / 2, "{many} of {whole}");
}

//! A million rows: batch scoring, reading CSV, training. Each task runs in a process of its own, so that its peak
//! memory (VmHWM) is its own; each prints one line of JSON.
//!
//! `cargo bench --profile release -p attrition --bench large`                all tasks
//! `cargo bench --profile release -p attrition --bench large -- batch`       one of: batch, csv, train

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use attrition_core::train::{TrainOptions, train};
use attrition_core::{Run, Table};
use serde_json::json;

#[path = "data/mod.rs"]
mod data;

const ROWS: usize = 1_000_000;
const TASKS: [&str; 3] = ["batch", "csv", "train"];

fn main() {
    let tasks: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    match tasks.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["batch"] => batch(),
        ["write-csv"] => write_csv(),
        ["csv"] => csv(),
        ["train"] => fit(),
        _ => {
            for task in TASKS {
                let me = std::env::current_exe().unwrap();
                assert!(Command::new(me).arg(task).status().unwrap().success(), "{task} failed");
            }
        }
    }
}

/// The file that `csv` and its peers read; written once.
fn csv_path() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from).join("bench");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("table.csv")
}

/// Peak memory of this process in bytes; 0 where the system does not say.
fn peak() -> f64 {
    memory("VmHWM:")
}

fn memory(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|l| l.strip_prefix(line)?.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}

/// Bytes of the table's columns: 8 a number, 4 a code.
fn table_bytes(rows: usize) -> f64 {
    (rows * (8 * data::N_NUMBERS + 4 * data::N_CATEGORIES)) as f64
}

/// Best of five, in seconds.
fn best(mut f: impl FnMut()) -> f64 {
    (0..5)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn batch() {
    let model = data::model();
    let table = data::table(ROWS, 2).drop(&["left"]);
    let before = memory("VmRSS:");
    let mut scores = Vec::new();
    // The peak so far is the making of the table; the system forgets it when asked.
    let forgotten = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let seconds = best(|| scores = model.predict_proba(&table).unwrap());
    println!(
        "{}",
        json!({ "task": "batch", "rows": scores.len(), "seconds": seconds, "million_rows_per_second": ROWS as f64 / seconds / 1e6,
            "table_mb": table_bytes(ROWS) / 1e6, "peak_is_own": forgotten,
            "peak_over_table": (peak() - before + table_bytes(ROWS)) / table_bytes(ROWS) })
    );
}

fn write_csv() {
    let mut file = std::io::BufWriter::new(std::fs::File::create(csv_path()).unwrap());
    data::table(ROWS, 3).write_csv_to(&mut file).unwrap();
    println!("{}", csv_path().display());
}

fn csv() {
    if !csv_path().exists() {
        let me = std::env::current_exe().unwrap();
        assert!(Command::new(me).arg("write-csv").status().unwrap().success());
    }
    let before = memory("VmRSS:");
    let start = Instant::now();
    let table = Table::read_csv(csv_path()).unwrap();
    let first = start.elapsed().as_secs_f64();
    let peak = peak() - before;
    drop(table);
    let seconds = best(|| drop(Table::read_csv(csv_path()).unwrap())).min(first);
    // With the target: one more column of eight bytes.
    let columns = table_bytes(ROWS) + (8 * ROWS) as f64;
    let size = std::fs::metadata(csv_path()).unwrap().len() as f64;
    println!(
        "{}",
        json!({ "task": "csv", "rows": ROWS, "seconds": seconds, "mb_per_second": size / seconds / 1e6, "peak_over_columns": peak / columns })
    );
}

fn fit() {
    for rows in [1_000, 100_000, ROWS] {
        let table = data::table(rows, 4);
        // One fit: what a peer's `fit` does.
        let options = TrainOptions { cv: None, holdout: None, calibration: None, ..data::options() };
        let before = memory("VmRSS:");
        std::fs::write("/proc/self/clear_refs", "5").ok();
        let seconds = best(|| drop(train(&table, &options, &Run::new()).unwrap()));
        println!(
            "{}",
            json!({ "task": "train", "rows": rows, "seconds": seconds, "peak_mb_over_data": (peak() - before) / 1e6 })
        );
    }
}

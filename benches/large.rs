//! A million rows: batch scoring, reading CSV, training. Each task runs in a process of its own, so that its peak
//! memory (VmHWM) is its own; each prints one line of JSON.
//!
//! `cargo bench --profile release -p attrition --bench large`                all tasks
//! `cargo bench --profile release -p attrition --bench large -- batch`       one of: batch, csv, train, preprocess, logistic
//! `cargo bench --profile release -p attrition --bench large -- boosting ROWS`   200 trees of 31 leaves, as the peers' (benches/peers/trees.py)
//! `cargo bench --profile release -p attrition --bench large -- source [ROWS]`   Parquet in batches into a profile and scores
//! `cargo bench --profile release -p attrition --bench large -- train-source ROWS LEARNER [PARAMS]`   and into a model

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use attrition_core::learn::{Fitted, Learner, LogisticParams};
use attrition_core::metrics::Metric;
use attrition_core::num::float;
use attrition_core::preprocess::{Block, Design, FitRows, Form, PipelineParams};
use attrition_core::profile::Profile;
use attrition_core::schema::Schema;
use attrition_core::table::{ParquetOptions, ParquetWriter, scan_parquet};
use attrition_core::train::{TrainOptions, train, train_source};
use attrition_core::{Run, Seed, Table};
use serde_json::json;

#[path = "data/mod.rs"]
mod data;

const ROWS: usize = 1_000_000;
const TASKS: [&str; 5] = ["batch", "csv", "train", "preprocess", "logistic"];

fn main() {
    let tasks: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    match tasks.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["batch"] => batch(),
        ["write-csv"] => write_csv(),
        ["csv"] => csv(),
        ["train"] => fit(),
        ["preprocess"] => preprocess(),
        ["logistic"] => logistic(),
        ["boosting", rows] => boosting(rows.parse().unwrap()),
        ["source"] => source(1_000_000),
        ["source", rows] => source(rows.parse().unwrap()),
        ["train-source", rows, learner] => train_from(rows.parse().unwrap(), learner, None),
        ["train-source", rows, learner, params] => {
            train_from(rows.parse().unwrap(), learner, Some(serde_json::from_str(params).unwrap()));
        }
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

/// CPU seconds of this process so far, of all its threads.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold blanks: state is field 3, utime 14 and stime 15, in ticks of 10 ms.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// The default pipeline fitted on a million rows, and applied to them; the first rows' features go to a file beside the table, so
/// that a peer's can be compared with them.
fn preprocess() {
    let table = Table::read_csv(csv_path()).unwrap();
    let mut schema = Schema::infer(&table).unwrap().target("left", 1).unwrap();
    let rows: Vec<usize> = (0..table.n_rows()).collect();
    schema.learn(&table, &rows).unwrap();
    let bound = schema.bind(&table).unwrap();
    let y = vec![0; rows.len()];
    let run = Run::new();
    let params = PipelineParams::default();
    let data = FitRows {
        schema: &schema,
        bound: &bound,
        rows: &rows,
        y: &y,
        w: None,
        seed: Seed(0),
        ranker: None,
        form: Form::Linear,
    };
    let start = cpu();
    let mut prepared = params.fit(data, &run).unwrap();
    let cpu_seconds = cpu() - start;
    let fit = best(|| prepared = params.fit(data, &run).unwrap());
    let pipeline = prepared.pipeline;
    let apply = best(|| {
        run.map_chunks(rows.len(), 16_384, |range| {
            let (mut frame, mut out) = (Block::default(), Block::default());
            for start in range.clone().step_by(256) {
                let piece = start..(start + 256).min(range.end);
                pipeline.start(piece.len(), &mut frame);
                (0..bound.n_slots()).try_for_each(|s| bound.fill(s, piece.clone(), frame.column_mut(s)))?;
                pipeline.apply(&mut frame, &mut out)?;
            }
            Ok(out.n_columns())
        })
        .unwrap();
    });
    let mut first = Block::default();
    prepared.design.block(0..1000, &mut first);
    let columns: Vec<&[f64]> = (0..first.n_columns()).map(|j| first.column(j)).collect();
    let features = json!({ "names": prepared.design.names, "columns": columns });
    std::fs::write(csv_path().with_file_name("features.json"), features.to_string()).unwrap();
    println!(
        "{}",
        json!({ "task": "preprocess", "rows": rows.len(), "seconds": fit + apply, "fit_seconds": fit, "apply_seconds": apply, "fit_cpu_seconds": cpu_seconds })
    );
}

/// 100 k × 30: the learner alone, on a prepared design; CPU seconds and the objective it reached.
fn logistic() {
    let table = Table::read_csv(csv_path()).unwrap();
    let table = table.take(&(0..100_000).collect::<Vec<_>>());
    let mut schema = Schema::infer(&table).unwrap().target("left", 1).unwrap();
    let rows: Vec<usize> = (0..table.n_rows()).collect();
    schema.learn(&table, &rows).unwrap();
    let bound = schema.bind(&table).unwrap();
    let (y, _) = schema.labels(&table).unwrap();
    let run = Run::new();
    let data = FitRows {
        schema: &schema,
        bound: &bound,
        rows: &rows,
        y: &y,
        w: None,
        seed: Seed(0),
        ranker: None,
        form: Form::Linear,
    };
    let design = PipelineParams::default().fit(data, &run).unwrap().design;
    let params = LogisticParams::default();
    let times = 5;
    let start = cpu();
    let mut model = params.fit_design(&design, &y, None, &run).unwrap();
    (1..times).for_each(|_| model = params.fit_design(&design, &y, None, &run).unwrap());
    let cpu_seconds = (cpu() - start) / f64::from(times);
    let seconds = best(|| model = params.fit_design(&design, &y, None, &run).unwrap());
    println!(
        "{}",
        json!({ "task": "logistic", "rows": rows.len(), "seconds": seconds, "cpu_seconds": cpu_seconds, "objective": objective(&design, &y, &Fitted::Logistic(model)) })
    );
}

/// The first rows of the table: 200 trees × 31 leaves, rate 0.1, 255 bins, on two threads, binning included; judged on the
/// last 100,000 rows, which are left out up to there.
fn boosting(rows: usize) {
    let whole = Table::read_csv(csv_path()).unwrap();
    let test = whole.take(&(ROWS - 100_000..ROWS).collect::<Vec<_>>());
    let rows = rows.min(ROWS - 100_000);
    let table = whole.take(&(0..rows).collect::<Vec<_>>());
    drop(whole);
    let mut schema = Schema::infer(&table).unwrap().target("left", 1).unwrap();
    let all: Vec<usize> = (0..rows).collect();
    schema.learn(&table, &all).unwrap();
    let bound = schema.bind(&table).unwrap();
    let (y, _) = schema.labels(&table).unwrap();
    let params = data::boosting_params();
    let learner = Learner::from_name("boosting", Some(&params)).unwrap();
    let run = Run::new().n_threads(Some(2));
    let fit = || {
        let form = Form::Native;
        let data =
            FitRows { schema: &schema, bound: &bound, rows: &all, y: &y, w: None, seed: Seed(0), ranker: None, form };
        learner.fit_rows(&PipelineParams::default(), data, &run).unwrap()
    };
    let before = memory("VmRSS:");
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let (mut seconds, mut cpu_seconds) = (f64::INFINITY, 0.0);
    for _ in 0..if rows > 200_000 { 1 } else { 3 } {
        let (start, used) = (Instant::now(), cpu());
        drop(fit());
        if start.elapsed().as_secs_f64() < seconds {
            (seconds, cpu_seconds) = (start.elapsed().as_secs_f64(), cpu() - used);
        }
    }
    let peak_mb = (peak() - before) / 1e6;
    let options = TrainOptions {
        learner: ["boosting"].into(),
        params: Some(params),
        cv: None,
        holdout: None,
        calibration: None,
        ..data::options()
    };
    let model = train(&table, &options, &run).unwrap();
    let (labels, _) = schema.labels(&test).unwrap();
    let scores = model.predict_proba(&test).unwrap();
    let auc = Metric::RocAuc.value(&labels, &scores, None, 0.5).unwrap();
    let scoring = best(|| drop(model.predict_proba_with(&test, &run).unwrap()));
    let mut packed = Vec::new();
    let record = serde_json::to_vec(&data::record(&test, 7)).unwrap();
    let mut one: Vec<f64> = (0..5000)
        .map(|_| {
            let start = Instant::now();
            model.pack_json(&record, &mut packed).unwrap();
            std::hint::black_box(model.proba_packed(&packed).unwrap());
            start.elapsed().as_secs_f64()
        })
        .collect();
    one.sort_by(f64::total_cmp);
    println!(
        "{}",
        json!({ "task": "boosting", "rows": rows, "seconds": seconds, "cpu_seconds": cpu_seconds,
            "peak_mb_over_data": peak_mb, "auc": auc, "rows_per_second": 1e5 / scoring, "record_us_p50": one[2500] * 1e6 })
    );
}

/// scikit-learn's: Σ loss + ½·‖β‖².
fn objective(design: &Design, y: &[u8], fitted: &Fitted) -> f64 {
    let Fitted::Logistic(model) = fitted else { return f64::NAN };
    let (mut block, mut z) = (Block::default(), vec![0.0; design.n_rows]);
    design.block(0..design.n_rows, &mut block);
    fitted.predict(&block, &mut z).unwrap();
    let loss: f64 = z.iter().zip(y).map(|(&z, &y)| float::softplus(z) - f64::from(y) * z).sum();
    loss + 0.5 * model.coef.iter().map(|b| b * b).sum::<f64>()
}

/// A Parquet file of so many rows; `None` where it had to be written first, and this program was then run anew: the writing's
/// memory is not the reading's.
fn parquet_path(rows: usize) -> Option<PathBuf> {
    let path = csv_path().with_file_name(format!("table-{rows}.parquet"));
    if path.exists() {
        return Some(path);
    }
    let mut writer = ParquetWriter::create(&path);
    for (seed, start) in (0..rows).step_by(250_000).enumerate() {
        writer.write(&data::table((rows - start).min(250_000), seed as u64)).unwrap();
    }
    writer.finish().unwrap();
    let me = std::env::current_exe().unwrap();
    assert!(Command::new(me).args(std::env::args().skip(1)).status().unwrap().success());
    None
}

/// From a Parquet file in batches to a model with hold-out and five folds: peak memory, and the bytes a row.
fn train_from(rows: usize, learner: &str, params: Option<serde_json::Value>) {
    let Some(path) = parquet_path(rows) else { return };
    let options = TrainOptions { learner: [learner].into(), params, ..data::options() };
    let before = memory("VmRSS:");
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let (start, cpu_start) = (Instant::now(), cpu());
    let mut scan = scan_parquet(&path, ParquetOptions::default()).unwrap();
    let model = train_source(&mut scan, &options, &Run::new()).unwrap();
    let over = peak() - before;
    println!(
        "{}",
        json!({ "task": "train-source", "rows": rows, "learner": learner, "seconds": start.elapsed().as_secs_f64(),
            "cpu_seconds": cpu() - cpu_start, "table_mb": table_bytes(rows) / 1e6, "peak_mb": over / 1e6,
            "bytes_per_row": over / rows as f64, "cv_score": model.training().cv_score })
    );
}

/// A Parquet file of so many rows, in batches, into a profile and into scores: peak memory beside the file's size.
fn source(rows: usize) {
    let Some(path) = parquet_path(rows) else { return };
    let model = data::model();
    let before = memory("VmRSS:");
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let scan = || scan_parquet(&path, ParquetOptions::default()).unwrap();
    let start = Instant::now();
    let profile = Profile::of_source(&mut scan(), &Run::new()).unwrap();
    let (profile_seconds, profile_peak) = (start.elapsed().as_secs_f64(), peak() - before);
    let start = Instant::now();
    let scores = model.predict_proba_source(&mut scan(), &Run::new()).unwrap();
    println!(
        "{}",
        json!({ "task": "source", "rows": rows, "file_mb": std::fs::metadata(&path).unwrap().len() as f64 / 1e6,
            "table_mb": table_bytes(rows) / 1e6, "columns": profile.names().len(),
            "profile_seconds": profile_seconds, "profile_peak_mb": profile_peak / 1e6,
            "score_seconds": start.elapsed().as_secs_f64(), "score_peak_mb": (peak() - before) / 1e6, "scores_mb": 8.0 * scores.len() as f64 / 1e6 })
    );
}

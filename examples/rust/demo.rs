//! The main job on one page: train, read what was learned, save, and score the saved file.
//!
//! `make demo` runs this program, then has Python and Node score the same file and compares the bits.
//!
//! ```text
//! demo train FOLDER [FILE.csv TARGET POSITIVE]   writes attrition.model, rows.json and scores.rust.bin
//! demo compare FOLDER                            fails unless scores.{rust,python,node}.bin are equal
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use attrition_core::model::Model;
use attrition_core::schema::Role;
use attrition_core::train::{Names, TrainOptions, train};
use attrition_core::{ErrorKind, Run, Table, Value, datasets};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// More rows than this are not scored in every language: the demo is to stay short.
const MAX_SCORED_ROWS: usize = 10_000;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["train", folder] => {
            let table = datasets::employees(1470, 0)?;
            run(Path::new(folder), "the embedded employees", &table, "Attrition", Value::from("Yes"), &["Gender"])
        }
        ["train", folder, file, target, positive] => {
            let table = Table::read_csv(file)?;
            // `1` and `true` are a number and a truth value, anything else is a string.
            let positive = serde_json::from_str(positive).unwrap_or_else(|_| Value::from(positive));
            run(Path::new(folder), file, &table, target, positive, &[])
        }
        ["compare", folder] => compare(Path::new(folder)),
        _ => Err("usage: demo train FOLDER [FILE.csv TARGET POSITIVE] | demo compare FOLDER".into()),
    }
}

fn run(folder: &Path, source: &str, table: &Table, target: &str, positive: Value, sensitive: &[&str]) -> Result<()> {
    println!("\nData: {source}, {} rows × {} columns", table.n_rows(), table.n_columns());
    let sensitive = Names(sensitive.iter().map(|&n| n.to_owned()).collect());
    let options = TrainOptions { target: Some(target.to_owned()), positive, sensitive, ..TrainOptions::default() };
    let model = train(table, &options, &Run::new())?;
    what_the_schema_decided(&model);
    how_good_it_is(&model);
    what_counts(&model, table)?;

    std::fs::create_dir_all(folder)?;
    let file = folder.join("attrition.model");
    model.save(&file)?;
    println!("\nThe model: {} ({} bytes, digest {})", file.display(), std::fs::metadata(&file)?.len(), model.digest());

    // From here on only the saved file counts.
    let saved = Model::load(&file)?;
    let n = table.n_rows().min(MAX_SCORED_ROWS);
    let rows: Vec<BTreeMap<&str, Value>> =
        (0..n).map(|row| table.columns().iter().map(|c| (c.name(), c.get(row))).collect()).collect();
    std::fs::write(folder.join("rows.json"), serde_json::to_vec(&rows)?)?;
    let scores = saved.predict_proba(&table.take(&(0..n).collect::<Vec<_>>()))?;
    let bytes: Vec<u8> = scores.iter().flat_map(|p| p.to_le_bytes()).collect();
    std::fs::write(folder.join("scores.rust.bin"), bytes)?;
    println!("\nRust   scored {n} rows, mean {:.4}", scores.iter().sum::<f64>() / n.max(1) as f64);
    Ok(())
}

fn what_the_schema_decided(model: &Model) {
    let schema = model.schema();
    let labels = model.labels();
    if let Some(target) = schema.target_spec() {
        println!("\nTarget: P({} = {}), the other label is {}", target.column, labels[1], labels[0]);
    }
    println!("\nWhat the schema decided");
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for field in schema.features() {
        kinds.entry(field.kind.name()).or_default().push(&field.name);
    }
    for (kind, names) in kinds {
        println!("  {:<10} {:>2} inputs: {}", kind, names.len(), names.join(", "));
    }
    for field in schema.fields() {
        let is_input = field.role == Role::Feature;
        if field.role == Role::Sensitive {
            println!("  {:<10} {}: carried along for audits, never an input", field.role.name(), field.name);
        }
        for note in &field.notes {
            let role = if is_input { "look at" } else { field.role.name() };
            println!("  {role:<10} {}: {}", field.name, note.message);
        }
    }
}

fn how_good_it_is(model: &Model) {
    let facts = model.training();
    println!(
        "\nTrained: {} on {} rows, {} folds, {} rows held out, calibration {}",
        facts.learner, facts.n_fitted, facts.n_folds, facts.n_holdout, facts.calibration
    );
    println!("  threshold {:.4}: {}", facts.threshold, facts.threshold_source);
    for note in &facts.notes {
        println!("  note: {note}");
    }
    println!("\n{:<20} {:^28} {:^28}", "Scores (95 %)", "out of fold", "hold-out");
    for (name, cv) in &facts.cv {
        let show = |f: &attrition_core::model::MetricFact| match (f.low, f.high) {
            (Some(low), Some(high)) => format!("{:.4} [{low:.4}, {high:.4}]", f.value),
            _ => format!("{:.4}", f.value),
        };
        println!("  {name:<18} {:^28} {:^28}", show(cv), facts.holdout.get(name).map(show).unwrap_or_default());
    }
}

/// The features that move the score most: mean |contribution| to the log-odds.
fn what_counts(model: &Model, table: &Table) -> Result<()> {
    let n = table.n_rows().min(1000);
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    let mut row = Vec::new();
    for i in 0..n {
        let record: BTreeMap<&str, Value> = table.columns().iter().map(|c| (c.name(), c.get(i))).collect();
        model.pack_json(&serde_json::to_vec(&record)?, &mut row)?;
        let contributions = match model.contributions_packed(&row) {
            Err(e) if e.kind() == ErrorKind::Unsupported => {
                println!("\n{e}");
                return Ok(());
            }
            other => other?,
        };
        for (name, x) in contributions {
            *sums.entry(name).or_default() += x.abs() / n as f64;
        }
    }
    sums.remove("(base)");
    let mut ranked: Vec<(String, f64)> = sums.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    println!("\nStrongest features (mean |contribution| to the log-odds)");
    let strongest = ranked.first().map_or(1.0, |r| r.1.max(f64::MIN_POSITIVE));
    for (name, x) in ranked.iter().take(10) {
        println!("  {name:<26} {x:.3} {}", "█".repeat((x / strongest * 30.0).round() as usize));
    }
    Ok(())
}

fn compare(folder: &Path) -> Result<()> {
    let read = |language: &str| {
        let path = folder.join(format!("scores.{language}.bin"));
        std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let rust = read("rust")?;
    for language in ["python", "node"] {
        let other = read(language)?;
        if other.len() != rust.len() {
            return Err(format!("{language} wrote {} scores, Rust {}", other.len() / 8, rust.len() / 8).into());
        }
        if let Some(row) = rust.chunks(8).zip(other.chunks(8)).position(|(a, b)| a != b) {
            return Err(format!("row {row}: {language} and Rust differ").into());
        }
    }
    if rust.is_empty() {
        return Err("no row was scored".into());
    }
    println!("\nEqual: all {} scores are the same to the last bit in Rust, Python and Node.", rust.len() / 8);
    Ok(())
}

//! First steps: train on the embedded employees, look, save, load, predict.

use attrition_core::learn::Learner;
use attrition_core::model::{Model, WarningKind};
use attrition_core::schema::Schema;
use attrition_core::train::Trainer;
use attrition_core::{Result, datasets};

fn main() -> Result<()> {
    // 1. A table: `Table::read_csv("employees.csv")?` reads your own.
    let table = datasets::employees(1470, 0)?;

    // 2. What each column is. Every guess can be overruled; gender is audited, never an input.
    let schema = Schema::infer(&table)?.target("Attrition", "Yes")?.sensitive(["Gender"])?;

    // 3. A model, with cross-validation, calibration and a decision threshold.
    let model = Trainer::new(schema).learner(Learner::logistic()).seed(0).fit(&table)?;
    let facts = model.training();
    println!(
        "{}: {} = {:.3} over {} folds",
        facts.learner,
        facts.metric,
        facts.cv_score.unwrap_or(f64::NAN),
        facts.n_folds
    );

    // 4. One file, the same in Rust, Python and Node.
    let path = std::env::temp_dir().join(format!("first-steps-{}.attrition", std::process::id()));
    model.save(&path)?;
    let model = Model::load(&path)?;
    std::fs::remove_file(&path).ok();

    // 5. Probabilities of a table, and of one record.
    let proba = model.predict_proba(&table)?;
    let at_risk = proba.iter().filter(|p| **p >= model.threshold()).count();
    println!("{at_risk} of {} employees are at or above the threshold {:.3}", proba.len(), model.threshold());
    let one = model.predict_one_json(br#"{"Age": 29, "OverTime": "Yes", "JobRole": "Astronaut"}"#)?;
    let gaps = one.warnings.iter().filter(|w| w.kind == WarningKind::Missing).count();
    println!("one record: {:.3}, label {}, {gaps} gaps filled", one.proba, one.label);
    for warning in one.warnings.iter().filter(|w| w.kind != WarningKind::Missing) {
        println!("  {}: {}", warning.column, warning.message);
    }
    Ok(())
}

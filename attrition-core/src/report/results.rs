//! What each result has to say.

use std::collections::BTreeMap;

use super::{Block, Chart, Grid, Report};
use crate::evaluate::{Curve, Evaluation};
use crate::metrics::Metric;
use crate::model::{MetricFact, Model, Training};
use crate::schema::{FieldKind, Schema};
use crate::table::{Table, Value};

/// Rows of a table that a notebook shows.
const TABLE_ROWS: usize = 10;
/// Inputs of a model that are named.
const INPUTS: usize = 10;

fn heading(text: impl Into<String>) -> Block {
    Block::Heading { text: text.into() }
}

fn head(name: &str) -> (String, String) {
    (name.to_owned(), String::new())
}

fn fact(name: &str, text: impl ToString) -> (String, String) {
    (name.to_owned(), text.to_string())
}

impl From<&Table> for Report {
    /// Names, types and the first ten rows.
    fn from(table: &Table) -> Report {
        let columns = table.columns();
        let heads = columns.iter().map(|c| (c.name().to_owned(), c.type_name().to_owned())).collect();
        let n_rows = table.n_rows().min(TABLE_ROWS);
        let grid = Grid::of(heads, n_rows, |row, column| match columns.get(column).map(|c| c.get(row)) {
            None | Some(Value::Missing) => String::new(),
            Some(value) => value.to_string(),
        });
        let size = format!("{} rows × {} columns", table.n_rows(), table.n_columns());
        Report { blocks: vec![Block::Grid(grid), Block::Text { text: size }] }
    }
}

impl From<&Schema> for Report {
    /// One line a column: its kind, its role, what was seen and what was noticed.
    fn from(schema: &Schema) -> Report {
        let title = match schema.target_spec() {
            Some(target) => format!("Schema: P({} == {})", target.column, target.positive),
            None => "Schema".to_owned(),
        };
        let heads = ["column", "kind", "role", "seen", "notes"].into_iter().map(head).collect();
        let fields = schema.fields();
        let rows: Vec<Vec<String>> = fields
            .iter()
            .map(|field| {
                let seen = match (field.kind, field.range) {
                    (FieldKind::Category, _) if !field.vocabulary.is_empty() => {
                        format!("{} levels", field.vocabulary.len())
                    }
                    (FieldKind::Number, Some([low, high])) => format!("{low} to {high}"),
                    _ => String::new(),
                };
                let notes: Vec<&str> = field.notes.iter().map(|n| n.message.as_str()).collect();
                let (kind, role) = (field.kind.name().to_owned(), field.role.name().to_owned());
                vec![field.name.clone(), kind, role, seen, notes.join("; ")]
            })
            .collect();
        // A schema is looked through: every column is listed.
        let grid = Grid { columns: heads, rows, n_more_rows: 0, n_more_columns: 0 };
        Report { blocks: vec![heading(title), Block::Grid(grid)] }
    }
}

impl From<&Training> for Report {
    /// What was trained on what, the leaderboard, the estimates, the notes.
    fn from(training: &Training) -> Report {
        let mut facts = vec![
            fact("learner", &training.learner),
            fact("rows", format!("{} of {}, {} held out", training.n_fitted, training.n_rows, training.n_holdout)),
            fact("calibration", &training.calibration),
            fact("threshold", format!("{}: {}", number(training.threshold), training.threshold_source)),
        ];
        if let Some(score) = training.cv_score {
            let text = format!("{} {} by {} folds", training.metric, number(score), training.n_folds);
            facts.push(fact("cross-validated", text));
        }
        let mut blocks = vec![heading("Training"), Block::Facts { facts }];
        if training.leaderboard.len() > 1 {
            let board = &training.leaderboard;
            let heads = vec![head(""), head("learner"), head(&training.metric)];
            blocks.push(Block::Grid(Grid::of(heads, board.len(), |row, column| {
                let Some(candidate) = board.get(row) else { return String::new() };
                match column {
                    0 => if candidate.is_chosen { "✓" } else { "" }.to_owned(),
                    1 => candidate.learner.clone(),
                    _ => candidate.score.map_or(String::new(), number),
                }
            })));
        }
        for (title, metrics) in [("Hold-out", &training.holdout), ("Cross-validation", &training.cv)] {
            if !metrics.is_empty() {
                blocks.push(heading(title));
                blocks.push(metric_grid(metrics));
                break;
            }
        }
        blocks.extend(training.notes.iter().map(|note| Block::Text { text: note.clone() }));
        Report { blocks }
    }
}

impl From<&Model> for Report {
    /// What it predicts, how well, and by what.
    fn from(model: &Model) -> Report {
        let title = match model.schema().target_spec() {
            Some(target) => format!("Model: P({} == {})", target.column, target.positive),
            None => "Model".to_owned(),
        };
        let training = model.training();
        let mut facts = vec![
            fact("learner", model.learner_name()),
            fact("inputs", format!("{} columns", model.schema().features().count())),
            fact("trained on", format!("{} of {} rows", training.n_fitted, training.n_rows)),
            fact("threshold", format!("{}: {}", number(model.threshold()), training.threshold_source)),
        ];
        let estimates = if training.holdout.is_empty() { &training.cv } else { &training.holdout };
        let whose = if training.holdout.is_empty() { "cross-validated" } else { "hold-out" };
        for name in ["roc_auc", "average_precision", "brier"] {
            if let Some(estimate) = estimates.get(name) {
                facts.push(fact(&format!("{name}, {whose}"), interval(estimate)));
            }
        }
        let mut blocks = vec![heading(title), Block::Facts { facts }];
        if let Some((measure, inputs)) = strongest(model) {
            blocks.push(Block::Grid(Grid::of(
                vec![head("strongest inputs"), head(measure)],
                inputs.len(),
                |row, column| {
                    let Some((name, strength)) = inputs.get(row) else { return String::new() };
                    if column == 0 { name.clone() } else { number(*strength) }
                },
            )));
        }
        Report { blocks }
    }
}

/// The strongest inputs, where the learner says how strong they are.
fn strongest(model: &Model) -> Option<(&'static str, Vec<(String, f64)>)> {
    let (measure, mut inputs): (_, Vec<(String, f64)>) = match (model.terms(), model.importances()) {
        (Ok(terms), _) => ("mean |log-odds|", terms.into_iter().map(|t| (t.column, t.importance)).collect()),
        (_, Ok(importances)) => ("gain", importances.into_iter().map(|(name, i)| (name, i.gain)).collect()),
        _ => return None,
    };
    inputs.sort_by(|a, b| b.1.total_cmp(&a.1));
    inputs.truncate(INPUTS);
    Some((measure, inputs))
}

impl From<&Evaluation> for Report {
    /// The metrics with their intervals, the confusion table, the curves.
    fn from(evaluation: &Evaluation) -> Report {
        let c = &evaluation.confusion;
        let title = format!("Evaluation: {} rows, {} positive", evaluation.n, evaluation.n_positive);
        let heads = vec![
            head(&format!("at {}", number(evaluation.threshold))),
            head("predicted negative"),
            head("predicted positive"),
        ];
        let rows = vec![
            vec!["negative".to_owned(), number(c.tn), number(c.fp)],
            vec!["positive".to_owned(), number(c.fn_), number(c.tp)],
        ];
        let chart = |curve: &Curve, title: &str, x_label: &str, y_label: &str| Chart {
            title: title.to_owned(),
            x_label: x_label.to_owned(),
            y_label: y_label.to_owned(),
            points: curve.x.iter().copied().zip(curve.y.iter().copied()).collect(),
            diagonal: title != "Precision–recall",
            markers: title == "Calibration",
        };
        let curves = &evaluation.curves;
        let charts = vec![
            chart(&curves.roc, "ROC", "false positive rate", "true positive rate"),
            chart(&curves.precision_recall, "Precision–recall", "recall", "precision"),
            chart(&curves.calibration, "Calibration", "mean probability", "rate of positives"),
        ];
        Report {
            blocks: vec![
                heading(title),
                metric_grid(&evaluation.metrics),
                Block::Grid(Grid { columns: heads, rows, ..Grid::default() }),
                Block::Charts { charts: charts.into_iter().filter(|chart| !chart.points.is_empty()).collect() },
            ],
        }
    }
}

/// Metrics in their own order, each with its interval.
fn metric_grid(metrics: &BTreeMap<String, MetricFact>) -> Block {
    let known: Vec<(String, &MetricFact)> =
        Metric::ALL.iter().filter_map(|m| metrics.get(&m.name()).map(|fact| (m.name(), fact))).collect();
    let heads = ["metric", "value", "95 % interval"].into_iter().map(head).collect();
    Block::Grid(Grid::of(heads, known.len(), |row, column| {
        let Some((name, fact)) = known.get(row) else { return String::new() };
        match column {
            0 => name.clone(),
            1 => number(fact.value),
            _ => bounds(fact).unwrap_or_default(),
        }
    }))
}

fn bounds(fact: &MetricFact) -> Option<String> {
    Some(format!("{} to {}", number(fact.low?), number(fact.high?)))
}

fn interval(fact: &MetricFact) -> String {
    let value = number(fact.value);
    bounds(fact).map_or(value.clone(), |bounds| format!("{value} ({bounds})"))
}

/// A number as a person reads it: whole ones as they are, others with four digits behind the point.
fn number(x: f64) -> String {
    if !x.is_finite() {
        "undefined".to_owned()
    } else if x.trunc() == x && x.abs() < 1e15 {
        format!("{}", x + 0.0)
    } else {
        format!("{x:.4}")
    }
}

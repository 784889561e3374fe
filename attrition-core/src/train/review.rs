//! A look at the features with the target in view: which of them tell it almost alone.

use crate::Result;
use crate::metrics::Metric;
use crate::run::Run;
use crate::schema::{Bound, FieldKind, Note, NoteCode, Schema};

/// From this one-column ROC-AUC on, a feature is suspected to know the outcome.
const SUSPICIOUS_AUC: f64 = 0.99;

/// Note suspected leaks on the schema. `rows` bounds the work.
pub(super) fn review(schema: &mut Schema, bound: &Bound<'_>, rows: &[usize], y: &[u8], run: &Run) -> Result<()> {
    if !(y.contains(&0) && y.contains(&1)) {
        return Ok(());
    }
    let kinds: Vec<(String, FieldKind)> = schema.features().map(|f| (f.name.clone(), f.kind)).collect();
    let aucs = run.map(kinds.len(), |slot| {
        let mut x = vec![0.0; rows.len()];
        bound.fill_rows(slot, rows, &mut x)?;
        if kinds[slot].1 == FieldKind::Category {
            level_rates(&mut x, y);
        } else {
            to_unit(&mut x);
        }
        let auc = Metric::RocAuc.value(y, &x, None, 0.5)?;
        Ok(auc.max(1.0 - auc))
    })?;
    for ((name, _), auc) in kinds.iter().zip(aucs) {
        if auc >= SUSPICIOUS_AUC {
            let note = Note {
                code: NoteCode::PossibleLeak,
                message: format!(
                    "tells the target almost alone (ROC-AUC {auc:.3}): if it is written down after the outcome, exclude it"
                ),
            };
            schema.note(name, note);
        }
    }
    Ok(())
}

/// Numbers to [0, 1] in their order; a gap counts as the lowest.
fn to_unit(x: &mut [f64]) {
    let low = x.iter().copied().filter(|v| !v.is_nan()).fold(f64::INFINITY, f64::min);
    let high = x.iter().copied().filter(|v| !v.is_nan()).fold(f64::NEG_INFINITY, f64::max);
    let span = high - low;
    for v in x {
        *v = if v.is_nan() || span.is_nan() || span <= 0.0 {
            0.0
        } else {
            0.5 + 0.5 * ((*v - low) / span).clamp(0.0, 1.0)
        };
    }
}

/// Levels to the rate of positives among the *other* rows of the level, so that a lone row does not tell its own label.
fn level_rates(x: &mut [f64], y: &[u8]) {
    let prior = y.iter().map(|&v| f64::from(v)).sum::<f64>() / y.len().max(1) as f64;
    // Code −1 (unseen) and gaps are levels too.
    let index = |v: f64| if v.is_nan() { 0 } else { (v + 2.0) as usize };
    let n = x.iter().map(|&v| index(v)).max().unwrap_or(0) + 1;
    let mut counts = vec![[0.0f64; 2]; n];
    for (&v, &label) in x.iter().zip(y) {
        counts[index(v)][usize::from(label)] += 1.0;
    }
    for (v, &label) in x.iter_mut().zip(y) {
        let mut c = counts[index(*v)];
        c[usize::from(label)] -= 1.0;
        *v = (c[1] + prior) / (c[0] + c[1] + 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Table};

    #[test]
    fn leaks_are_noted_and_honest_columns_are_not() {
        let n = 400usize;
        let y: Vec<u8> = (0..n).map(|i| u8::from(i % 5 == 0)).collect();
        let table = Table::new(vec![
            Column::float(
                "notice_days",
                y.iter().enumerate().map(|(i, &l)| if l == 1 { 30.0 + (i % 7) as f64 } else { f64::NAN }).collect(),
            ),
            Column::strings("status", y.iter().map(|&l| Some(if l == 1 { "left" } else { "here" }))),
            Column::strings("wide", (0..n).map(|i| Some(format!("w{}", i % 151)))),
            Column::int("age", (0..n).map(|i| (i * 31 % 47) as i64).collect()),
        ])
        .unwrap();
        let mut schema = Schema::infer(&table).unwrap();
        let bound = schema.bind(&table).unwrap();
        let rows: Vec<usize> = (0..n).collect();
        let mut noted = schema.clone();
        review(&mut noted, &bound, &rows, &y, &Run::new()).unwrap();
        schema = noted;
        let leaks: Vec<&str> = schema
            .fields()
            .iter()
            .filter(|f| f.notes.iter().any(|n| n.code == NoteCode::PossibleLeak))
            .map(|f| f.name.as_str())
            .collect();
        assert_eq!(leaks, ["notice_days", "status"]);
    }
}

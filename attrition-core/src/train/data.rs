//! What training needs of a table besides its features: labels, weights, groups, times.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::Place;
use crate::schema::{Role, Schema};
use crate::split::{Fold, Splitter};
use crate::table::{Column, Columns, Value, Values};
use crate::{Error, Result, Seed};

/// Labels, weights, groups and times, one a row of the table.
#[derive(Debug)]
pub(super) struct Supervision {
    pub(super) y: Vec<u8>,
    pub(super) w: Option<Vec<f64>>,
    groups: Option<Vec<u32>>,
    times: Option<Vec<i64>>,
}

impl Supervision {
    /// Read by the schema's roles, which gets both labels filled in.
    pub(super) fn read(schema: &mut Schema, table: Columns<'_>) -> Result<Supervision> {
        let (y, target) = schema.labels(table)?;
        schema.set_target(target);
        let one = |role: Role| -> Result<Option<Cow<'_, Column>>> {
            let names: Vec<&str> = schema.with_role(role).map(|f| f.name.as_str()).collect();
            match names[..] {
                [] => Ok(None),
                [name] => Ok(Some(table.column(name)?)),
                _ => Err(Error::param(
                    role.name(),
                    names.join(", "),
                    "one column",
                    "give the others another role, e.g. `exclude` them",
                )),
            }
        };
        Ok(Supervision {
            w: one(Role::Weight)?.map(|c| weights(&c)).transpose()?,
            groups: one(Role::Group)?.map(|c| groups(&c)).transpose()?,
            times: one(Role::Time)?.map(|c| times(&c)).transpose()?,
            y,
        })
    }

    /// Weights of some rows.
    pub(super) fn w_of(&self, rows: &[usize]) -> Option<Vec<f64>> {
        self.w.as_ref().map(|w| rows.iter().map(|&r| w[r]).collect())
    }
    /// Labels of some rows.
    pub(super) fn y_of(&self, rows: &[usize]) -> Vec<u8> {
        rows.iter().map(|&r| self.y[r]).collect()
    }

    fn split(&self, rows: &[usize], make: impl Fn(Splitter<'_>, &[u8]) -> Result<Vec<Fold>>) -> Result<Vec<Fold>> {
        let y = self.y_of(rows);
        let groups: Option<Vec<u32>> = self.groups.as_ref().map(|g| rows.iter().map(|&r| g[r]).collect());
        let times: Option<Vec<i64>> = self.times.as_ref().map(|t| rows.iter().map(|&r| t[r]).collect());
        let splitter = match (&times, &groups) {
            (Some(times), _) => Splitter::TimeForward(times),
            (None, Some(groups)) => Splitter::Grouped(groups),
            (None, None) => Splitter::Stratified,
        };
        let mut folds = make(splitter, &y)?;
        if let (Some(_), Some(groups)) = (&times, &groups) {
            // Forward in time, an earlier snapshot of a tested group would still be known: it is not learned from.
            for fold in &mut folds {
                let tested: std::collections::HashSet<u32> = fold.test.iter().map(|&i| groups[i]).collect();
                fold.train.retain(|&i| !tested.contains(&groups[i]));
            }
            crate::split::check_trainable(&folds, &y)?;
        }
        for fold in &mut folds {
            for i in fold.train.iter_mut().chain(&mut fold.test) {
                *i = rows[*i];
            }
        }
        Ok(folds)
    }

    /// Folds over some rows, as rows of the table.
    pub(super) fn folds(&self, rows: &[usize], k: usize, seed: Seed) -> Result<Vec<Fold>> {
        self.split(rows, |splitter, y| splitter.folds(y, k, seed))
    }

    /// A hold-out, as rows of the table.
    pub(super) fn holdout(&self, rows: &[usize], fraction: f64, seed: Seed) -> Result<Fold> {
        let mut folds = self.split(rows, |splitter, y| Ok(vec![splitter.holdout(y, fraction, seed)?]))?;
        folds.pop().ok_or_else(|| Error::Internal("a hold-out without rows".into()))
    }
}

fn weights(column: &Column) -> Result<Vec<f64>> {
    let bad = |row: usize, got: String| {
        Err(Error::data(
            Place::cell(row, column.name()),
            got,
            "a finite weight >= 0 in every row",
            "use 0 for a row that shall not count",
        ))
    };
    let mut out = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        let value = column.get(row);
        match value.as_f64() {
            Some(w) if w.is_finite() && w >= 0.0 => out.push(w),
            _ => return bad(row, value.describe()),
        }
    }
    if out.iter().all(|&w| w == 0.0) {
        return bad(0, "weight 0 in every row".into());
    }
    Ok(out)
}

fn groups(column: &Column) -> Result<Vec<u32>> {
    if let Some(row) = (0..column.len()).find(|&r| column.is_missing(r)) {
        return Err(Error::data(
            Place::cell(row, column.name()),
            "a missing group",
            "a group in every row",
            "give rows that belong together one name, and lone rows a name of their own",
        ));
    }
    let mut index: HashMap<String, u32> = HashMap::new();
    Ok((0..column.len())
        .map(|row| {
            let next = index.len() as u32;
            *index.entry(column.get(row).to_string()).or_insert(next)
        })
        .collect())
}

/// Instants as integers in their order: microseconds, or the numbers' own order.
fn times(column: &Column) -> Result<Vec<i64>> {
    (0..column.len())
        .map(|row| match (column.values(), column.get(row)) {
            (Values::Time(..), Value::Time(t)) => Ok(t),
            (_, Value::Int(i)) => Ok(i),
            // The order of floats as the order of integers: the sign bit flips the rest.
            (_, Value::Float(x)) if x.is_finite() => {
                let bits = (x + 0.0).to_bits() as i64;
                Ok(bits ^ (((bits >> 63) as u64) >> 1) as i64)
            }
            (_, value) => Err(Error::data(
                Place::cell(row, column.name()),
                value.describe(),
                "a time or a number in every row",
                "write times in ISO 8601, as 2024-05-31",
            )),
        })
        .collect()
}
